import tomllib
from datetime import timedelta

import polars as pl
import pytest
from typer.testing import CliRunner

from features.progress import Silent
from recommender.cli.app import app
from recommender.errors import InvalidInput, NotEnoughData
from tests.unit.training.small_shop import N_ITEMS, START, open_shop, orders, small_config
from training.config import read_training_config
from training.read import read_placements, read_training_data
from training.tune.judge import ends_before_test, judge
from training.tune.run import tune
from training.tune.space import SEARCHED, as_toml, settings_of, with_settings

N_DAYS = 150
LAST_WEEKS = START + timedelta(days=N_DAYS - 28)


def shop_at(folder, log):
    return open_shop(folder, log).model_copy(update={"config_dir": folder})


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return shop_at(tmp_path_factory.mktemp("tune"), orders(n_days=N_DAYS))


@pytest.fixture(scope="module")
def study(shop):
    """A file with a study, and what its first run said, whose minutes were over after one trial."""
    file = shop.data_dir / "study.sqlite"
    return file, search(shop, file, trials=5, minutes=0.0)


def search(settings, file, trials, minutes=60.0, n_windows=1):
    return tune(settings, file=file, trials=trials, minutes=minutes, n_windows=n_windows, until=None, progress=Silent())


def test_a_search_begins_with_the_current_settings_and_goes_on_where_it_stopped(shop, study):
    file, first = study
    assert (first.new_trials, first.all_trials) == (1, 1)
    assert first.current.settings == first.best.settings == settings_of(small_config())
    again = search(shop, file, trials=1)
    assert (again.study, again.current) == (first.study, first.current)
    assert (again.new_trials, again.all_trials) == (1, 2)
    assert again.best.judged.value >= first.current.judged.value
    assert search(shop, file, trials=1, minutes=0.0).new_trials == 0


def test_what_is_bought_in_the_test_window_is_not_looked_at(study, tmp_path):
    item = (pl.col("item_id").str.slice(1).cast(pl.Int64) + 7) % N_ITEMS
    late = pl.col("occurred_at") >= LAST_WEEKS
    log = orders(n_days=N_DAYS)
    other = log.with_columns(item_id=pl.when(late).then(pl.lit("i") + item.cast(pl.String)).otherwise("item_id"))
    assert not other.equals(log)
    settings, config = shop_at(tmp_path, other), small_config()
    data = read_training_data(settings, None)
    assert judge(data, config, read_placements(settings), ends_before_test(data, config, 1)) == study[1].current.judged


def test_what_is_printed_can_be_pasted():
    config = small_config()
    wanted = {name: bounds.high for name, bounds in SEARCHED.items()}
    changed = with_settings(config, wanted)
    assert settings_of(changed) == wanted
    pasted = tomllib.loads(as_toml(wanted))
    assert {(section, name): value for section, of in pasted.items() for name, value in of.items()} == {
        tuple(name.split(".")): value for name, value in wanted.items()
    }
    assert changed.ranker.trees == config.ranker.trees


def test_every_searched_setting_of_the_shipped_file_lies_within_its_bounds(shop):
    shipped = settings_of(read_training_config(shop.model_copy(update={"config_dir": None}), None))
    assert shipped.keys() == SEARCHED.keys()
    assert all(SEARCHED[name].low <= value <= SEARCHED[name].high for name, value in shipped.items())


def test_too_short_a_history_and_a_file_that_is_no_study_are_refused(shop, tmp_path):
    with pytest.raises(NotEnoughData, match="days of purchases"):
        search(shop, tmp_path / "study.sqlite", trials=1, n_windows=6)
    (tmp_path / "notes.txt").write_text("no study")
    with pytest.raises(InvalidInput, match="cannot be opened"):
        search(shop, tmp_path / "notes.txt", trials=1)


def test_the_command_says_what_it_found(shop, study, monkeypatch):
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(shop.data_dir))
    monkeypatch.setenv("RECOMMENDER_CONFIG_DIR", str(shop.config_dir))
    arguments = ["tune", "--minutes", "0", "--windows", "1", "--study", str(study[0])]
    said = CliRunner().invoke(app, arguments, catch_exceptions=False).output
    assert "0 trials now" in said
    assert "current settings" in said
    assert "[weights]" in said or "No settings were better" in said
