"""Which zone a phone is in, by our rules, on public readings of real beacons: how often that is right.

    python -m loadtests.zones --data FOLDER

FOLDER has the readings (labeled.parquet, or the CSV of the same name): location, a cell of a grid such as "J04"; date;
and for each of 13 iBeacons the signal strength in dBm, -200 where it was not heard. They are read as one walk.

The zone of a cell is that of the nearest beacon. Where a beacon hangs is not in the data: it is worked out from the
first half of the readings (the average of the cells where it was heard, by received power), and all is measured on the
second half, so that no reading judges itself.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from features.place_rules import read_presence_rules
from features.settings import Settings
from recommender.ids import StoreId, ZoneId
from recommender.places.heard import KEPT_SECONDS, MOST_HEARD, Heard
from recommender.places.places import Places
from recommender.places.walk import Standing, WalkRules, follow
from recommender.places.zone import Zone

NOT_HEARD = -200
SHIPPED = read_presence_rules(Settings())
RULES = SHIPPED.walk
COMPARED = {
    "loudest reading of the moment": replace(
        RULES, smoothing_ms=1, margin=0.0, enter=-127.0, leave=-127.0, silence_ms=1
    ),
    "averaged over 20 s, 6 dB, no fading": replace(RULES, smoothing_ms=20_000, fading=0.0, margin=6.0),
    "averaged over 20 s, 3 dB, no fading": replace(RULES, smoothing_ms=20_000, fading=0.0),
    "as shipped, but no margin": replace(RULES, margin=0.0),
    "as shipped, but 6 dB": replace(RULES, margin=6.0),
    "as shipped: 10 s, 3 dB, fading 2 dB/s": RULES,
}


def read_readings(folder: Path) -> pl.DataFrame:
    """Out: x, y i64 (cell), at i64 (ms), b* i64 (dBm); in order of time."""
    file = folder / "labeled.parquet"
    raw = pl.read_parquet(file) if file.exists() else pl.read_csv(folder / "labeled.csv")
    forms = [pl.col("date").str.to_datetime(form, strict=False) for form in ("%m-%d-%Y %H:%M:%S", "%m-%d-%y %H:%M")]
    return raw.with_columns(
        x=pl.col("location").str.head(1).replace_strict({chr(65 + n): n for n in range(26)}, return_dtype=pl.Int64),
        y=pl.col("location").str.slice(1).cast(pl.Int64),
        at=pl.coalesce(forms).dt.epoch("ms"),
    ).sort("at", maintain_order=True)


def places_of_beacons(readings: pl.DataFrame, beacons: Sequence[str]) -> NDArray[np.float64]:
    """(n_beacons, 2): where each hangs, in cells; not a number for one that was never heard."""
    cells = readings.select("x", "y").to_numpy().astype(np.float64)
    levels = readings.select(beacons).to_numpy()
    power = np.where(levels > NOT_HEARD, 10.0 ** (levels / 10.0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (power.T @ cells) / power.sum(axis=0)[:, None]


def walk(readings: pl.DataFrame, zones: Sequence[Zone], beacons: Sequence[str], rules: WalkRules) -> list[Standing]:
    """What the rules say after each reading, of what is kept of a device then."""
    kept: list[tuple[Heard, Zone]] = []
    said: list[Standing] = []
    for row in readings.iter_rows(named=True):
        at = int(row["at"])
        heard = [(Heard(at, n, at, float(row[name]), 1), zones[n]) for n, name in enumerate(beacons)]
        kept += [entry for entry in heard if entry[0].rssi_dbm > NOT_HEARD]
        kept = [entry for entry in kept if entry[0].at > at - KEPT_SECONDS * 1000][-MOST_HEARD:]
        said.append(follow(kept, Places(), rules))
    return said


def compare(readings: pl.DataFrame) -> Table:
    """Each set of rules on the second half of the readings."""
    beacons = [name for name in readings.columns if name.startswith("b3")]
    half = readings.height // 2
    where, tested = places_of_beacons(readings.head(half), beacons), readings.slice(half)
    zones = [Zone(zone_id=ZoneId(name), store_id=StoreId("s"), kind="aisle", name=name) for name in beacons]
    cells = tested.select("x", "y").to_numpy().astype(np.float64)
    far = np.linalg.norm(cells[:, None, :] - where[None, :, :], axis=2)
    far[np.isnan(far)] = np.inf  # a beacon of which the first half knows nothing
    nearest = np.argsort(far, axis=1)
    headings = ("right", "right or next", "in a zone", "cells off, median", "changes", "present", "right then")
    table = Table("rules", *headings, title=f"{tested.height} readings of {len(np.unique(cells, axis=0))} cells")
    for name, rules in COMPARED.items():
        said = walk(tested, zones, beacons, rules)
        table.add_row(name, *_figures(said, tested["at"].to_list(), beacons, nearest, far))
    true = int((np.diff(nearest[:, 0]) != 0).sum())
    table.caption = f"the walk itself changes zones {true} times; present: for {SHIPPED.dwell.seconds} s"
    return table


def _figures(
    said: Sequence[Standing],
    at: Sequence[int],
    beacons: Sequence[str],
    nearest: NDArray[np.intp],
    far: NDArray[np.float64],
) -> list[str]:
    dwell = SHIPPED.dwell.seconds * 1000
    chosen = np.array([-1 if one.zone is None else beacons.index(one.zone.zone_id) for one in said])
    entered = np.array([one.entered for one in said])
    there = chosen >= 0
    dwelt = there & (np.array(at) - entered >= dwell)
    right = chosen == nearest[:, 0]
    off = far[np.arange(len(chosen)), chosen][there]
    return [
        f"{right[there].mean():.1%}",
        f"{(right | (chosen == nearest[:, 1]))[there].mean():.1%}",
        f"{there.mean():.1%}",
        f"{np.median(off):.1f}",
        f"{int((np.diff(chosen) != 0).sum())}",
        f"{dwelt.mean():.1%}",
        f"{right[dwelt].mean():.1%}" if dwelt.any() else "-",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with labeled.parquet or labeled.csv")
    Console(width=150).print(compare(read_readings(parser.parse_args().data)))
