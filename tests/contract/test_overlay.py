"""The worker's catalogue follows SQL: over a real Valkey, and without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from sqlalchemy import Engine, delete, event

from features.online.embedded import EmbeddedValkey
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentState
from features.sql.consent_store import ConsentStore
from features.sql.engine import engine_of
from features.sql.placement_store import PlacementStore
from features.sql.stock_store import StockLine, StockStore
from features.sql.tables.catalogue import items, store_stock
from recommender.catalogue import NUMBER_FACTS, TEXT_FACTS, Catalogue
from recommender.consent import State
from recommender.ids import ItemId, PlacementId, StoreId
from serving.catalogue.change_signal import ChangeSignal
from serving.catalogue.overlay import CatalogueOverlay
from tests.builders import item, said
from tests.databases import new_sqlite

SECONDS = 30  # a busy machine's patience, no measurement


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_of(new_sqlite(tmp_path))
    yield engine
    engine.dispose()


def overlay_of(engine: Engine, redis: Redis, told: list[Any] | None = None) -> CatalogueOverlay:
    told = [] if told is None else told
    return CatalogueOverlay(
        engine, ChangeSignal(redis), take_placements=told.append, take_consents=told.append, take_keys=lambda _: None
    )


@asynccontextmanager
async def following(overlay: CatalogueOverlay) -> AsyncIterator[None]:
    task = asyncio.create_task(overlay.follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


def facts(catalogue: Catalogue) -> dict[str, object]:
    """What a decision can see of each item that is shown, by id."""
    seen: dict[str, object] = {}
    for row in np.flatnonzero(catalogue.visible[: catalogue.n]).tolist():
        words = tuple(catalogue.text[name].word(row) for name in TEXT_FACTS)
        numbers = tuple(str(catalogue.number[name][row]) for name in NUMBER_FACTS)  # NaN is no equal of itself
        sold_out = sorted(store for store, stock in catalogue.store_stock.items() if row in stock.rows)
        number = int(catalogue.items[row].item_number)
        assert catalogue.row_of_number[number] == row
        seen[catalogue.items[row].item_id] = (words, numbers, bool(catalogue.in_stock[row]), sold_out, number)
    return seen


@pytest.mark.usefixtures("valkey_data_dir")
def test_a_flip_reaches_another_worker_with_redis_and_without(
    sqlite_engine: Engine, tmp_path: Path, valkey: EmbeddedValkey
) -> None:
    engine, store = sqlite_engine, CatalogueStore(sqlite_engine)
    snapshot = [store.put(item(n))[0] for n in (1, 2)]

    async def flip(redis: Redis, *, listening: bool) -> None:
        here, there = overlay_of(engine, redis), overlay_of(engine, redis)
        for overlay in (here, there):
            await overlay.start()
            overlay.adopt(await overlay.build(snapshot, 0))
        async with following(there):
            await until(lambda: there._signal.listening == listening)
            for hidden in (True, False):
                store.put(item(1, hidden=hidden))
                await here.announce()
                assert here.catalogue.visible[0] != hidden
                await until(lambda hidden=hidden: bool(there.catalogue.visible[0]) != hidden)
        await redis.aclose()

    asyncio.run(flip(Redis(unix_socket_path=str(valkey.socket)), listening=True))
    asyncio.run(flip(Redis(unix_socket_path=str(tmp_path / "nobody.sock")), listening=False))


@pytest.mark.usefixtures("valkey_data_dir")
def test_nobody_is_woken_by_what_they_know(valkey: EmbeddedValkey) -> None:
    async def tell() -> None:
        async with Redis(unix_socket_path=str(valkey.socket)) as redis:
            here, there = ChangeSignal(redis), ChangeSignal(redis)
            listening = asyncio.create_task(there.listen())
            await until(lambda: there.listening)
            there.heard.clear()
            there.known = 5
            await here.announce(5)
            await asyncio.sleep(0.1)
            assert not there.heard.is_set()
            for number in (6, None):
                await here.announce(number)
                await until(there.heard.is_set)
                there.heard.clear()
            listening.cancel()

    asyncio.run(tell())


def test_a_swap_and_a_rollback_bring_nothing_back(engine: Engine, tmp_path: Path) -> None:
    store = CatalogueStore(engine)
    store.upsert_many([item(n) for n in range(1, 5)])
    older = store.read_snapshot()
    store.put(item(1, hidden=True))
    newer = store.read_snapshot()
    store.put(item(2, stock=0))
    StockStore(engine).set_lines([StockLine(item_id=ItemId("i3"), store_id=StoreId("s"), quantity=0)])
    store.put(item(9))

    async def swap() -> None:
        overlay = overlay_of(engine, Redis(unix_socket_path=str(tmp_path / "nobody.sock")))
        await overlay.start()
        for snapshot, number in (older, newer, older):
            built = await overlay.build(snapshot, number)
            # What changes between the two is not lost.
            store.put(item(4, hidden=not store.get(ItemId("i4")).hidden))
            await overlay.refresh()
            overlay.adopt(built)
            assert facts(overlay.catalogue) == facts(from_scratch(engine))
            assert built.n_artifact == len(snapshot)

    asyncio.run(swap())


def test_placements_and_consents_are_handed_on(engine: Engine, tmp_path: Path) -> None:
    told: list[Any] = []
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    placements, consents = PlacementStore(engine), ConsentStore(engine)
    placements.put(PlacementId("home"), {"title": "A"})
    consents.append([said("no", State.DENIED, noon), said("yes", State.GRANTED, noon)])

    async def follow() -> None:
        overlay = overlay_of(engine, Redis(unix_socket_path=str(tmp_path / "nobody.sock")), told)
        await overlay.start()
        consents.append([said("yes", State.WITHDRAWN, noon + timedelta(minutes=1))])
        placements.put(PlacementId("cart"), {"title": "B"})
        await overlay.refresh()
        await overlay.refresh()

    asyncio.run(follow())
    names = [sorted(one.identifier[1] if isinstance(one, ConsentState) else one[0] for one in taken) for taken in told]
    assert names == [["home"], ["no", "yes"], ["cart"], ["yes"]]


def test_callers_who_come_while_one_is_served_share_the_next_reading(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Each shopper's first login announces a change: were each read by itself, a crowd would queue behind itself."""
    store, readings = CatalogueStore(sqlite_engine), list[str]()

    def note(*said: Any) -> None:
        if said[2].startswith("SELECT change_counter"):
            readings.append(said[2])

    async def crowd() -> None:
        overlay = overlay_of(sqlite_engine, Redis(unix_socket_path=str(tmp_path / "nobody.sock")))
        await overlay.start()
        overlay.adopt(await overlay.build([], 0))
        store.put(item(1))
        event.listen(sqlite_engine, "before_cursor_execute", note)
        first = asyncio.create_task(overlay.refresh())
        await asyncio.sleep(0)  # it reads, or is about to
        store.put(item(2))
        others = [asyncio.create_task(overlay.refresh()) for _ in range(50)]
        for other in others:
            await other
            assert overlay.catalogue.row_of("i2") >= 0
        await first

    asyncio.run(crowd())
    assert len(readings) == 2


