"""Compiles a rule to Polars, for segments and for any past moment; it agrees with the mask and the scalar."""

from collections.abc import Collection
from functools import reduce
from math import inf
from operator import and_, or_

import polars as pl

from recommender.rules.compiled import Rule
from recommender.rules.schema import FACTS, FactType
from recommender.rules.syntax import (
    OPPOSITE,
    Aggregate,
    Among,
    AmongFact,
    And,
    Compare,
    Condition,
    Fact,
    Known,
    Literal,
    Not,
    Operand,
    Or,
    Order,
    Search,
    Truth,
    aggregates,
    leaves,
    operands,
    type_of,
)

COLUMN_TYPES: dict[FactType, pl.DataType] = {
    FactType.TEXT: pl.String(),
    FactType.NUMBER: pl.Float64(),
    FactType.BOOLEAN: pl.Boolean(),
    FactType.TEXTS: pl.List(pl.String()),
}

_ROW = "rule.row"
_OF_EVENT = "event."  # in front of the columns of an event, so that they stand beside those of the row


def with_rule(frame: pl.LazyFrame, rule: Rule, name: str, events: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Evaluate a rule for each row.

    In:  frame: columns named like the facts (`item.price`, `shopper.age`); a column that is missing, null or NaN is
         unknown. For a rule that counts or sums events also shopper str, now_day f64, and events_since_day f64 (null:
         nothing is known to be complete).
         events: shopper str, kind u8 (EventKind), day f64, quantity f64 (null: not known), and `item.` facts of the
         item; left out: no events are known.
    Out: the same rows in the same order plus `name` bool; null where the rule is unknown.
    """
    columns = frame.collect_schema().names()
    wanted = aggregates(rule.condition)
    if not wanted:
        return frame.with_columns(_Expressions(columns).condition(rule.condition).alias(name))
    known_events = _no_events() if events is None else events
    totalled = frame.with_row_index(_ROW)
    for position, aggregate in enumerate(wanted):
        totals = _totals(totalled, aggregate, position, known_events)
        totalled = totalled.join(totals, on=_ROW, how="left", maintain_order="left")
    holds = _Expressions(columns, totals=wanted).condition(rule.condition)
    return totalled.with_columns(holds.alias(name)).select(*columns, name)


class _Expressions:
    """Turns conditions into expressions over known columns; `prefix` stands in front of the columns of the item."""

    def __init__(self, columns: Collection[str], prefix: str = "", totals: Collection[Aggregate] = ()) -> None:
        self._columns = frozenset(columns)
        self._prefix = prefix
        self._position = {aggregate: position for position, aggregate in enumerate(totals)}

    def condition(self, condition: Condition) -> pl.Expr:
        match condition:
            case And(parts):
                return reduce(and_, (self.condition(part) for part in parts))
            case Or(parts):
                return reduce(or_, (self.condition(part) for part in parts))
            case Not(part):
                return ~self.condition(part)
            case Compare(left, order, right) if type_of(left) == FactType.NUMBER:
                return _compare_bounds(self._bounds(left), order, self._bounds(right))
            case Compare(left, order, right):
                same = self._plain(left) == self._plain(right)
                return same if order == "==" else ~same
            case Known(fact, negated):
                return self._plain(fact).is_null() if negated else self._plain(fact).is_not_null()
            case Truth(operand, negated):
                return ~self._plain(operand) if negated else self._plain(operand)
            case Among(operand, values, negated):
                found = self._plain(operand).is_in(list(values))
                return ~found if negated else found
            case AmongFact(operand, texts, negated):
                word = self._plain(operand)
                found = pl.when(word.is_not_null()).then(self._plain(texts).list.contains(word))
                return ~found if negated else found
            case Search(fact, how, text, negated):
                words = self._plain(fact).str
                found = words.contains(text, literal=True) if how == "contains" else words.starts_with(text)
                return ~found if negated else found

    def _plain(self, operand: Operand) -> pl.Expr:
        match operand:
            case Literal(value):
                return pl.lit(value, dtype=COLUMN_TYPES[type_of(operand)])
            case Fact(path, namespace=namespace):
                column = f"{self._prefix}{path}" if namespace == "item" else path
                dtype = COLUMN_TYPES[FACTS[path].type]
                values = pl.col(column).cast(dtype) if column in self._columns else pl.lit(None, dtype=dtype)
                return values.fill_nan(None) if FACTS[path].type == FactType.NUMBER else values
            case Aggregate():
                raise ValueError("an aggregate is a number within bounds, not a plain value")

    def _bounds(self, operand: Operand) -> tuple[pl.Expr, pl.Expr]:
        if isinstance(operand, Aggregate):
            return _bound_columns(self._position[operand])
        value = self._plain(operand)
        return value, value


def _bound_columns(position: int) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"rule.low.{position}"), pl.col(f"rule.high.{position}")


def _compare_bounds(left: tuple[pl.Expr, pl.Expr], order: Order, right: tuple[pl.Expr, pl.Expr]) -> pl.Expr:
    surely, surely_not = _surely(left, order, right), _surely(left, OPPOSITE[order], right)
    return pl.when(surely).then(True).when(surely_not).then(False)


def _surely(left: tuple[pl.Expr, pl.Expr], order: Order, right: tuple[pl.Expr, pl.Expr]) -> pl.Expr:
    (low, high), (other_low, other_high) = left, right
    match order:
        case "<":
            return high < other_low
        case "<=":
            return high <= other_low
        case ">":
            return low > other_high
        case ">=":
            return low >= other_high
        case "==":
            return (low == other_high) & (high == other_low)
        case "!=":
            return (high < other_low) | (low > other_high)


def _totals(frame: pl.LazyFrame, aggregate: Aggregate, position: int, events: pl.LazyFrame) -> pl.LazyFrame:
    """Columns rule.row, rule.low.N and rule.high.N: what is certain and what is possible of one aggregate, per row."""
    start = pl.col("now_day") - aggregate.window_days
    found = _matching(frame, aggregate, events).group_by(_ROW).agg(*_certain_and_possible(aggregate))
    complete = (pl.col("events_since_day").fill_nan(None) <= start).fill_null(value=False)
    low, high = pl.col("low").fill_null(0.0), pl.col("high").fill_null(0.0)
    return (
        frame.select(_ROW, "now_day", "events_since_day")
        .join(found, on=_ROW, how="left")
        .select(
            _ROW,
            low.alias(f"rule.low.{position}"),
            pl.when(complete).then(high).otherwise(inf).alias(f"rule.high.{position}"),
        )
    )


def _matching(frame: pl.LazyFrame, aggregate: Aggregate, events: pl.LazyFrame) -> pl.LazyFrame:
    """The events of each row that are of the kind and in the window, with `matches` (null: unknown) and `quantity`."""
    outer = [] if aggregate.where is None else _outer_columns(aggregate.where)
    present = [column for column in outer if column in frame.collect_schema().names()]
    named = events.rename(lambda column: column if column == "shopper" else f"{_OF_EVENT}{column}")
    columns = [*present, *named.collect_schema().names()]
    matches = pl.lit(value=True)
    if aggregate.where is not None:
        matches = _Expressions(columns, prefix=_OF_EVENT).condition(aggregate.where)
    day = pl.col(f"{_OF_EVENT}day")
    inside = (day >= pl.col("now_day") - aggregate.window_days) & (day <= pl.col("now_day"))
    return (
        frame.select(_ROW, "shopper", "now_day", *present)
        .join(named.filter(pl.col(f"{_OF_EVENT}kind") == int(aggregate.kind)), on="shopper")
        .filter(inside)
        .select(_ROW, matches=matches, quantity=pl.col(f"{_OF_EVENT}quantity").fill_nan(None))
    )


def _outer_columns(where: Condition) -> list[str]:
    """The facts that `where` takes from the row, not from the event."""
    facts = [value for leaf in leaves(where) for value in operands(leaf) if isinstance(value, Fact)]
    return sorted({fact.path for fact in facts if fact.namespace != "item"})


def _certain_and_possible(aggregate: Aggregate) -> tuple[pl.Expr, pl.Expr]:
    certain, possible = pl.col("matches").fill_null(value=False), pl.col("matches").fill_null(value=True)
    if aggregate.measure == "count":
        return certain.sum().cast(pl.Float64).alias("low"), possible.sum().cast(pl.Float64).alias("high")
    quantity = pl.col("quantity")
    unknown = (possible & quantity.is_null()).any()
    at_most = quantity.filter(possible).sum()
    return quantity.filter(certain).sum().alias("low"), pl.when(unknown).then(inf).otherwise(at_most).alias("high")


def _no_events() -> pl.LazyFrame:
    return pl.LazyFrame(schema={"shopper": pl.String, "kind": pl.UInt8, "day": pl.Float64, "quantity": pl.Float64})
