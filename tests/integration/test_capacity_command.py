"""`recommender capacity` says what a shop needs, and refuses sizes that no shop has."""

import pytest
from typer.testing import CliRunner

from recommender.cli.app import app

ASKED = ["capacity", "--shoppers", "1000000", "--items", "100000", "--rate", "300"]


def test_it_prints_what_service_valkey_disk_and_training_need(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    done = CliRunner().invoke(app, ASKED, catch_exceptions=False)
    assert done.exit_code == 0
    for word in ("workers", "Valkey", "event log", "artifacts", "memory of a training", "may be off by"):
        assert word in done.output
    assert "20,000,000 lines" in done.output  # twenty a shopper, where nobody says how many


def test_what_was_not_measured_is_said():
    done = CliRunner().invoke(app, [*ASKED[:4], "50000000", *ASKED[5:]], catch_exceptions=False)
    assert "beyond what was measured" in done.output


@pytest.mark.parametrize(
    ("option", "value"), [("--items", "0"), ("--shoppers", "-5"), ("--rate", "-1"), ("--rate", "nan"), ("--lines", "x")]
)
def test_nonsense_is_refused_with_the_option_that_it_stands_in(option, value, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    done = CliRunner().invoke(app, [*ASKED, option, value])
    assert done.exit_code == 2
    assert option in done.output


def test_help_teaches_with_an_example(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    said = CliRunner().invoke(app, ["capacity", "--help"]).output
    assert "--shoppers 1000000 --items 100000 --rate 300" in said
    assert "make scale" in said
