"""Random well-typed rules, and random situations to evaluate them in."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from recommender.catalogue import Catalogue, CatalogueItem
from recommender.ids import GroupId, ItemId, ItemNumber
from recommender.rules.compiled import Facts
from recommender.rules.facts import Value
from recommender.rules.schema import EVENTS, FACTS, FactType
from recommender.shopper import Touches

WORDS = ("A", "B", "AB", "it's", 'say "hi" \\', "")
NUMBERS = (-1.0, 0.0, 1.0, 2.0, 2.5, 3.0, 7.0)
NOW_DAY = 20_000.25

T = TypeVar("T")


def _paths(kind: FactType, namespaces: tuple[str, ...] = ("item", "shopper", "basket", "context")) -> list[str]:
    return [path for path, fact in FACTS.items() if fact.type == kind and path.split(".")[0] in namespaces]


def quoted(word: str) -> str:
    """A text as a rule spells it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _spelt(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


_outside = ("shopper", "basket", "context")
_literal_texts = st.sampled_from(("A", "B", *WORDS)).map(quoted)
_literal_numbers = st.sampled_from(NUMBERS).map(_spelt)
_orders = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_equalities = st.sampled_from(["==", "!="])
_ins = st.sampled_from(["in", "not in"])


def _lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=4).map(lambda listed: f"[{', '.join(listed)}]")


def _joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


def _aggregates() -> st.SearchStrategy[str]:
    names = st.sampled_from(["count(", "sum(quantity of "])
    where = st.one_of(st.just(""), _trees(_leaves(aggregates=False), 3).map(lambda rule: f" where {rule}"))
    windows = st.sampled_from(["1 hour", "1.5 days", "1 week", "4 weeks"])
    return st.tuples(names, st.sampled_from(list(EVENTS)), where, windows).map(
        lambda parts: f"{parts[0]}{parts[1]}{parts[2]} within {parts[3]})"
    )


def _leaves(*, aggregates: bool) -> st.SearchStrategy[str]:
    item_text, other_text = st.sampled_from(_paths(FactType.TEXT, ("item",))), _paths(FactType.TEXT, _outside)
    text_values = st.one_of(_literal_texts, st.sampled_from(other_text))
    number_facts = st.sampled_from(_paths(FactType.NUMBER))
    totals = [_aggregates()] if aggregates else []
    number_values = st.one_of(number_facts, number_facts, _literal_numbers, *totals)
    booleans = st.sampled_from([*_paths(FactType.BOOLEAN), "true", "false"])
    searchable = [path for path in _paths(FactType.TEXT) if FACTS[path].searchable]
    how = st.sampled_from(["contains", "not contains", "starts with", "not starts with"])
    known = st.sampled_from(["is known", "is unknown", "is not known", "is not unknown"])
    return st.one_of(
        _joined(number_values, _orders, number_values),
        _joined(item_text, _equalities, text_values),
        _joined(text_values, _equalities, item_text),
        _joined(text_values, _equalities, text_values),
        _joined(item_text, _ins, _lists(_literal_texts)),
        _joined(number_facts, _ins, _lists(_literal_numbers)),
        _joined(st.one_of(item_text, text_values), _ins, st.sampled_from(_paths(FactType.TEXTS))),
        _joined(st.sampled_from(searchable), how, _literal_texts),
        _joined(st.sampled_from(list(FACTS)), known),
        booleans,
        _joined(booleans, _equalities, booleans),
        *(_joined(total, _orders, _literal_numbers) for total in totals * 4),
    )


def _trees(leaf: st.SearchStrategy[str], max_leaves: int) -> st.SearchStrategy[str]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda rule: f"not ({rule})"),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        ),
        max_leaves=max_leaves,
    )


_CONDITIONS = _leaves(aggregates=True)
_RULES = st.one_of(_CONDITIONS, _CONDITIONS.map(lambda rule: f"not {rule}"), _trees(_CONDITIONS, 6))


def rules() -> st.SearchStrategy[str]:
    """The source of a well-typed rule."""
    return _RULES


@dataclass(frozen=True)
class Situation:
    """A catalogue and the facts around it."""

    catalogue: Catalogue
    facts: Facts


def situations() -> st.SearchStrategy[Situation]:
    """A few items with facts missing here and there, and a shopper of whom some things are known."""
    return st.integers(0, 2**32 - 1).map(lambda seed: _situation(np.random.default_rng(seed)))


def _situation(rng: np.random.Generator) -> Situation:
    items = [_item(rng, number) for number in range(rng.integers(1, 5))]
    n_events = rng.integers(0, 5)
    events = Touches(
        rows=rng.integers(-1, len(items), n_events, dtype=np.int32),
        kinds=rng.choice(list(EVENTS.values()), n_events).astype(np.uint8),
        days=NOW_DAY - rng.choice([-1, 0, 0.5, 1.5, 2, 6, 20, 40], n_events),
    )
    quantities = rng.choice([0.5, 1, 2, np.nan], n_events).astype(np.float32)
    facts = Facts(
        now_day=NOW_DAY,
        shopper=_facts(rng, "shopper"),
        basket=_facts(rng, "basket"),
        context=_facts(rng, "context"),
        events=events,
        event_quantities=_one_of(rng, None, quantities, quantities),
        events_since_day=NOW_DAY - _one_of(rng, np.nan, 0, 1.5, 5, 30, 30),
    )
    return Situation(Catalogue.of(items, spare=1), facts)


def _item(rng: np.random.Generator, number: int) -> CatalogueItem:
    names = ("department", "category", "type", "brand", "manufacturer", "size")
    return CatalogueItem(
        item_id=ItemId(WORDS[number]),
        item_number=ItemNumber(number),
        group_id=GroupId(_one_of(rng, *WORDS)),
        title="",
        price=_one_of(rng, None, 0, 1, 2, 3, 7),
        currency="EUR",
        added_day=NOW_DAY + _one_of(rng, -3.0, -2.1, -0.5, 0.0, 1.0),
        stock=_one_of(rng, None, 0, 5),
        min_age=_one_of(rng, 0, 2),
        **{name: _one_of(rng, None, None, "A", "A", "B", *WORDS) for name in names},
    )


def _facts(rng: np.random.Generator, namespace: str) -> dict[str, Value]:
    paths = [path for path in FACTS if path.startswith(f"{namespace}.") and rng.random() < 0.8]
    return {path.partition(".")[2]: _value(rng, path) for path in paths}


def _value(rng: np.random.Generator, path: str) -> Value:
    kind = FACTS[path]
    match kind.type:
        case FactType.TEXT:
            return _one_of(rng, None, *WORDS)
        case FactType.NUMBER:
            return _one_of(rng, None, float("nan"), *(n for n in NUMBERS if kind.lowest <= n <= kind.highest))
        case FactType.BOOLEAN:
            return _one_of(rng, None, True, False)
        case FactType.TEXTS:
            return _one_of(rng, None, frozenset[str](), frozenset(WORDS[:2]), frozenset(WORDS[1:4]))


def _one_of(rng: np.random.Generator, *values: T) -> T:
    return values[rng.integers(len(values))]
