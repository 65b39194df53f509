"""Where the processes of one `serve` count: a folder in memory that is theirs while one of them lives.

Who owns a folder holds a lock on it, which the kernel gives back however they end.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folders in it are ours alone


@dataclass(frozen=True, slots=True)
class MetricsFolder:
    """An empty folder; whoever inherits `descriptor` owns it too."""

    path: Path
    descriptor: int


def metrics_folder(data_dir: Path) -> Path:
    """The folder: in memory, where there is a file system in it.

    They map the files, and who writes to a page for which a full disk has no room is killed.
    """
    data = data_dir.resolve()
    if not MEMORY.is_dir():
        return data / "metrics"
    return MEMORY / f"{_prefix()}{hashlib.sha256(str(data).encode()).hexdigest()[:16]}"


@contextmanager
def owned_metrics_folder(data_dir: Path) -> Generator[MetricsFolder]:
    """Make the folder of a data folder that nobody else serves, and remove it afterwards.

    Those of others that were killed, all their processes, are removed first.
    """
    if MEMORY.is_dir():
        remove_left_behind()
    path = metrics_folder(data_dir)
    while True:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, path):
            break
        os.close(descriptor)  # somebody who was cleaning up removed it before it was locked
    try:
        yield MetricsFolder(path, descriptor)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def remove_left_behind(memory: Path = MEMORY) -> list[Path]:
    """Remove the folders of this user that no living process owns; returns them."""
    removed: list[Path] = []
    for path in sorted(memory.glob(f"{_prefix()}*")):
        with suppress(OSError):  # it was removed meanwhile, is owned, or is nobody's folder
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, path):
                    shutil.rmtree(path)
                    removed.append(path)
            finally:
                os.close(descriptor)
    return removed


def _prefix() -> str:
    return f"recommender-metrics-{os.getuid()}-"


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
