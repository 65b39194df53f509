import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.events.log import write_events
from features.online.live_state import NO_LIVE_EVENTS
from features.progress import Silent
from features.settings import Settings
from features.shopper import assemble
from recommender.catalogue import Catalogue
from recommender.errors import InvalidInput, NotEnoughData
from recommender.ids import UserId
from recommender.offers.response import respond, response_probability
from recommender.offers.response_cards import make_card, make_deck
from recommender.offers.response_features import response_features
from tests.unit.training.offers.coupon_shop import (
    LASTS,
    N_COUPONS,
    N_SENDINGS,
    N_USERS,
    open_coupon_shop,
    redemption,
    started_at,
)
from tests.unit.training.small_shop import START, events, order_line, small_config
from training.offers.evaluate import evaluate_coupons
from training.offers.in_aisle import ISSUES, NEVER
from training.offers.learn import learn_response, open_bench
from training.offers.report import BOUGHT, EVERYONE, MODEL
from training.read import TrainingData, read_training_data
from training.run import train

CONFIG = small_config()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return open_coupon_shop(tmp_path_factory.mktemp("coupons"))


@pytest.fixture(scope="module")
def data(shop: Settings) -> TrainingData:
    return read_training_data(shop, None)


def test_who_got_what_and_redeemed_it_is_read_from_segments_campaigns_and_events(data: TrainingData) -> None:
    first = data.coupons.sendings[0]
    assert len(data.coupons.sendings) == N_SENDINGS
    assert (first.group, first.starts_day) == ("g0", started_at(0).timestamp() / 86_400)
    assert first.ends_day - first.starts_day == LASTS / timedelta(days=1)
    assert len(first.campaign_ids) == len(first.products) == N_COUPONS
    assert len(first.user_ids) == N_USERS * 3 // 4
    assert {data.catalogue[row].item_id for row in first.products[0]} == set(_items_of(data, first.campaign_ids[0]))


def test_nothing_dated_from_the_start_of_a_sending_on_is_seen_in_its_features(
    shop: Settings, data: TrainingData, tmp_path: Path
) -> None:
    """More orders, redemptions and a refund from the very start on: the features stay, bit for bit."""
    place = 4
    start = started_at(place)
    shutil.copytree(shop.data_dir, tmp_path / "copy")
    settings = Settings(data_dir=tmp_path / "copy", _env_file=None)
    sent = data.coupons.sendings[place]
    later = [
        order_line(user, f"later-{user}-{number}", 0, f"i{number}", start + timedelta(days=number))
        for user in sent.user_ids
        for number in range(20)
    ]
    later += [redemption("u1", "g0-0", start), redemption("u2", sent.campaign_ids[0], start + timedelta(days=2))]
    refunded = {"event": "Order Refunded", "event_id": "back", "order_id": "o1-0", "item_id": None, "quantity": None}
    later.append(order_line("u1", "o1-0", 0, "i0", start + timedelta(days=1)) | refunded)
    write_events(settings, events(later), "later")
    more = read_training_data(settings, None)
    assert len(more.interactions.purchases) > len(data.interactions.purchases)
    before, after = (open_bench(one, CONFIG).make([place]) for one in (data, more))
    assert np.array_equal(before.features, after.features)
    assert np.array_equal(before.redemptions, after.redemptions)
    assert after.redeemed.sum() >= before.redeemed.sum()


def test_a_request_sees_the_features_that_were_learnt_from(shop: Settings, data: TrainingData) -> None:
    """An artifact that was trained up to the start of a sending, and the examples of that sending."""
    place = 7
    report = train(
        shop, until=started_at(place), config_file=shop.data_dir / "training.toml", force=True, progress=Silent()
    )
    loaded = load_artifact(ArtifactShelf(shop.artifacts_dir).path(report.artifact_id))
    catalogue, model = Catalogue.of(loaded.items), loaded.model
    sending, learnt_from = data.coupons.sendings[place], open_bench(data, CONFIG).make([place])
    now_day = sending.starts_day
    cards = [
        make_card(np.array([catalogue.row_of(data.catalogue[row].item_id) for row in rows], dtype=np.int32), catalogue,
                  model.popularity.recent)
        for rows in sending.products
    ]  # fmt: skip
    served = np.concatenate(
        [
            response_features(
                assemble(
                    user_id=UserId(user), live=NO_LIVE_EVENTS, histories=model.histories, catalogue=catalogue,
                    now_day=now_day,
                ),
                make_deck(tuple(cards)), catalogue, now_day,
            )
            for user in sending.user_ids
        ]
    )  # fmt: skip
    assert served == pytest.approx(learnt_from.features, rel=1e-3, abs=1e-4)
    shopper = assemble(
        user_id=UserId(sending.user_ids[0]), live=NO_LIVE_EVENTS, histories=model.histories, catalogue=catalogue,
        now_day=now_day,
    )  # fmt: skip
    assert respond(model, catalogue, shopper, cards, now_day, usual_rate=0.01).trained
    assert report.manifest.response["ships"] is True


def test_a_model_ships_where_it_orders_coupons_no_worse_than_the_fallback(data: TrainingData) -> None:
    learnt = learn_response(data, data.interactions.end_day, CONFIG)
    assert learnt.model is not None
    assert learnt.figures["auc"] >= learnt.figures["auc_of_fallback"]


