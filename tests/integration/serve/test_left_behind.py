"""What `serve` leaves in memory when it is killed: removed by the next one to start, never while somebody uses it."""

import os
import signal
from pathlib import Path

import pytest

from serving.metrics_folder import MEMORY, metrics_folder, owned_metrics_folder, remove_left_behind
from tests.integration.serve.service import ends, serving

pytestmark = pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no file system in memory")


def test_the_next_start_removes_what_killed_services_left_and_nothing_of_those_that_live(tmp_path: Path) -> None:
    killed_data, living_data, next_data = (tmp_path / name for name in ("killed", "living", "next"))
    for folder in (killed_data, living_data, next_data):
        folder.mkdir()
    killed, living = metrics_folder(killed_data), metrics_folder(living_data)
    with serving(living_data) as other:
        with serving(killed_data) as service:
            children = [*service.children("serving.worker"), *service.children("serving.drain")]
            # The drain is held, so that it outlives its parent.
            [drain] = service.children("serving.drain")
            os.kill(drain, signal.SIGSTOP)
            service.process.kill()
            service.process.wait()
            assert all(ends(child) for child in children if child != drain)
            assert killed not in remove_left_behind()
            assert killed.is_dir()
            os.kill(drain, signal.SIGKILL)
            assert ends(drain)
        with serving(next_data) as third:
            assert not killed.exists()
            assert living.is_dir()
            assert metrics_folder(next_data).is_dir()
            assert list(living.glob("*.db"))
            third.stop()
        assert not metrics_folder(next_data).exists()
        other.stop()
    assert not living.exists()


def test_only_what_nobody_owns_and_is_named_as_ours_is_removed(tmp_path: Path) -> None:
    with owned_metrics_folder(tmp_path) as owned:
        apart = tmp_path / "memory"
        apart.mkdir()
        left = apart / f"recommender-metrics-{os.getuid()}-left"
        somebody_elses = apart / "recommender-metrics-99999-x"
        strange = apart / "recommender-0-abc"
        for folder in (left, somebody_elses, strange):
            folder.mkdir()
            (folder / "counter_1.db").write_bytes(b"1")
        (apart / f"recommender-metrics-{os.getuid()}-link").symlink_to(owned.path)
        assert remove_left_behind(apart) == [left]
        assert somebody_elses.exists()
        assert strange.exists()
        assert owned.path.exists()
        assert owned.path not in remove_left_behind()
    assert not owned.path.exists()


def test_a_second_owner_starts_with_an_empty_folder(tmp_path: Path) -> None:
    path = metrics_folder(tmp_path)
    path.mkdir()
    (path / "counter_1.db").write_bytes(b"1")
    with owned_metrics_folder(tmp_path) as owned:
        assert list(owned.path.iterdir()) == []