def from_scratch(engine: Engine) -> Catalogue:
    """The catalogue as SQL has it now."""
    catalogue = Catalogue.of(CatalogueStore(engine).read_all())
    with engine.connect() as connection:
        for row in connection.execute(store_stock.select()):
            catalogue.set_store_stock_of_number(row.store_id, row.item_number, row.quantity)
    return catalogue


STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 6), st.integers(0, 3)),
    st.tuples(st.just("hide"), st.integers(1, 6), st.integers(0, 1)),
    st.tuples(st.just("stock"), st.integers(1, 6), st.integers(0, 2)),
    st.tuples(st.just("store stock"), st.integers(1, 6), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.integers(1, 6), st.just(0)),
    st.tuples(st.just("import"), st.integers(1, 6), st.integers(0, 3)),
    st.tuples(st.just("refresh"), st.just(0), st.just(0)),
    st.tuples(st.just("build"), st.just(0), st.just(0)),
    st.tuples(st.just("adopt"), st.just(0), st.just(0)),
)


def change(engine: Engine, kind: str, number: int, value: int) -> None:
    """One change to SQL; what needs an item that is not there does nothing."""
    store, stock, item_id = CatalogueStore(engine), StockStore(engine), ItemId(f"i{number}")
    known = {one.item_id: one for one in store.read_all()}
    if kind == "put":
        store.put(item(number, category=f"c{value}", price=value or None, group_id=f"g{value}"))
    elif kind == "import":
        stated = [item(n, title=f"t{value}", min_age=value) for n in range(number, 7)]
        store.upsert_many(stated, facts=["title", "min_age"])
    elif item_id in known and kind == "hide":
        store.put(replace(known[item_id], hidden=bool(value)))
    elif item_id in known and kind == "delete":
        store.delete(item_id)
    elif item_id in known and kind in {"stock", "store stock"}:
        place = StoreId("s") if kind == "store stock" else None
        stock.set_lines([StockLine(item_id=item_id, store_id=place, quantity=None if value == 2 else value)])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25))
def test_whatever_happened_the_catalogue_is_as_if_built_anew(
    sqlite_engine: Engine, steps: Sequence[tuple[str, int, int]]
) -> None:
    with sqlite_engine.begin() as connection:
        connection.execute(delete(store_stock))
        connection.execute(delete(items))
    store = CatalogueStore(sqlite_engine)

    async def live() -> CatalogueOverlay:
        overlay = overlay_of(sqlite_engine, Redis(unix_socket_path="/nowhere"))
        await overlay.start()
        overlay.adopt(await overlay.build(*store.read_snapshot()))
        old, built = store.read_snapshot(), None
        for kind, number, value in steps:
            if kind == "refresh":
                await overlay.refresh()
            elif kind == "build":
                built = await overlay.build(*old)
            elif kind == "adopt" and built is not None:
                overlay.adopt(built)
                old, built = store.read_snapshot(), None
            else:
                change(sqlite_engine, kind, number, value)
        await overlay.refresh()
        return overlay

    assert facts(asyncio.run(live()).catalogue) == facts(from_scratch(sqlite_engine))
