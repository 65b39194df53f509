import errno
import json
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.progress import Silent
from features.settings import Settings
from recommender.cli.tables import manifest
from recommender.errors import BrokenArtifact, GateRefused, InvalidInput, NotEnoughData, StoreUnavailable
from recommender.ids import UserId
from tests.unit.training.small_shop import CONFIG, events, open_shop, orders, small_config_text
from training import publish as publishing
from training.run import TrainReport, train


def run(settings: Settings, *, force: bool = False, config: str = CONFIG) -> TrainReport:
    file = settings.data_dir / "training.toml"
    file.write_text(config)
    return train(settings, until=None, config_file=file, force=force, progress=Silent())


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Settings:
    settings = open_shop(tmp_path_factory.mktemp("shop"), orders(), consenting=35)
    run(settings)
    return settings


def test_a_published_artifact_can_be_served(shop):
    shelf = ArtifactShelf(shop.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    assert loaded.manifest.artifact_id == loaded.model.version == shelf.current_id()
    assert len(loaded.items) == loaded.model.n_items == len(loaded.model.embeddings)
    assert set(loaded.model.rankers) == {"any", "discovery"}
    assert (loaded.model.fold_in.regularization, loaded.model.fold_in.exponent) == (1.0, 1.0)
    assert (
        loaded.manifest.metrics["home"]["ndcg@10"]
        > loaded.manifest.metrics["baselines"]["recent popularity, 28 days"]["home"]["ndcg@10"]
    )


def test_the_manifest_says_how_far_it_is_ahead_and_how_surely(shop, capsys):
    shelf = ArtifactShelf(shop.artifacts_dir)
    metrics = load_artifact(shelf.path(shelf.current())).manifest.metrics
    lead = metrics["leads"]["home"]
    baseline = metrics["baselines"][lead["baseline"]]["home"][lead["metric"]]
    assert lead["difference"]["mean"] == pytest.approx(metrics["home"][lead["metric"]] - baseline, abs=1e-5)
    assert lead["difference"]["low"] < lead["difference"]["mean"] < lead["difference"]["high"]
    Console(width=200).print(manifest(shelf, None))
    assert f"over {lead['baseline']}, 95 % interval" in capsys.readouterr().out


def test_who_does_not_consent_leaves_no_trace(shop):
    shelf = ArtifactShelf(shop.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    known = set(loaded.model.histories.position_of)
    assert known == {UserId(f"u{user}") for user in range(35)}
    counts = loaded.manifest.counts
    assert counts["rows_without_consent"] == counts["rows_left_out_unasked"] > 0


def test_the_same_inputs_are_not_trained_twice(shop):
    again = run(shop)
    assert again.already_published
    assert again.artifact_id == ArtifactShelf(shop.artifacts_dir).current_id()


def test_another_setting_gives_another_artifact_and_rollback_goes_back(shop):
    shelf = ArtifactShelf(shop.artifacts_dir)
    first = shelf.current()
    second = run(shop, config=small_config_text(seed="2"))
    assert second.artifact_id != first
    assert shelf.current_id() == second.artifact_id
    shelf.point_to(second.artifact_id)
    assert shelf.rollback(first) == first == shelf.current_id()


def test_a_model_below_the_margin_is_refused_unless_forced(shop):
    shelf = ArtifactShelf(shop.artifacts_dir)
    before = shelf.current_id()
    demanding = small_config_text(over_baselines="5.0")
    with pytest.raises(GateRefused, match="best baseline"):
        run(shop, config=demanding)
    assert shelf.current_id() == before
    forced = run(shop, config=demanding, force=True)
    assert forced.manifest.gate["overridden"]
    shelf.rollback(before)


def test_a_full_disk_leaves_the_current_artifact_serving(shop, monkeypatch):
    shelf = ArtifactShelf(shop.artifacts_dir)
    before = shelf.current_id()

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publishing, "write_artifact", no_space)
    with pytest.raises(StoreUnavailable, match="No space left"):
        run(shop, config=small_config_text(seed="3"))
    assert shelf.current_id() == before
    assert not list(shop.artifacts_dir.glob(".*.partial"))
    load_artifact(shelf.path(shelf.current()))


def test_an_artifact_of_before_first_purchases_were_counted_serves(shop, tmp_path):
    shelf = ArtifactShelf(shop.artifacts_dir)
    for file in shelf.path(shelf.current()).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "popularity.tried.npy").unlink()
    written = json.loads((tmp_path / "manifest.json").read_text())
    del written["files"]["popularity.tried.npy"]
    (tmp_path / "manifest.json").write_text(json.dumps(written))
    popularity = load_artifact(tmp_path).model.popularity
    assert not popularity.tried.any()
    assert len(popularity.tried) == len(popularity.overall)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_found_and_named(shop, tmp_path, damage):
    shelf = ArtifactShelf(shop.artifacts_dir)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in shelf.path(shelf.current()).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    hurt(copy / "embeddings.npy", damage)
    with pytest.raises(BrokenArtifact, match=r"embeddings\.npy"):
        load_artifact(copy)


def hurt(file: Path, damage: str) -> None:
    content = file.read_bytes()
    if damage == "remove":
        file.unlink()
    elif damage == "truncate":
        file.write_bytes(content[:-1])
    else:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_little_history_gives_a_model_without_rankers(tmp_path):
    report = run(open_shop(tmp_path, orders(n_users=8, n_days=20)))
    assert report.manifest.metrics == {}
    assert "nothing was measured" in str(report.manifest.gate["reason"])
    assert load_artifact(ArtifactShelf(tmp_path / "artifacts").path(report.artifact_id)).model.rankers == {}


def test_no_purchases_say_what_to_do(tmp_path):
    with pytest.raises(NotEnoughData) as refused:
        run(open_shop(tmp_path, events([])))
    assert "import events" in refused.value.remedy


def test_simulated_events_are_not_learnt_from(tmp_path):
    with pytest.raises(NotEnoughData):
        run(open_shop(tmp_path, orders(n_users=3, n_days=20).with_columns(synthetic=pl.lit(value=True))))


def test_a_wrong_setting_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="seed"):
        run(open_shop(tmp_path, events([])), config=small_config_text(seed="-1"))
