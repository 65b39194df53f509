"""What a shop needs: larger shops never less, and laws are found again from what they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from loadtests.fit_capacity import fit
from recommender.capacity import BUSY, Shop, needs_of, read_measured
from recommender.cli.app import app

MEASURED = read_measured()
COUNTS = st.integers(1, 10**7)
SHOPS = st.builds(Shop, items=COUNTS, shoppers=COUNTS, rows=COUNTS, rate=st.floats(0, 10**5))


@given(small=SHOPS, more=SHOPS)
def test_a_larger_shop_never_needs_less(small: Shop, more: Shop) -> None:
    large = Shop(
        small.items + more.items, small.shoppers + more.shoppers, small.rows + more.rows, small.rate + more.rate
    )
    for a, b in zip(needs_of(small, MEASURED), needs_of(large, MEASURED), strict=True):
        assert (a.what, a.unit) == (b.what, b.unit)
        assert 0 < a.amount <= b.amount * (1 + 1e-9)


@given(SHOPS)
def test_workers_keep_up_with_the_rate(shop: Shop) -> None:
    workers = next(need.amount for need in needs_of(shop, MEASURED) if need.what == "workers")
    per_core = 1_000_000 / MEASURED.laws["request"].at(shop)
    assert shop.rate <= workers * per_core * BUSY * (1 + 1e-9)
    assert workers == 1 or shop.rate > (workers - 1) * per_core * BUSY * (1 - 1e-9)


def test_a_law_is_found_again() -> None:
    sizes = np.array(
        [[1, 10, 10, 100], [1, 400, 100, 900], [1, 100, 300, 4000], [1, 10, 10, 8000], [1, 50, 90, 10]], float
    )
    true = np.array([250.0, 0.5, 0.25, 0.125])
    law = fit(sizes, sizes @ true, "MiB")
    assert np.allclose([law.base, law.item, law.shopper, law.row], true)
    assert law.worst_error < 1e-6


def test_the_command_says_where_it_reckons_beyond_what_was_measured() -> None:
    largest = MEASURED.largest
    known = ["capacity", "--shoppers", str(largest.shoppers), "--items", str(largest.items), "--rate", "100"]
    said = CliRunner().invoke(app, [*known, "--rows", str(largest.rows)])
    assert said.exit_code == 0
    assert "is reckoned" not in said.output
    assert "workers" in said.output
    beyond = CliRunner().invoke(app, [*known, "--rows", str(10 * largest.rows)])
    assert "is reckoned" in " ".join(beyond.output.split())