def test_a_model_that_is_worse_than_the_fallback_does_not_ship(data: TrainingData) -> None:
    """What the fallback foresees well, turned round in the earlier sendings: the model learns the opposite."""
    first = data.coupons.sendings[N_SENDINGS // 2].starts_day
    turned = [
        (user, campaign, sending.group, sending.starts_day + 7.0)
        for sending in data.coupons.sendings
        if sending.ends_day <= first
        for user in sending.user_ids
        for campaign in sending.campaign_ids
        if (user, campaign) not in _redeemed(data)
    ]
    frame = pl.DataFrame(turned, schema=["user_id", "campaign_id", "group", "day"], orient="row")
    late = data.coupons.redemptions.filter(pl.col("day") >= first).select(frame.columns)
    history = replace(data.coupons, redemptions=pl.concat([frame, late]))
    learnt = learn_response(replace(data, coupons=history), data.interactions.end_day, CONFIG)
    assert learnt.model is None
    assert learnt.figures["auc"] < learnt.figures["auc_of_fallback"]
    assert "fallback" in learnt.reason


def test_coupons_of_the_ledger_teach_beside_those_that_were_mailed(data: TrainingData) -> None:
    """Half of the coupons issued in the aisle were used, by whom does not matter: the height rises, the order stays."""
    mailed = data.coupons.sendings[0]
    start, campaign = mailed.starts_day + 40.3, mailed.campaign_ids[1]
    rows = [
        (user, campaign, f"c{place}-{days}", start + days, start + days + 0.1,
         start + days if (place + days) % 2 else NEVER, NEVER, "g0")
        for days in range(5) for place, user in enumerate(mailed.user_ids)
    ]  # fmt: skip
    issues = pl.DataFrame(rows, schema={**ISSUES, "group": pl.String}, orient="row")
    history = replace(data.coupons, issues=issues, products={campaign: mailed.products[1]})
    end_day = data.interactions.end_day
    without, learnt = (learn_response(one, end_day, CONFIG) for one in (data, replace(data, coupons=history)))
    assert without.model is not None
    assert learnt.model is not None
    assert (learnt.figures["in_aisle"], learnt.figures["in_aisle_redeemed"]) == (len(rows), len(rows) // 2)
    assert learnt.figures["mailed"] == without.figures["mailed"] == N_SENDINGS * N_COUPONS * N_USERS * 3 // 4
    assert without.figures["in_aisle"] == 0
    cases = open_bench(replace(data, coupons=history), CONFIG).make_issued(end_day)
    assert response_probability(learnt.model, cases.features).mean() == pytest.approx(0.5, abs=0.05)
    assert response_probability(without.model, cases.features).mean() < 0.4
    assert history.fingerprint() != data.coupons.fingerprint()


def test_too_little_to_learn_from_is_said(data: TrainingData) -> None:
    few = small_config(min_redemptions="100000")
    assert "100000 are needed" in learn_response(data, data.interactions.end_day, few).reason
    nothing = replace(data, coupons=replace(data.coupons, sendings=()))
    assert learn_response(nothing, data.interactions.end_day, CONFIG).model is None


def test_the_evaluation_splits_by_time_and_writes_what_it_found(shop: Settings, tmp_path: Path) -> None:
    report = evaluate_coupons(
        shop, since=started_at(4), json_file=tmp_path / "c.json", report=tmp_path / "plots", progress=Silent()
    )
    assert report.trained_on_sendings == ("g0", "g1", "g2", "g3")
    assert report.tested_on_sendings == ("g4", "g5", "g6", "g7")
    (everything,) = report.types
    assert everything.pairs == 4 * N_COUPONS * N_USERS * 3 // 4
    auc = {one.name: one.auc for one in everything.results}
    assert auc[EVERYONE].value == 0.5
    assert auc[MODEL].value > auc[BOUGHT].value > 0.5
    assert auc[MODEL].low <= auc[MODEL].value <= auc[MODEL].high
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["types"][0]["redeemed"] == everything.redeemed
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == [
        "all-campaigns.calibration.svg", "all-campaigns.lift.svg",
    ]  # fmt: skip
    assert (tmp_path / "plots" / "all-campaigns.lift.svg").read_text().count("<rect") == 11


def test_without_redemptions_on_one_side_there_is_nothing_to_measure(shop: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="ended before"):
        evaluate_coupons(shop, since=START, json_file=None, report=None, progress=Silent())
    with pytest.raises(InvalidInput, match="no such folder"):
        evaluate_coupons(shop, since=None, json_file=tmp_path / "no" / "c.json", report=None, progress=Silent())


def _items_of(data: TrainingData, campaign_id: str) -> list[str]:
    sending = next(one for one in data.coupons.sendings if campaign_id in one.campaign_ids)
    return [data.catalogue[row].item_id for row in sending.products[sending.campaign_ids.index(campaign_id)]]


def _redeemed(data: TrainingData) -> set[tuple[str, str]]:
    return set(data.coupons.redemptions.select("user_id", "campaign_id").iter_rows())
