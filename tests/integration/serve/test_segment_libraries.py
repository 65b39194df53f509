"""Segment's own libraries against a running service: nothing changes but the host."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.events.log import scan_events
from features.settings import Settings
from tests.integration.serve.service import Service, eventually, serving

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


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as service:
        yield service
        service.stop()


def has_logged_every_call_of(service: Service, user_id: str) -> bool:
    events = scan_events(Settings(data_dir=service.data_dir)).collect()
    assert set(events["user_id"]) <= {"ann", "eve"}
    assert "example.org" not in str(events.to_dicts())
    return sorted(events.filter(events["user_id"] == user_id)["event"]) == EVERY_CALL


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_library_for_python(service: Service):
    run(sys.executable, "-c", PYTHON, service.base)
    assert eventually(lambda: has_logged_every_call_of(service, "ann"))


def test_the_library_for_node(service: Service):
    run("node", str(NODE / "send.cjs"), service.base, str(installed_for_node()))
    assert eventually(lambda: has_logged_every_call_of(service, "eve"))


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
