"""What `recommender capacity` reckons: more of anything never needs less, and what was not measured is said."""

from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.capacity import FILE, Capacity, Shop, read_capacity, reckon
from features.settings import Settings
from recommender.errors import InvalidInput

SHOP = Shop(items=100_000, shoppers=100_000, lines=2_000_000, active=100_000, rate=100.0)
SIZES = st.builds(
    Shop,
    items=st.integers(1, 10**8), shoppers=st.integers(1, 10**8), lines=st.integers(1, 10**9),
    active=st.integers(0, 10**8), rate=st.floats(0, 10**5),
)  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Capacity:
    return read_capacity(Settings())


@given(shop=SIZES, more=st.integers(1, 10**7), what=st.sampled_from(["items", "shoppers", "lines", "active", "rate"]))
def test_more_of_anything_never_needs_less(shop, more, what):
    capacity = read_capacity(Settings())
    needs, of_more = (reckon(one, capacity) for one in (shop, replace(shop, **{what: getattr(shop, what) + more})))
    assert all(of_more.amounts[name].value >= amount.value for name, amount in needs.amounts.items())
    assert of_more.workers >= needs.workers >= 1
    assert of_more.service_memory_mib >= needs.service_memory_mib
    assert of_more.valkey_mib.value >= needs.valkey_mib.value


def test_the_inputs_that_cost_most_are_felt(shipped):
    needs = reckon(SHOP, shipped)
    of_lines, of_items = (reckon(replace(SHOP, **{what: 900_000 * 20}), shipped) for what in ("lines", "items"))
    assert of_lines.amounts["training_seconds"].value > needs.amounts["training_seconds"].value
    assert of_items.amounts["worker_memory_mib"].value > needs.amounts["worker_memory_mib"].value
    assert reckon(replace(SHOP, rate=10_000.0), shipped).workers > 10 * needs.workers / 2
    assert reckon(replace(SHOP, active=200_000), shipped).valkey_mib.value == 2 * needs.valkey_mib.value


def test_an_import_takes_no_more_memory_for_more_files(shipped):
    of_two, of_twenty = (
        reckon(replace(SHOP, lines=n), shipped).amounts["import_memory_mib"] for n in (2_000_000, 20_000_000)
    )
    assert of_two == of_twenty


def test_sizes_that_were_not_measured_are_named(shipped):
    sizes = shipped.measured
    most = sizes.items[1]
    shop = Shop(items=most, shoppers=sizes.shoppers[0], lines=sizes.lines[1], active=0, rate=1.0)
    assert reckon(shop, shipped).beyond == ()
    (said,) = reckon(replace(shop, items=2 * most), shipped).beyond
    assert f"{2 * most:,} items" in said


def test_each_figure_says_by_how_much_the_runs_were_missed(shipped):
    for name, amount in reckon(SHOP, shipped).amounts.items():
        assert amount.off == getattr(shipped.needs, name).miss_left_out


@pytest.mark.parametrize(
    ("wrong", "field"),
    [("miss = -1.0", "miss"), ("miss = 0.0\nnonsense = 1", "nonsense"), ('miss = "much"', "miss")],
)
def test_a_file_of_coefficients_that_does_not_fit_is_refused(tmp_path, wrong, field):
    text = files("recommender.config").joinpath(FILE).read_text()
    head, _, rest = text.partition("[needs.answer_ms]\n")
    (tmp_path / FILE).write_text(head + "[needs.answer_ms]\n" + wrong + "\n" + rest.split("\n", 1)[1])
    with pytest.raises(InvalidInput) as refused:
        read_capacity(Settings(config_dir=tmp_path))
    assert "answer_ms" in refused.value.field
    assert field in f"{refused.value.field} {refused.value}"
