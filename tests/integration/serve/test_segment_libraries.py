"""Segment's own libraries against a running service: nothing changes but the host."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from features.events.log import scan_events
from features.settings import Settings
from tests.integration.serve.service import serving

NODE = Path(__file__).parent / "segment_node"
EVERY_CALL = [
    "Group Joined", "Page Viewed", "Product Viewed", "Screen Viewed", "User Aliased", "User Identified",
]  # fmt: skip
PYTHON = """
import sys
from segment.analytics import Client
failures = []
client = Client("any", host=sys.argv[1], gzip=True, max_retries=0, on_error=lambda error, batch: failures.append(error))
client.identify("ann", {"email": "ann@example.org"}, anonymous_id="phone")
client.track("ann", "Product Viewed", {"product_id": "milk"}, anonymous_id="phone")
client.page("ann", name="Home", anonymous_id="phone")
client.screen("ann", name="Basket", anonymous_id="phone")
client.group("ann", "club", anonymous_id="phone")
client.alias("phone", "ann")
client.shutdown()
sys.exit(repr(failures) if failures else 0)
"""


def logged(data_dir: Path) -> list[str]:
    events = scan_events(Settings(data_dir=data_dir)).collect()
    assert set(events["user_id"]) == {"ann"}
    assert "example.org" not in str(events.to_dicts())
    return sorted(events["event"])


def test_the_library_for_python(tmp_path):
    with serving(tmp_path) as service:
        command = [sys.executable, "-c", PYTHON, str(service.client.base_url)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        service.stop()
    assert done.returncode == 0, done.stderr
    assert logged(tmp_path) == EVERY_CALL


def test_the_library_for_node(tmp_path):
    folder = installed_for_node()
    with serving(tmp_path) as service:
        command = ["node", str(NODE / "send.cjs"), str(service.client.base_url), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        service.stop()
    assert done.returncode == 0, done.stderr
    assert logged(tmp_path) == EVERY_CALL


def installed_for_node() -> Path:
    """A folder with the library, kept between runs; skips where there is no Node or the registry cannot be reached."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    folder = Path(tempfile.gettempdir()) / "recommender-segment-node-3.1.0"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE / name, folder)
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=200, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"npm cannot install the library: {done.stderr[-200:]}")
    return folder
