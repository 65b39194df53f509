import polars as pl
import pytest

from tests.builders import item
from training.models.popularity import TRIED_HALF_LIFE_DAYS, TRIED_PRIOR, fit_popularity

CUT_DAY = 200.0


def tried(bought):
    """Bought: (user, item row, days ago)."""
    rows = [(user, row, "s1", CUT_DAY - ago) for user, row, ago in bought]
    schema = {"user": pl.UInt32, "item_row": pl.Int32, "store_id": pl.String, "day": pl.Float64}
    purchases = pl.DataFrame(rows, schema=schema, orient="row")
    return fit_popularity(purchases, [item(number) for number in range(3)], CUT_DAY).tried.tolist()


def test_only_first_purchases_count_and_fade_with_age():
    [first, later, never] = tried([(1, 0, 150.0), (1, 0, 1.0), (2, 1, 1.0), (3, 1, 1.0 + TRIED_HALF_LIFE_DAYS)])
    of_a_day = 2 ** (-1.0 / TRIED_HALF_LIFE_DAYS)
    assert later == pytest.approx(10_000 * 1.5 * of_a_day / (3 - 2 + TRIED_PRIOR), rel=1e-5)
    assert 0 < first < later / 100
    assert never == 0


def test_it_is_a_share_of_those_who_had_not_bought_it():
    had = [(user, 0, 190.0) for user in range(20)]
    both = [(user, row, 3.0) for user in range(20, 24) for row in (0, 1)]
    [common, rare, _] = tried([*had, *both])
    assert common > 3 * rare  # all of the four who had not, in place of four among twenty-four
