"""What a shop of a given size needs, by what shops of other sizes were measured to take."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

ROWS_OF_A_SHOPPER = 20  # lines of orders in the log, where nobody says how many
BUSY = 0.6  # share of a core that a worker may be busy for; above it, requests wait for one another
CORE_OF_THE_REST = 0.5  # cores for Valkey, the drain and the system beside the workers


@dataclass(frozen=True, slots=True)
class Shop:
    """How large a shop is.

    Attributes:
        rows: lines of orders that are learnt from.
        rate: recommendations a second at the busiest time.
    """

    items: int
    shoppers: int
    rows: int
    rate: float


@dataclass(frozen=True, slots=True)
class Law:
    """How a quantity grows: a sum of what each item, shopper and row adds to what an empty shop takes.

    Attributes:
        worst_error: the largest relative error on the shops that it was fitted to.
    """

    unit: str
    base: float
    item: float
    shopper: float
    row: float
    worst_error: float

    def at(self, shop: Shop) -> float:
        """The quantity for a shop, in `unit`."""
        return self.base + self.item * shop.items + self.shopper * shop.shoppers + self.row * shop.rows


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, where and when; `largest` is the largest shop of all."""

    on: str
    machine: str
    largest: Shop
    laws: Mapping[str, Law]


def read_measured() -> Measured:
    """The measurements that ship (recommender/config/capacity.toml)."""
    found = tomllib.loads(files("recommender").joinpath("config", "capacity.toml").read_text())
    laws = {name: Law(**law) for name, law in found["laws"].items()}
    return Measured(found["on"], found["machine"], Shop(**found["largest"], rate=0.0), laws)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that is needed: of what, how much, and what it is for."""

    what: str
    amount: float
    unit: str
    why: str


def needs_of(shop: Shop, measured: Measured) -> list[Need]:
    """What a shop needs; raises KeyError if a law is not among the measurements."""
    law = measured.laws
    per_core = 1_000_000 / law["request"].at(shop)
    workers = max(1, -int(-shop.rate // (per_core * BUSY)))
    shared = law["worker_shared"].at(shop)
    private = law["worker_private"].at(shop)
    of_workers = f"{workers} x {private:,.0f} and {shared:,.0f} that all share"
    memory = [
        Need("memory of the workers", shared + workers * private, "MiB", of_workers),
        Need(
            "memory of Valkey", law["live_state"].at(shop), "MiB", "if every shopper was active since the last training"
        ),
        Need(
            "memory of a training", law["training_memory"].at(shop), "MiB", "while it runs, here or on another machine"
        ),
    ]
    of_log = f"{shop.rows:,} lines of orders; browsing comes on top"
    disk = [
        Need("disk for the event log", law["event_log"].at(shop), "MiB", of_log),
        Need("disk for the database", law["database"].at(shop), "MiB", "catalogue and consents; coupons come on top"),
        Need("disk for each artifact", law["artifact"].at(shop), "MiB", "a training writes one"),
    ]
    of_core = f"{per_core:,.0f} recommendations/s of a core that is never idle; {BUSY:.0%} of it is reckoned with"
    cores = Need("cores to serve", workers * BUSY + CORE_OF_THE_REST, "", of_core)
    worker = Need("workers", workers, "", f"{shop.rate:,.0f} recommendations/s at the busiest time")
    learning = Need(
        "time of a training", law["training_time"].at(shop) / 60, "min", "of one core; parts of it use more"
    )
    return [worker, cores, *memory, *disk, learning]
