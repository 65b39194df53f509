"""The examples of docs/formats.md must really import."""

import re
from pathlib import Path

import pytest

from features.consent_import import import_consents
from features.consent_rows import COLUMNS
from features.events.importer import import_events
from features.events.schema import EVENT_COLUMNS
from features.progress import Silent
from features.settings import Settings
from features.sql.importer import import_catalogue, import_stores

PAGE = (Path(__file__).parents[3] / "docs/formats.md").read_text()
EXAMPLES = re.findall(r"^```(csv|jsonl) (\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
IMPORTS = {"events": import_events, "catalogue": import_catalogue, "stores": import_stores, "consents": import_consents}


@pytest.mark.parametrize(("kind", "about", "text"), EXAMPLES)
def test_an_example_imports_whole_and_again_changes_nothing(tmp_path, kind, about, text):
    settings = Settings(data_dir=tmp_path / "data", database_url=None)
    file = tmp_path / f"example.{kind}"
    file.write_text(text)
    rows = text.count("\n") - (kind == "csv")
    report = IMPORTS[about](settings, file, Silent())
    assert (report.accepted, report.duplicates, report.rejected) == (rows, 0, 0)
    again = IMPORTS[about](settings, file, Silent())
    assert (again.accepted, again.duplicates, again.rejected) == (0, rows, 0)


def test_the_page_has_examples_of_all():
    assert {about for _, about, _ in EXAMPLES} == set(IMPORTS)


@pytest.mark.parametrize("column", [*EVENT_COLUMNS, *COLUMNS])
def test_every_column_of_an_event_or_consent_is_described(column):
    assert re.search(rf"^\|[^|]*`{column}`", PAGE, re.MULTILINE)
