"""Memory and processor time of every process of `serve`, for Prometheus: read at each scrape, from any worker."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.logs import PROCESS

PROC = Path("/proc")  # where the kernel tells of processes; elsewhere this part of the page is empty
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Vital:
    """One look at one process; bytes and seconds.

    Attributes:
        private_bytes: of `memory_bytes`, what is not of a file: it is shared with nobody, and does not come from the
            artifact, which all workers map.
    """

    user_seconds: float
    system_seconds: float
    memory_bytes: int
    private_bytes: int
    threads: int
    files: int


def family() -> dict[str, Vital]:
    """Every process of this `serve` by its name: worker-1, ..., drain, valkey, parent; alone, this one as `serve`."""
    return family_of(os.getppid()) if PROCESS in os.environ else _look([(os.getpid(), "serve")])


def family_of(parent: int) -> dict[str, Vital]:
    """The same of the `serve` with this process id."""
    return _look([(parent, "parent"), *named_children(parent)])


def named_children(parent: int) -> list[tuple[int, str]]:
    """Process id and name of each child of a `serve`."""
    children = PROC / str(parent) / "task" / str(parent) / "children"
    try:
        return [(int(pid), _name(int(pid))) for pid in children.read_text().split()]
    except OSError:  # it has ended, or this is a kernel without this file
        return []


def _look(named: list[tuple[int, str]]) -> dict[str, Vital]:
    found: dict[str, Vital] = {}
    for pid, name in named:
        try:
            found[name] = _vital(PROC / str(pid))
        except (OSError, KeyError, IndexError):  # it ended meanwhile; a dead child has no memory
            continue
    return found


def _name(pid: int) -> str:
    try:
        variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return "other"
    prefix = f"{PROCESS}=".encode()
    return next((one[len(prefix) :].decode() for one in variables if one.startswith(prefix)), "valkey")


def _vital(folder: Path) -> Vital:
    # The name of the program, in brackets, may hold anything; what follows it is numbers.
    numbers = (folder / "stat").read_text().rpartition(")")[2].split()
    lines = (line.split() for line in (folder / "status").read_text().splitlines())
    status: Mapping[str, int] = {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
    return Vital(
        user_seconds=int(numbers[11]) / TICKS,
        system_seconds=int(numbers[12]) / TICKS,
        memory_bytes=status["VmRSS:"] * 1024,
        private_bytes=status["RssAnon:"] * 1024,
        threads=status["Threads:"],
        files=sum(1 for _ in (folder / "fd").iterdir()),
    )


class _ProcessMetrics(Collector):
    def collect(self) -> Iterator[Metric]:
        """The metrics of one look."""
        found = family()
        cpu = CounterMetricFamily(
            "process_cpu_time_seconds", "Processor time of each process of serve.", labels=["process", "cpu_mode"]
        )
        for name, vital in found.items():
            cpu.add_metric([name, "user"], vital.user_seconds)
            cpu.add_metric([name, "system"], vital.system_seconds)
        yield cpu
        for metric, help_text, values in (
            ("process_memory_usage_bytes", "Memory it has.", {n: v.memory_bytes for n, v in found.items()}),
            (
                "recommender_process_private_memory_bytes",
                "Memory it has that is not of a mapped file, as the artifact is.",
                {n: v.private_bytes for n, v in found.items()},
            ),
            ("process_thread_count", "Threads it has.", {n: v.threads for n, v in found.items()}),
            ("process_unix_file_descriptor_count", "Files it has open.", {n: v.files for n, v in found.items()}),
        ):
            gauge = GaugeMetricFamily(metric, help_text, labels=["process"])
            for name, value in values.items():
                gauge.add_metric([name], value)
            yield gauge


def process_page() -> bytes:
    """The part of the metrics page on processes."""
    registry = CollectorRegistry()
    registry.register(_ProcessMetrics())
    return generate_latest(registry)
