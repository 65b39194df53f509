"""A shop with one shopper to erase, who left traces everywhere; and the search for what is left of them."""

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import numpy as np
import polars as pl
from redis import Redis
from sqlalchemy import Engine, MetaData, select

from features.artifact.manifest import IndexEntry, Manifest
from features.artifact.shelf import ArtifactShelf
from features.artifact.write import write_artifact
from features.events.drain import Drain
from features.events.lease import DrainLease
from features.events.log import scan_events
from features.identity import Contacts, read_secret
from features.online.embedded import EmbeddedValkey
from features.privacy.runner import PrivacyRunner
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import open_engine
from recommender.ids import UserId
from serving.app import create_app
from tests.builders import small_model
from tests.integration.serving.shop import Client, regular_history, serving
from tests.unit.training.small_shop import START, open_shop, order_line, orders
from tests.unit.training.small_shop import events as as_events

NOW = START + timedelta(days=30)
USER, DEVICE, CARD = 'Zoë "Z" Kundin-4711', "device-a1b2c3d4e5", "CARD99887766"
EMAIL, PHONE = "zoe.kundin@example.org", "+493055501234"
PER_ENTRY = ("rows", "baskets", "decayed_short", "decayed_long", "first_day", "last_day")
AGREED = {"consent": {"categoryPreferences": {"personalisation": True, "analytics": True}}}


@dataclass
class Drill:
    """A shop on a data folder of its own, with its own Valkey."""

    settings: Settings
    engine: Engine
    redis: Redis
    now: datetime = NOW

    @property
    def runner(self) -> PrivacyRunner:
        return PrivacyRunner(self.settings, self.engine, self.redis, lambda: self.now)

    def later(self, seconds: float = 3.0) -> None:
        self.now += timedelta(seconds=seconds)

    @contextmanager
    def draining(self) -> Iterator[tuple[PrivacyRunner, Drain]]:
        """What the drain's process has."""
        runner = self.runner
        runner.learn()
        with DrainLease(self.redis, self.settings) as lease:
            yield runner, Drain(self.redis, self.settings, lease, runner.cleaner.clean)

    def drain(self) -> None:
        with self.draining() as (_, drain):
            assert drain.move().is_ours

    def work(self) -> int:
        """One pass of the drain's process: move what waits, then do what was asked for."""
        with self.draining() as (runner, drain):
            drain.move()
            return runner.run()

    def serving(self) -> AbstractAsyncContextManager[Client]:
        return serving(create_app(self.settings, clock=lambda: self.now))

    def publish(self, artifact_id: str, seed: int) -> str:
        """An artifact that knows what the person bought; returns its id."""
        items, change_number = CatalogueStore(self.engine).read_snapshot()
        shared = regular_history()
        position_of = {UserId("u1"): 0, UserId(USER): 1}
        both = replace(
            shared, position_of=position_of, offsets=np.array([0, 5, 10]), n_baskets=np.array([3, 4], dtype=np.int32),
            first_basket_day=np.repeat(shared.first_basket_day, 2),
            coupons_redeemed=np.array([0, 7], dtype=np.float32), coupons_expected=np.array([0, 2], dtype=np.float32),
            **{name: np.tile(getattr(shared, name), 2) for name in PER_ENTRY},
        )  # fmt: skip
        model = replace(small_model(np.random.default_rng(seed), len(items), histories=both), version=artifact_id)
        manifest = Manifest(
            artifact_id=artifact_id, cut_day=model.cut_day, change_number=change_number,
            published_at=f"2024-06-2{seed}T00:00:00+00:00",
            inputs={"config": {"embedding": {"alpha": 1.0, "regularization": 1.0}}}, counts={},
            metrics={}, response={}, gate={}, gains={}, index=IndexEntry(model.index.kind, 5, 1.0, 1.0), seconds={},
            peak_memory_mib=1.0,
        )  # fmt: skip
        shelf = ArtifactShelf(self.settings.artifacts_dir)
        folder = shelf.beside(artifact_id)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_artifact(folder, model, items, manifest)
        return shelf.publish(folder)


@contextmanager
def opened(folder: Path, n_users: int = 8) -> Iterator[Drill]:
    """The shop, with three imported weeks in which the person bought too."""
    theirs = [
        order_line(
            USER, f"order of {USER} {day}", line, f"i{line + day}", START + timedelta(days=day, hours=9, minutes=7),
            price=250, quantity=2.0, identifiers=json.dumps({"loyalty_card": CARD}),
        )
        for day in (1, 8, 15)
        for line in range(3)
    ]  # fmt: skip
    log = pl.concat([orders(n_users=n_users, n_days=21), as_events(theirs)])
    valkey = EmbeddedValkey(folder)
    valkey.start()
    try:
        settings = open_shop(folder, log, consenting=n_users)
        engine = open_engine(settings)
        with Redis(unix_socket_path=str(valkey.socket)) as redis:
            yield Drill(settings, engine, redis)
        engine.dispose()
    finally:
        valkey.stop()


def call(event: str, name: str, **more: Any) -> dict[str, Any]:
    """One event of the person's, as a shop's server sends it."""
    return {
        "type": "track", "event": event, "messageId": name, "userId": USER, "timestamp": NOW.isoformat(),
        "context": AGREED,
    } | more  # fmt: skip


