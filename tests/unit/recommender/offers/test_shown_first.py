"""Which items of a campaign are shown with its offer."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.offers.products import LOOKED_AT, shown_first
from recommender.shopper import NO_PURCHASES

ROWS = st.sets(st.integers(0, 3 * LOOKED_AT), max_size=2 * LOOKED_AT).map(sorted)


@given(ROWS, st.dictionaries(st.integers(0, 3 * LOOKED_AT), st.integers(1, 4)), ROWS, st.integers(1, 6))
def test_what_was_bought_most_often_comes_first_then_the_others_in_their_order(rows, bought, sold, n):
    purchases = replace(
        NO_PURCHASES,
        rows=np.array(sorted(bought), dtype=np.int32),
        baskets=np.array([bought[row] for row in sorted(bought)], dtype=np.float32),
    )
    asked = []

    def for_sale(some):
        asked.append(len(some))
        return some[np.isin(some, sold)]

    shown = shown_first(np.array(rows, dtype=np.int32), purchases, for_sale, n)

    assert shown == sorted(set(rows) & set(sold), key=lambda row: (-bought.get(row, 0), row))[:n]
    assert max(asked) <= max(LOOKED_AT, len(bought))
