import re
from dataclasses import replace

import pytest

from recommender.errors import InvalidInput
from tests.unit.training.evaluate.test_report import report
from training.evaluate.bootstrap import Interval
from training.evaluate.page import PAGE, bars, make_folder, render, ticks, write_page
from training.evaluate.report import PIPELINE, Comparison, Example, Shown
from training.offers.report import Tenth


def whole():
    sure = Interval(0.2, 0.1, 0.3)
    tenths = (Tenth(10, 0.9, 0.4, 0.3, 0.5, 2.0), Tenth(10, 0.1, 0.1, 0.0, 0.2, 0.5))
    found = report()
    segment = Comparison(
        group="shoppers by channel", name="web", scope="all", metric="ndcg@10", shoppers=3,
        ours=sure, baseline="personal", theirs=sure, lead=sure,
    )  # fmt: skip
    example = Example(
        history=("Tea <b>",), ours=(Shown("Rye & salt", right=True),), baseline="personal",
        theirs=(Shown("Milk", right=False),), bought=4,
    )  # fmt: skip
    return replace(found, comparisons=(segment,), calibration={"all": tenths, "new": tenths}, examples=(example,))


def test_the_page_needs_nothing_else_and_escapes_what_it_shows():
    page = render(whole())
    assert not re.search(r'(src|href)="|url\(|@import|<script', page)
    assert "Tea &lt;b&gt;" in page
    assert "Rye &amp; salt" in page


def test_the_page_has_every_recommender_its_lead_and_the_groups():
    page = render(whole())
    for words in ("popularity", "personal", PIPELINE, "0.4500", "+0.1000", "Shoppers by channel", "40.0%", "2017"):
        assert words in page


def test_only_what_was_bought_is_marked():
    page = render(whole())
    assert re.findall(r'<li class="right">([^<]*)', page) == ["Rye &amp; salt"]


def test_bars_are_shares_of_the_longest_interval():
    lines = bars([("a", Interval(0.2, 0.1, 0.4), False), ("b", Interval(0.1, 0.0, 0.2), True)])
    assert [(line.share, line.low, line.high) for line in lines] == [(0.5, 0.25, 1.0), (0.25, 0.0, 0.5)]
    assert bars([]) == []


def test_a_plot_of_nothing_right_is_flat():
    assert [tick.share for tick in ticks([Tenth(5, 0.5, 0.0, 0.0, 0.0, 0.0)])] == [0.0]


def test_a_folder_that_cannot_be_made_is_refused_at_once(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InvalidInput) as refused:
        make_folder(tmp_path / "taken" / "report")
    assert refused.value.field == "report"


def test_the_page_is_written_into_the_folder(tmp_path):
    make_folder(tmp_path / "new" / "report")
    assert write_page(whole(), tmp_path / "new" / "report").name == PAGE
