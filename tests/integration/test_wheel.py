"""What a `pip install` of the product brings: four packages with common names, and what they need at run time."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"recommender", "features", "training", "serving"}


def test_the_wheel_installs_our_four_packages_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == PACKAGES
    for needed in ("recommender/config/placements.toml", "recommender/config/training.toml"):
        assert needed in names
    assert any(name.startswith("features/sql/migrations/versions/") for name in names)
    assert any(name.startswith("features/online/lua/") and name.endswith(".lua") for name in names)
    assert not any(name.startswith("tests/") for name in names)
