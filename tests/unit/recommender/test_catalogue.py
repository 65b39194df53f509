"""What the catalogue keeps twice agrees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalogue import KIND_FACTS, NEVER, OPEN_FROM, PRICE, Catalogue
from tests.builders import item

N_ITEMS = 6
facts = st.fixed_dictionaries(
    {
        "price": st.none() | st.integers(0, 2**40),
        "hidden": st.booleans(),
        "stock": st.none() | st.integers(0, 2),
        "margin": st.sampled_from([None, -0.5, 0.35]),
        "min_age": st.sampled_from([0, 18, 2**40]),
        "category": st.none() | st.sampled_from("abc"),
    }
)
changes = st.lists(st.tuples(st.integers(0, 2 * N_ITEMS), st.none() | facts), max_size=12)


@given(st.lists(facts, min_size=N_ITEMS, max_size=N_ITEMS), changes)
def test_a_card_says_what_the_other_arrays_say(first: list[dict[str, object]], changed):
    catalogue = Catalogue.of([item(number, **known) for number, known in enumerate(first)], spare=2)
    for number, known in changed:
        if known is None:
            catalogue.remove(item(number).item_id)
        else:
            catalogue.upsert(item(number, **known))
    margins = catalogue.number["margin"]
    for row, known in enumerate(catalogue.items):
        assert margins[row] == known.margin if known.margin is not None else np.isnan(margins[row])
        card = catalogue.cards[row].tolist()
        assert card[: len(KIND_FACTS)] == [catalogue.text[name].codes[row] for name in KIND_FACTS]
        shown = catalogue.visible[row] and catalogue.in_stock[row]
        assert card[OPEN_FROM] == (min(known.min_age, NEVER) if shown else NEVER)
        assert card[PRICE] == (-1 if known.price is None else min(known.price, 2**31 - 1))
    assert (catalogue.cards[catalogue.n :, OPEN_FROM] == NEVER).all()