def lived(tag: str = "") -> list[dict[str, Any]]:
    """What the person did: logged in, looked, bought, told the shop who they are."""
    product = {"product_id": "i3", "quantity": 2, "price": 3.5}
    return [
        {
            "type": "identify", "messageId": f"who{tag}", "userId": USER, "anonymousId": DEVICE, "context": AGREED,
            "timestamp": NOW.isoformat(),
            "traits": {"email": EMAIL, "phone": PHONE, "loyalty_card": CARD, "favourite": f"likes {USER}"},
        },
        call("Consent Updated", f"consent{tag}", properties={"notice_version": "7"}),
        call("Product Viewed", f"viewed by {USER}{tag}", anonymousId=DEVICE, properties=product),
        call("Custom Thing", f"custom{tag}", properties={"says": f"I am {USER}"}),
        {"type": "track", "event": "Product Added", "messageId": f"anon{tag}", "anonymousId": DEVICE, "context": AGREED,
         "timestamp": NOW.isoformat(), "properties": product},
        call(
            "Order Completed", f"bought{tag} {USER}",
            properties={
                "order_id": f"till-{USER}-{tag}", "currency": "EUR", "note": USER,
                "products": [product, product | {"product_id": "i9"}],
            },
        ),
    ]  # fmt: skip


async def send(client: Client, batch: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    reply = await client.post("/v1/batch", json={"batch": list(batch)})
    assert reply.status_code == 200, reply.text
    return reply.json()["events"]


def spelled(settings: Settings) -> dict[str, bytes]:
    """The person's identifiers in every form that they might be left in."""
    secret = read_secret(settings)
    contacts = Contacts(lambda: secret, lambda _: False)
    hashes = [contacts.identifier("email", EMAIL), contacts.identifier("phone", PHONE)]
    found: dict[str, bytes] = {}
    for value in (USER, DEVICE, CARD, EMAIL, PHONE, *(one[1] for one in hashes if one is not None)):
        raw = value.encode()
        found |= {
            f"{value} raw": raw, f"{value} JSON": json.dumps(value)[1:-1].encode(),
            f"{value} JSON twice": json.dumps(json.dumps(value)[1:-1])[1:-1].encode(),
            f"{value} UTF-16": value.encode("utf-16-le"), f"{value} quoted": quote(value).encode(),
            f"{value} hex": raw.hex().encode(), f"{value} SHA-256": sha256(raw).hexdigest().encode(),
            f"{value} SHA-256 bytes": sha256(raw).digest(),
        }  # fmt: skip
        for shift in range(3):  # whatever stands before it
            inner = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
            found[f"{value} base64 {shift}"] = inner
    return found


def places_of(drill: Drill) -> Iterator[tuple[str, bytes]]:
    """Everything that is kept anywhere: files as they are and unpacked, table cells, keys and values of Redis."""
    for file in sorted(drill.settings.data_dir.rglob("*")):
        if not file.is_file():
            continue
        yield str(file), file.read_bytes()
        yield f"name of {file}", str(file.name).encode()
        if file.suffix in {".parquet", ".partial"} and file.stat().st_size:
            yield f"{file} unpacked", repr(pl.read_parquet(file).rows()).encode() + _texts(file)
        if file.suffix == ".zip":
            with ZipFile(file) as archive:
                yield from ((f"{file}/{name}", archive.read(name)) for name in archive.namelist())
    metadata = MetaData()
    metadata.reflect(drill.engine)
    with drill.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                yield f"table {table.name}", "\0".join(map(str, row)).encode()
    for key in drill.redis.scan_iter(count=1000):
        yield "a key", key
        yield f"the value of {key!r}", drill.redis.dump(key) or b""
        if drill.redis.type(key) == b"string":
            value = drill.redis.get(key) or b""
            yield f"{key!r}", value
            if key.startswith(b"trace:"):
                yield f"{key!r} unpacked", zlib.decompress(value)
        if drill.redis.type(key) == b"stream":
            yield (
                f"{key!r}",
                repr(drill.redis.xrange(key)).encode()
                + b"".join(part for _, fields in drill.redis.xrange(key) for part in fields.values()),
            )
        if drill.redis.type(key) == b"hash":
            yield f"{key!r}", b"\0".join(part for pair in drill.redis.hgetall(key).items() for part in pair)


def found(drill: Drill) -> list[str]:
    """Where anything of the person is."""
    forms = spelled(drill.settings)
    return sorted(
        {f"{form} in {place}" for place, kept in places_of(drill) for form, text in forms.items() if text in kept}
    )


def revenue(settings: Settings) -> list[tuple[Any, ...]]:
    """Minor units and units sold by day, store, item and currency, and orders by day."""
    sold = scan_events(settings, synthetic=True).filter(pl.col("event") == "Order Completed")
    sold = sold.with_columns(day=pl.col("occurred_at").dt.date(), total=pl.col("price") * pl.col("quantity"))
    by = sold.group_by("day", "store_id", "item_id", "currency").agg(
        pl.col("total").sum(), pl.col("quantity").sum(), lines=pl.len()
    )
    per_day = sold.group_by("day").agg(orders=pl.col("order_id").n_unique())
    return [*sorted(by.collect().rows(), key=repr), *per_day.sort("day").collect().rows()]


def _texts(file: Path) -> bytes:
    frame = pl.read_parquet(file)
    texts = [column.drop_nulls().to_list() for column in frame.iter_columns() if column.dtype == pl.String()]
    return "\0".join(text for column in texts for text in column).encode()
