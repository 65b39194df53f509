"""The use case: what is read, what is decided and what is recorded, without servers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest
from redis.exceptions import ConnectionError as RedisGone

from features.breaker import Breaker
from features.events.stream import EventRow
from features.online.live_events import NO_LIVE_EVENTS, LiveEvents
from features.online.projection import Updates
from recommender.catalogue import Catalogue
from recommender.errors import InvalidInput, InvalidRule, NoArtifact, StoreUnavailable, UnknownItem, UnknownPlacement
from recommender.ids import AnonymousId, PlacementId, StoreId, UserId
from recommender.placements import Placement
from recommender.rules.compiled import compile_rule
from recommender.shopper import EventKind
from serving.current import Current, Serving
from serving.metrics import Metrics
from serving.recommendations.exposures import QUEUED_LISTS, Exposures
from serving.recommendations.live_reader import LiveReader
from serving.recommendations.questions import Caller, Question
from serving.recommendations.replies import ItemFragments, reply_of
from serving.recommendations.use_cases import Recommend
from serving.warm_up import rehearse
from tests.builders import NOW_DAY, item, small_catalogue, small_model
from tests.integration.serving.shop import REGULAR, regular_history

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=NOW_DAY)
HOME = PlacementId("home")
RANKED = PlacementId("ranked")
PLACEMENTS = {
    RANKED: Placement(placement_id=RANKED, title="", sources=("embedding", "popular"), limit=5),
    HOME: Placement(
        placement_id=HOME, title="", sources=("embedding", "popular"), ranker="fused", limit=5, max_limit=20
    ),
}


class Live:
    """Live state that answers what it was given, or fails, or takes its time."""

    def __init__(self, events: LiveEvents = NO_LIVE_EVENTS, error: Exception | None = None, pause: float = 0.0) -> None:
        self.events, self.error, self.pause = events, error, pause
        self.reads: list[tuple[UserId | None, AnonymousId | None]] = []
        self.merged: Updates = {}

    async def read(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> LiveEvents:
        self.reads.append((user_id, anonymous_id))
        await asyncio.sleep(self.pause)
        if self.error is not None:
            raise self.error
        return self.events

    async def merge(self, updates: Updates) -> None:
        self.merged = updates


class Stream:
    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.gone = False

    async def append(self, rows: Sequence[EventRow]) -> None:
        if self.gone:
            raise StoreUnavailable("gone")
        self.rows += rows


class Service:
    """The use case with all that it needs, over a small catalogue and a random model."""

    def __init__(
        self, live: Live | None = None, *, catalogue: Catalogue | None = None, withdrawn: Sequence[str] = ()
    ) -> None:
        self.live, self.stream, self.metrics = live or Live(), Stream(), Metrics()
        self.traces: dict[str, bytes] = {}
        self.traces_gone = False
        self.catalogue = catalogue or small_catalogue()
        current = Current()
        current.swap(Serving(small_model(np.random.default_rng(3)), self.catalogue))
        self.exposures = Exposures(self.stream, self.keep_trace, self.live.merge, self.metrics)  # type: ignore[arg-type]
        self.recommend = Recommend(
            current=current,
            find_placement=self.find_placement,
            permits=lambda caller: caller.said is not False and caller.user_id not in withdrawn,
            ledger_at=lambda: 7,
            parted_since=lambda user_id, change_number: False,
            live=LiveReader(self.live, self.metrics, 0.02, lambda _: False, Breaker()),  # type: ignore[arg-type]
            exposures=self.exposures,
            keep_trace=self.keep_trace,
            metrics=self.metrics,
            trace_sample=0.0,
            compiled=compile_rule,
        )

    def find_placement(self, placement_id: PlacementId) -> Placement:
        if placement_id not in PLACEMENTS:
            raise UnknownPlacement(f"There is no placement {placement_id!r}.", field="placement")
        return PLACEMENTS[placement_id]

    async def keep_trace(self, recommendation_id: str, document: bytes) -> None:
        if self.traces_gone:
            raise StoreUnavailable("gone")
        self.traces[recommendation_id] = document

    def ask(self, *questions: Question, caller: Caller | None = None):
        return asyncio.run(self.recommend(caller or Caller(), questions or [Question(placement=HOME)], NOW))

    def shown(self, *questions: Question, caller: Caller | None = None) -> list[list[str]]:
        return [
            [self.catalogue.items[row].item_id for row in answer.decision.rows.tolist()]
            for answer in self.ask(*questions, caller=caller)
        ]


def views(*numbers: int) -> LiveEvents:
    """Items viewed in the last minutes, newest first."""
    return LiveEvents(
        numbers=np.array(numbers, dtype=np.int32),
        kinds=np.full(len(numbers), EventKind.VIEWED, dtype=np.uint8),
        days=NOW_DAY - np.arange(1, len(numbers) + 1) / 1440,
        quantities=np.ones(len(numbers), dtype=np.float32),
        orders=np.zeros(len(numbers), dtype=np.uint32),
        places={},
    )


def test_the_placement_says_how_many_unless_the_question_does() -> None:
    service = Service()
    assert [len(items) for items in service.shown()] == [5]
    assert [len(items) for items in service.shown(Question(placement=HOME, limit=7))] == [7]


@pytest.mark.parametrize("limit", [-1, 0, 21, 10_000])
def test_a_limit_out_of_range_names_the_range(limit: int) -> None:
    with pytest.raises(InvalidInput, match=rf"from 1 to 20 .*{limit}") as caught:
        Service().ask(Question(placement=HOME, limit=limit))
    assert caught.value.field == "limit"


def test_what_is_wrong_in_a_block_of_a_page_is_located() -> None:
    with pytest.raises(InvalidInput) as caught:
        Service().ask(Question(placement=HOME), Question(placement=HOME, limit=0, within="blocks[1]."))
    assert caught.value.field == "blocks[1].limit"


def test_unknown_placements_items_and_rules_are_refused() -> None:
    service = Service()
    with pytest.raises(UnknownPlacement):
        service.ask(Question(placement=PlacementId("nowhere")))
    with pytest.raises(UnknownItem):
        service.ask(Question(placement=HOME, item_id="no such item"))
    with pytest.raises(InvalidRule):
        service.ask(Question(placement=HOME, filter="item.price <"))
    assert service.stream.rows == []


def test_without_an_artifact_there_is_no_answer() -> None:
    service = Service()
    service.recommend.current.__init__()
    with pytest.raises(NoArtifact, match="nothing to recommend"):
        service.ask()


def test_unknown_items_in_cart_and_exclusions_count_for_nothing() -> None:
    service = Service()
    [plain] = service.shown()
    caller = Caller(cart=["no such item"])
    assert service.shown(Question(placement=HOME, exclude=["no such item"]), caller=caller) == [plain]


def test_a_page_shows_nothing_twice_and_no_two_of_a_group() -> None:
    service = Service(catalogue=small_catalogue(facts={row: {"group_id": f"g{row // 2}"} for row in range(40)}))
    lists = service.shown(
        Question(placement=HOME, limit=6), Question(placement=HOME, limit=6), Question(placement=HOME)
    )
    groups = [int(item_id[1:]) // 2 for items in lists for item_id in items]
    assert len(groups) == len(set(groups)) == 17


def test_live_state_is_read_once_for_a_page() -> None:
    service = Service(Live(views(3, 4)))
    service.ask(
        Question(placement=HOME),
        Question(placement=HOME),
        caller=Caller(user_id=UserId("u"), anonymous_id=AnonymousId("a")),
    )
    assert service.live.reads == [("u", "a")]


def test_a_click_changes_the_next_answer() -> None:
    caller = Caller(anonymous_id=AnonymousId("a"))
    before, after = Service(), Service(Live(views(3, 4)))
    assert before.shown(caller=caller) != after.shown(caller=caller)
    assert after.ask(caller=caller)[0].decision.personalised


@pytest.mark.parametrize(
    "caller",
    [
        Caller(user_id=UserId("u"), anonymous_id=AnonymousId("a"), said=False),
        Caller(user_id=UserId("gone"), anonymous_id=AnonymousId("a")),
    ],
)
def test_without_consent_the_answer_is_that_of_a_stranger_and_nothing_is_read_or_kept(caller: Caller) -> None:
    service = Service(Live(views(3, 4)), withdrawn=["gone"])
    stranger = service.shown()
    assert service.shown(Question(placement=HOME, explain=True), caller=caller) == stranger
    assert service.live.reads == []
    asyncio.run(service.exposures.drain())
    assert [row["user_id"] or row["anonymous_id"] for row in service.stream.rows] == [None, None]
    [trace] = service.traces.values()
    assert b"gone" not in trace


@pytest.mark.parametrize(
    ("live", "cause"), [(Live(pause=5.0), "late"), (Live(error=RedisGone()), "gone"), (Live(error=OSError()), "gone")]
)
def test_without_live_state_the_answer_still_comes_and_says_so(live: Live, cause: str) -> None:
    service = Service(live)
    [answer] = service.ask(caller=Caller(anonymous_id=AnonymousId("a")))
    assert answer.degraded == ("session", "consent")
    assert not answer.decision.personalised
    assert len(answer.decision.rows) == 5
    assert f'cause="{cause}"}} 1.0' in service.metrics.page()[0].decode()


def test_the_served_list_is_recorded() -> None:
    service = Service()
    [answer] = service.ask(caller=Caller(anonymous_id=AnonymousId("a"), store_id=StoreId("s")))
    asyncio.run(service.exposures.drain())
    [row] = service.stream.rows
    assert row["event"] == "Recommendation Served"
    assert row["event_id"] == row["recommendation_id"] == answer.recommendation_id
    assert (row["anonymous_id"], row["store_id"]) == ("a", "s")
    properties = orjson.loads(str(row["properties"]))
    assert properties["item_ids"] == [service.catalogue.items[r].item_id for r in answer.decision.rows]


def test_a_rehearsal_answers_as_a_request_and_leaves_nothing_behind() -> None:
    service, fragments = Service(), ItemFragments()
    counted = service.metrics.page()
    asyncio.run(rehearse(service.recommend, [PLACEMENTS[HOME], PLACEMENTS[RANKED]], fragments, lambda: NOW))
    assert service.live.reads, "live state was not read"
    assert fragments.use.misses > 0, "no reply was written"
    asyncio.run(service.exposures.drain())
    assert (service.stream.rows, service.traces, service.live.merged) == ([], {}, {})
    assert service.metrics.page() == counted


def test_a_service_without_an_artifact_starts_without_rehearsing() -> None:
    service = Service()
    service.recommend = replace(service.recommend, current=Current())
    asyncio.run(rehearse(service.recommend, [PLACEMENTS[HOME]], ItemFragments(), lambda: NOW))
    assert service.live.reads == []


def test_lists_that_cannot_be_recorded_are_counted() -> None:
    service = Service()
    service.stream.gone = True
    [answer] = service.ask()
    for _ in range(QUEUED_LISTS + 4):
        service.exposures.put(Caller(), answer, NOW)
    assert "recommender_exposures_dropped_total 5.0" in service.metrics.page()[0].decode()
    asyncio.run(service.exposures.drain())
    assert f"recommender_exposures_dropped_total {QUEUED_LISTS + 5}.0" in service.metrics.page()[0].decode()


def test_an_explained_answer_can_be_looked_up_at_once() -> None:
    service = Service(Live(views(3)))
    question = Question(placement=RANKED, explain=True, filter="item.price < 300")
    [answer] = service.ask(question, caller=Caller(anonymous_id=AnonymousId("a"), cart=["i1"]))
    trace = orjson.loads(service.traces[answer.recommendation_id])
    assert trace["query"]["filter"] == "item.price < 300"
    assert trace["query"]["cart"] == ["i1"]
    assert set(trace["candidates"]) == {"embedding", "popular"}
    assert [shown["position"] for shown in trace["items"]] == [1, 2, 3, 4, 5]
    assert all(shown["features"] for shown in trace["items"])


def test_an_answer_whose_trace_cannot_be_kept_says_so() -> None:
    service = Service()
    service.traces_gone = True
    [answer] = service.ask(Question(placement=HOME, explain=True))
    assert answer.degraded == ("trace",)


def test_an_items_facts_are_encoded_anew_when_they_change() -> None:
    service = Service()
    fragments = ItemFragments()
    [answer] = service.ask()
    row = int(answer.decision.rows[0])

    def first_item() -> dict[str, object]:
        return orjson.loads(orjson.dumps(reply_of(answer, fragments)))["items"][0]["item"]

    before = first_item()
    assert before == first_item()
    service.catalogue.upsert(replace(service.catalogue.items[row], stock=0))
    assert first_item() == before | {"in_stock": False}


def test_only_the_items_shown_last_are_kept_and_those_of_one_catalogue() -> None:
    fragments, catalogue = ItemFragments(most=2), Catalogue.of([item(number) for number in range(3)])
    for row in (0, 1, 0, 2, 0, 1):
        fragments.of(catalogue, np.array([row], dtype=np.int32))
    assert (fragments.use.hits, fragments.use.misses) == (2, 4)
    fragments.of(Catalogue.of([item(7)]), np.array([0], dtype=np.int32))
    assert fragments.use.misses == 5


class Slow(Stream):
    """A stream that takes its time until it is told to go on; whoever is cancelled meanwhile was never heard."""

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.go_on = asyncio.Event(), asyncio.Event()

    async def append(self, rows: Sequence[EventRow]) -> None:
        self.busy.set()
        await self.go_on.wait()
        await super().append(rows)


def test_what_is_on_its_way_when_the_worker_ends_is_written_once() -> None:
    service = Service()
    [answer] = service.ask()
    stream = Slow()
    exposures = Exposures(stream, service.keep_trace, service.live.merge, service.metrics)  # type: ignore[arg-type]

    async def main() -> None:
        exposures.put(Caller(), answer, NOW)
        writing = asyncio.create_task(exposures.run())
        await stream.busy.wait()
        exposures.put(Caller(), answer, NOW)
        writing.cancel()
        await asyncio.wait([writing], timeout=10)
        assert writing.cancelled()
        last = asyncio.create_task(exposures.drain())
        await asyncio.sleep(0)
        assert not last.done()
        stream.go_on.set()
        await asyncio.wait_for(last, 10)

    asyncio.run(main())
    assert len(stream.rows) == 2


def test_who_was_parted_from_somebody_has_no_part_in_a_history_learnt_before() -> None:
    service = Service()
    model = replace(service.recommend.current.get().model, histories=regular_history())
    service.recommend = replace(service.recommend, parted_since=lambda user_id, change_number: change_number < 7)
    for learnt_at, personalised in [(6, False), (7, True)]:
        service.recommend.current.swap(Serving(model, service.catalogue, learnt_at))
        [answer] = service.ask(Question(placement=HOME), caller=Caller(user_id=REGULAR))
        assert answer.decision.personalised is personalised


def test_callers_of_one_turn_get_what_each_would_get_alone() -> None:
    callers = [Caller(user_id=UserId(f"u{number}")) for number in range(20)]
    asked = HOME, RANKED, PlacementId("elsewhere")
    questions = [Question(placement=asked[number % 3]) for number in range(20)]

    async def ask_at_once(service: Service):
        asking = (service.recommend(one, [question], NOW) for one, question in zip(callers, questions, strict=True))
        return await asyncio.gather(*asking, return_exceptions=True)

    together = asyncio.run(ask_at_once(Service()))
    for caller, question, answer in zip(callers, questions, together, strict=True):
        if question.placement not in PLACEMENTS:
            assert isinstance(answer, UnknownPlacement)
            continue
        assert not isinstance(answer, BaseException)
        [alone] = Service().ask(question, caller=caller)
        assert answer[0].decision.rows.tolist() == alone.decision.rows.tolist()
        assert answer[0].query.placement == question.placement
