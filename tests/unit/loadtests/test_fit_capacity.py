"""Coefficients are fitted to runs, say how far they are off, and come to a file that the command reads."""

import tomllib

import numpy as np
import pytest
from msgspec import convert

from features.capacity import Capacity
from loadtests.fit_capacity import PLOTS, READINGS, as_toml, fit, growth

SIZES = [(10_000, 10_000, 200_000), (100_000, 30_000, 600_000), (300_000, 100_000, 2_000_000), (10_000, 50_000, 10**6),
         (1_000_000, 30_000, 600_000)]  # fmt: skip


def run(items: int, shoppers: int, rows: int, noise: float = 1.0) -> dict:
    return {
        "size": {"items": items, "shoppers": shoppers, "rows": rows},
        "costs": {
            "import the orders": {"processor_seconds": 1 + rows / 1e5, "memory_mib": 400.0 + rows / 1e4},
            "train and publish": {
                "processor_seconds": noise * (20 + items / 1e4 + rows / 2e4), "memory_mib": 500.0 + items / 1e3
            },
        },
        "facts": {
            "event log, MiB": rows / 1e5, "database, MiB": items / 5e3 + shoppers / 5e3, "artifact, MiB": items / 2e3,
            "worker until ready, processor s": 3 + items / 5e4, "worker, private MiB": 150 + items / 700,
            "worker, with shared files MiB": 300 + items / 500, "answer, processor ms": 1.5 + items / 1e6,
            "live state of a shopper, bytes": 230.0,
        },
    }  # fmt: skip


def test_what_the_runs_were_made_from_is_found_again():
    found = fit([run(*size) for size in SIZES], READINGS["training_seconds"])
    assert found.coefficients == pytest.approx({"constant": 20, "item": 1e-4, "line": 5e-5}, rel=1e-6)
    assert max(found.miss, found.miss_left_out) < 1e-6


def test_runs_that_follow_no_formula_are_said_to_be_missed():
    noisy = [run(*size, noise=noise) for size, noise in zip(SIZES, [1.5, 0.6, 1.4, 0.7, 1.0], strict=True)]
    found = fit(noisy, READINGS["training_seconds"])
    assert found.miss > 0.1
    assert found.miss_left_out >= found.miss


def test_no_coefficient_is_below_nothing():
    shrinking = [run(*size) | {"facts": {"answer, processor ms": 10 - np.log10(size[0])}} for size in SIZES]
    assert all(value >= 0 for value in fit(shrinking, READINGS["answer_ms"]).coefficients.values())


def test_a_run_that_did_not_measure_a_need_is_left_out_of_its_fit():
    without = run(*SIZES[0]) | {"facts": {}}
    assert fit([without, *(run(*size) for size in SIZES)], READINGS["answer_ms"]).miss < 1e-6


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="training_seconds: needs 3 runs"):
        fit([run(*size) for size in SIZES[:2]], READINGS["training_seconds"], "training_seconds")


def test_the_file_and_the_plots_come_of_them():
    runs = [run(*size) for size in SIZES]
    fits = {name: fit(runs, reading, name) for name, reading in READINGS.items()}
    capacity = convert(tomllib.loads(as_toml("a machine", runs, fits)), Capacity)
    assert capacity.measured.items == (10_000, 1_000_000)
    assert capacity.needs.training_seconds.item == pytest.approx(1e-4)
    for name, term, title, unit in PLOTS:
        assert growth(name, term, title, unit, runs, fits).count("<circle") == len(runs)


def test_sizes_count_as_measured_where_a_training_was():
    runs = [run(*size) for size in SIZES]
    stopped = run(100_000, 10**6, 20 * 10**6) | {"costs": {}}
    fits = {name: fit(runs, reading, name) for name, reading in READINGS.items()}
    text = as_toml("a machine", [*runs, stopped], fits)
    assert "lines = [200000, 2000000]" in text
    assert f"runs = {len(runs)}" in text
