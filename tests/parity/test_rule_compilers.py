import numpy as np
import polars as pl
import polars.selectors as cs
from hypothesis import given, settings
from hypothesis import strategies as st

from features.offline.rule_expressions import COLUMN_TYPES, with_rule
from recommender.rules.compiled import compile_rule, facts_of_item
from recommender.rules.schema import FACTS
from tests.rule_strategies import Situation, rules, situations


def scalars(source: str, situation: Situation) -> list[bool | None]:
    rule, catalogue, facts = compile_rule(source), situation.catalogue, situation.facts
    return [rule.evaluate(facts_of_item(catalogue, row, facts.now_day), facts, catalogue) for row in range(catalogue.n)]


def as_frame(situation: Situation) -> pl.LazyFrame:
    catalogue, facts = situation.catalogue, situation.facts
    items = [facts_of_item(catalogue, row, facts.now_day) for row in range(catalogue.n)]
    columns: dict[str, list[object]] = {}
    for path in FACTS:
        namespace, _, name = path.partition(".")
        if namespace == "item":
            columns[path] = [item[name] for item in items]
        elif name in (outside := getattr(facts, namespace)):
            value = outside[name]
            columns[path] = [sorted(value) if isinstance(value, frozenset) else value] * catalogue.n
    schema = {path: COLUMN_TYPES[FACTS[path].type] for path in columns}
    return pl.LazyFrame(columns, schema=schema).with_columns(
        shopper=pl.lit("ann"), now_day=facts.now_day, events_since_day=facts.events_since_day
    )


def event_frame(situation: Situation) -> pl.LazyFrame:
    """The situation's events and one of somebody else."""
    catalogue, facts = situation.catalogue, situation.facts
    quantities = facts.event_quantities if facts.event_quantities is not None else np.full(len(facts.events), np.nan)
    paths = [path for path in FACTS if path.startswith("item.")]
    frame = pl.DataFrame(
        {
            "shopper": ["ann"] * len(facts.events),
            "kind": facts.events.kinds,
            "day": facts.events.days,
            "quantity": quantities.astype(np.float64),
        },
        schema={"shopper": pl.String, "kind": pl.UInt8, "day": pl.Float64, "quantity": pl.Float64},
    )
    of_items = [facts_of_item(catalogue, row, facts.now_day) if row >= 0 else {} for row in facts.events.rows]
    for path in paths:
        values = [item.get(path.partition(".")[2]) for item in of_items]
        frame = frame.with_columns(pl.Series(path, values, dtype=COLUMN_TYPES[FACTS[path].type]))
    stranger = frame.head(1).with_columns(shopper=pl.lit("bob"))
    return pl.concat([frame, stranger]).lazy()


@settings(max_examples=300)
@given(rules(), situations())
def test_the_mask_is_true_exactly_where_the_scalar_is(source: str, situation: Situation) -> None:
    mask = compile_rule(source).mask(situation.catalogue, situation.facts)
    assert mask.dtype == np.bool_
    assert mask.tolist() == [value is True for value in scalars(source, situation)]


@given(rules(), situations(), st.data())
def test_a_mask_over_some_rows_is_that_part_of_the_whole(
    source: str, situation: Situation, data: st.DataObject
) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, situation.catalogue.n - 1))), dtype=np.int32)
    rule = compile_rule(source)
    whole = rule.mask(situation.catalogue, situation.facts)
    assert rule.mask(situation.catalogue, situation.facts, rows).tolist() == whole[rows].tolist()


@settings(max_examples=200)
@given(rules(), situations())
def test_polars_gives_the_same_three_values_as_the_scalar(source: str, situation: Situation) -> None:
    evaluated = with_rule(as_frame(situation), compile_rule(source), "holds", event_frame(situation)).collect()
    assert evaluated["holds"].to_list() == scalars(source, situation)


@settings(max_examples=50)
@given(rules(), situations())
def test_with_nothing_known_of_the_item_the_scalar_is_that_of_an_item_without_facts(
    source: str, situation: Situation
) -> None:
    rule = compile_rule(source)
    frame = as_frame(situation).drop(cs.starts_with("item.")).head(1)
    evaluated = with_rule(frame, rule, "holds", event_frame(situation)).collect()
    assert evaluated["holds"].to_list() == [rule.evaluate({}, situation.facts, situation.catalogue)]
