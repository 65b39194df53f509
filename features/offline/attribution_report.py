"""What was shown and what came of it, by placement and source, out of the event log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import select

from features.definitions import CLICK_WINDOW, CONVERSION_WINDOW, VIEW_WINDOW
from features.events.log import scan_events
from features.identity import ANONYMOUS_ID, USER_ID
from features.offline.attribution import attribute, outcomes
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import opened, reading
from features.sql.tables.people import identifiers
from recommender.errors import StoreUnavailable

WINDOWS = {"click": CLICK_WINDOW, "conversion": CONVERSION_WINDOW, "view": VIEW_WINDOW}


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """What came of the items that one source brought to one placement.

    Attributes:
        shown, viewed, clicked: items in slots; those that came into view, as far as clients said; those clicked.
        adds, orders: credited to a click or stated by the event; view_orders: to a view.
        revenue, view_revenue: minor units by currency, after discounts, refunds and cancellations.
    """

    placement: str
    source: str
    shown: int
    viewed: int
    clicked: int
    adds: int
    orders: int
    view_orders: int
    revenue: dict[str, int]
    view_revenue: dict[str, int]

    @property
    def click_rate(self) -> float:
        """Share of the shown items that were clicked."""
        return self.clicked / self.shown


@dataclass(frozen=True, slots=True)
class AttributionReport:
    """Outcomes of what was shown in [since, as_of), by placement and source; table: as `outcomes` gives it."""

    since: datetime
    as_of: datetime
    sources: list[SourceOutcome]
    table: pl.DataFrame


def report_attribution(settings: Settings, as_of: datetime, days: float) -> AttributionReport:
    """Attribute what the log knows at `as_of` to what was shown in the `days` before; opens no older day than it needs.

    Raises:
        InvalidInput: a file of the log is damaged. StoreUnavailable: the database cannot be reached.
    """
    since = as_of - timedelta(days=days)
    # What was shown earlier competes for credit as long as its windows reach.
    first_day = (since - CLICK_WINDOW - CONVERSION_WINDOW - timedelta(days=1)).date()
    persons, groups = _read_persons_and_groups(settings)
    shown, credited = attribute(scan_events(settings, since=first_day), as_of, persons=persons, groups=groups)
    joined = outcomes(shown, credited).filter(pl.col("shown_at") >= since)
    table = joined.sort("shown_at", "recommendation_id", "position").collect(engine="streaming")
    return AttributionReport(since, as_of, list(_by_source(table)), table)


def write_table(report: AttributionReport, file: Path) -> None:
    """Write one row per shown item as Parquet; raises StoreUnavailable when it cannot be written."""
    try:
        report.table.write_parquet(file, compression="zstd")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}."
        raise StoreUnavailable(message, remedy="Give a folder that exists and has room.") from error


def _read_persons_and_groups(settings: Settings) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """As `attribute` takes them: who is one person, and what is one product, now."""
    with opened(settings) as engine:
        column = identifiers.c
        named = select(column.kind, column.value, column.profile_number).where(column.kind.in_([USER_ID, ANONYMOUS_ID]))
        with reading(engine) as connection:
            known = [(kind, value, str(profile)) for kind, value, profile in connection.execute(named)]
        variants = [item for item in CatalogueStore(engine).read_all() if item.group_id != item.item_id]
    persons = pl.LazyFrame(known, schema={name: pl.String() for name in ("kind", "value", "person")}, orient="row")
    products = [(item.item_id, item.group_id) for item in variants]
    return persons, pl.LazyFrame(products, schema={"item_id": pl.String(), "group_id": pl.String()}, orient="row")


def _by_source(table: pl.DataFrame) -> Iterator[SourceOutcome]:
    keys = ["placement", "source"]
    counts = table.group_by(keys).agg(
        shown=pl.len(), viewed=pl.col("viewed_at").count(), clicked=(pl.col("clicks") > 0).sum(),
        adds=pl.col("adds").sum(), orders=pl.col("orders").sum(), view_orders=pl.col("view_orders").sum(),
    )  # fmt: skip
    money = table.drop_nulls("currency").group_by(*keys, "currency").agg(pl.col("revenue", "view_revenue").sum())
    revenue: dict[tuple[str, str], dict[str, int]] = {}
    view_revenue: dict[tuple[str, str], dict[str, int]] = {}
    for placement, source, currency, by_click, by_view in money.sort(*keys, "currency").iter_rows():
        revenue.setdefault((placement, source), {})[currency] = by_click
        view_revenue.setdefault((placement, source), {})[currency] = by_view
    for row in counts.sort("placement", "shown", "source", descending=[False, True, False]).iter_rows(named=True):
        key = (row["placement"], row["source"])
        yield SourceOutcome(**row, revenue=revenue.get(key, {}), view_revenue=view_revenue.get(key, {}))
