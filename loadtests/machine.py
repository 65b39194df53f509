"""How fast the machine is from moment to moment, and what its processes wait for.

Machines that others share slow down and recover within minutes; without this beside it, a drift of the service and one
of its machine look alike.
"""

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter, thread_time

_WORK, _PAGE = bytes(2**20), bytes(4096)
_STOLEN = 8  # place of "steal" in the first line of /proc/stat


@dataclass(frozen=True, slots=True)
class Machine:
    """A look at the machine.

    Attributes:
        fixed_work_ms: milliseconds of the processor for a hash of a mebibyte, about one; others can go on meanwhile.
        sync_ms: milliseconds until 4 KiB are on the disk.
        waited: by what for, the seconds in all that some process waited ("processor", "disk"), or that the processors
            were lent to other machines of the same host ("other guests", a mean of the processors). What the kernel
            does not tell is not there.
    """

    fixed_work_ms: float
    sync_ms: float
    waited: dict[str, float] = field(default_factory=dict[str, float])


def look(folder: Path) -> Machine:
    """The machine as it is now, with the disk of a folder; takes some milliseconds."""
    return Machine(_fixed_work_ms(), _sync_ms(folder), _waited(Path("/proc")))


def _fixed_work_ms() -> float:
    started = thread_time()
    blake2b(_WORK).digest()
    return 1000 * (thread_time() - started)


def _sync_ms(folder: Path) -> float:
    with TemporaryFile(dir=folder, buffering=0) as file:
        started = perf_counter()
        file.write(_PAGE)
        os.fsync(file.fileno())
        return 1000 * (perf_counter() - started)


def _waited(proc: Path) -> dict[str, float]:
    waited = dict[str, float]()
    for name, file in (("processor", "cpu"), ("disk", "io")):
        try:
            some = (proc / "pressure" / file).read_text().splitlines()[0]  # some avg10=… avg60=… avg300=… total=…
        except OSError:
            continue
        waited[name] = float(some.rpartition("=")[2]) / 1e6
    ticks = (proc / "stat").read_text().split("\n", 1)[0].split()
    waited["other guests"] = float(ticks[_STOLEN]) / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
    return waited
