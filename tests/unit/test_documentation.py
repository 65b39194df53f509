"""The pages that list what the code has must list all of it."""

from pathlib import Path

from features.settings import Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented_with_its_default():
    page = (ROOT / "docs/settings.md").read_text()
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"RECOMMENDER_{name.upper()}"
        default = "unset" if field.default is None else f"`{field.default}`".lower()
        assert f"| `{variable}` | {default} | {field.description} |" in page


def test_no_path_of_a_machine_and_no_download_address_in_the_pins():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "file:" not in text
        assert "--hash=sha256:" in text
