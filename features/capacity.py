"""What a shop of a given size needs, by coefficients that were measured: `capacity.toml` (docs/capacity.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Annotated

from msgspec import Meta, Struct

from features.config_file import read_config
from features.settings import Settings

FILE = "capacity.toml"
BUSY = 0.5  # of a core that a worker may be on average: half is left for peaks, deploys and the loss of another
MS_A_SECOND = 1_000.0
LINES_OF_A_FILE = 2_000_000  # longer histories are imported in several files (docs/capacity.md)

_Amount = Annotated[float, Meta(ge=0)]
_Range = Annotated[tuple[int, int], Meta(description="least and most that was measured")]


class Coefficients(Struct, frozen=True, forbid_unknown_fields=True):
    """One need: constant + item * items + shopper * shoppers + line * lines.

    Attributes:
        miss: largest share by which this misses a run that it was fitted to.
        miss_left_out: the same of each run, by a fit to the others; larger than 1 is possible.
    """

    miss: _Amount
    miss_left_out: _Amount
    constant: _Amount = 0.0
    item: _Amount = 0.0
    shopper: _Amount = 0.0
    line: _Amount = 0.0


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured: how many runs, on what, and the least and most of each size."""

    machine: str
    runs: Annotated[int, Meta(ge=1)]
    items: _Range
    shoppers: _Range
    lines: _Range


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is reckoned; seconds and milliseconds are the processor's, as in capacity.toml."""

    import_seconds: Coefficients
    import_memory_mib: Coefficients
    training_seconds: Coefficients
    training_memory_mib: Coefficients
    event_log_mib: Coefficients
    database_mib: Coefficients
    artifact_mib: Coefficients
    start_seconds: Coefficients
    worker_memory_mib: Coefficients
    shared_memory_mib: Coefficients
    answer_ms: Coefficients
    live_state_bytes: Coefficients


class Capacity(Struct, frozen=True, forbid_unknown_fields=True):
    """What capacity.toml says."""

    measured: Measured
    needs: Needs


@dataclass(frozen=True, slots=True)
class Shop:
    """The size that is asked about.

    Attributes:
        active: shoppers and visitors with live state at a time.
        lines: of orders in the history that is learnt from.
        rate: recommendations a second.
    """

    items: int
    shoppers: int
    lines: int
    active: int
    rate: float


@dataclass(frozen=True, slots=True)
class Amount:
    """A reckoned amount, and the share by which it may be off, by the runs."""

    value: float
    off: float

    def times(self, factor: float) -> "Amount":
        """So many times as much."""
        return Amount(self.value * factor, self.off)


@dataclass(frozen=True, slots=True)
class Requirements:
    """What the shop needs: an amount by each name of Needs, and what follows for the service.

    Attributes:
        workers: so that each is busy for BUSY of the time.
        service_memory_mib: of all workers and the files that they share.
        valkey_mib: live state of those active, without events that wait to be drained.
        beyond: what was asked that lies outside of what was measured.
    """

    amounts: Mapping[str, Amount]
    workers: int
    service_memory_mib: float
    valkey_mib: Amount
    beyond: tuple[str, ...]


def read_capacity(settings: Settings) -> Capacity:
    """Read the coefficients: those of the configuration folder, else those that ship.

    Raises:
        InvalidInput: the file is no TOML, or a coefficient is missing, unknown or below 0.
    """
    return read_config(settings, FILE, Capacity, "docs/capacity.md")[0]


def reckon(shop: Shop, capacity: Capacity) -> Requirements:
    """What a shop needs."""
    amounts = {
        name: _amount(getattr(capacity.needs, name), shop, LINES_OF_A_FILE if name == "import_memory_mib" else None)
        for name in Needs.__struct_fields__
    }
    workers = max(1, ceil(shop.rate * amounts["answer_ms"].value / MS_A_SECOND / BUSY))
    return Requirements(
        amounts=amounts,
        workers=workers,
        service_memory_mib=workers * amounts["worker_memory_mib"].value + amounts["shared_memory_mib"].value,
        valkey_mib=amounts["live_state_bytes"].times(shop.active / 2**20),
        beyond=tuple(_beyond(shop, capacity.measured)),
    )


def _amount(one: Coefficients, shop: Shop, most_lines: int | None) -> Amount:
    lines = shop.lines if most_lines is None else min(shop.lines, most_lines)
    value = one.constant + one.item * shop.items + one.shopper * shop.shoppers + one.line * lines
    return Amount(value, one.miss_left_out)


def _beyond(shop: Shop, measured: Measured) -> list[str]:
    sizes = {
        "items": (shop.items, measured.items),
        "shoppers": (shop.shoppers, measured.shoppers),
        "lines of orders": (shop.lines, measured.lines),
    }
    return [
        f"{size:,} {what}: {least:,} to {most:,} were measured"
        for what, (size, (least, most)) in sizes.items()
        if not least <= size <= most
    ]
