"""An erasure in both databases: no row names the person any more, and what they used of a campaign still counts."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

from redis import Redis
from sqlalchemy import Engine, select

from features.audit import CLI
from features.identity import Identifier, read_secret
from features.identity_rules import read_rules
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Cap, Coupon, IssueRequest
from features.privacy.desk import Asked, PrivacyDesk
from features.privacy.runner import PrivacyRunner
from features.settings import Settings
from features.sql.consent_store import ConsentStore
from features.sql.engine import engine_of, exclusive, migrate
from features.sql.erasure import scrub_file
from features.sql.identity_store import IdentityStore
from features.sql.preference_store import PreferenceStore
from features.sql.profile_store import ProfileStore
from features.sql.tables.base import metadata
from recommender.consent import Entry, State
from recommender.offers.refusal import Refusal
from recommender.preferences import Aspect, Preference

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)  # every worker has heard of it
ANN, CARD = ("user_id", "ann of the drill"), ("loyalty_card", "CARD4711")
BOB = ("user_id", "bob of the drill")


def live(engine: Engine, settings: Settings) -> None:
    """All that SQL has of two people."""
    IdentityStore(engine, read_rules(settings)).merge([ANN, CARD], "at the desk", NOW)
    for subject in (ANN, BOB):
        ProfileStore(engine).change_traits(subject, {"says": f"I am {subject[1]}"}, NOW)
        ConsentStore(engine).append(
            [
                Entry(
                    entry_id=f"consent of {subject[1]}", subject=subject, purpose="analytics", state=State.GRANTED,
                    occurred_at=NOW, received_at=NOW, proof=subject[1],
                )
            ]
        )  # fmt: skip
        PreferenceStore(engine).append(
            [
                Preference(
                    entry_id=f"wish of {subject[1]}", subject=subject, channel="email", aspect=Aspect.FREQUENCY,
                    setting="weekly", occurred_at=NOW, received_at=NOW,
                )
            ],
            by=CLI,
        )  # fmt: skip


def tables_with(engine: Engine, value: str) -> set[str]:
    with engine.connect() as connection:
        rows = {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}
    return {name for name, some in rows.items() if value in repr(some)}


def erase(engine: Engine, settings: Settings, valkey_data_dir: Path) -> None:
    desk = PrivacyDesk(settings, engine, lambda: NOW)
    opened, _ = desk.open(Asked(kind="erasure", named=[CARD]), CLI)
    with Redis(unix_socket_path=str(valkey_data_dir / "valkey" / "valkey.sock")) as redis:
        assert PrivacyRunner(settings, engine, redis, lambda: LATER).run() == 1
    done = desk.store.read(opened.request_id)
    assert (done.state, done.subject) == ("done", ())
    counts = {line["store"]: line["count"] for line in (done.receipt or {})["stores"]}
    for table in ("identity_edges", "identity_merges", "profile_traits", "consent_entries", "preference_entries"):
        assert counts[f"table {table}"] == 1, table
    assert counts["table identifiers"] == 2


def test_no_row_is_left_and_a_cap_that_was_reached_stays_reached(
    engine: Engine, database_url: str, valkey_data_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=database_url)
    live(engine, settings)
    books = Ledger(engine, lambda: read_secret(settings), lambda: LATER)
    books.allow(
        Allowance(
            campaign_id="c",
            version=1,
            state="open",
            timezone="UTC",
            currency="EUR",
            caps=(Cap(1, "campaign", "shopper"),),
        )
    )

    def ask(holder: Identifier, decision: str) -> Coupon | Refusal:
        return books.issue(
            IssueRequest(
                campaign_id="c", decision_id=decision, holder=holder, most_discount=5, valid_from=NOW,
                valid_until=NOW + timedelta(hours=4),
            )
        )  # fmt: skip

    assert isinstance(ask(ANN, "d1"), Coupon)
    assert ask(CARD, "d2") == Refusal.FREQUENCY_CAP
    erase(engine, settings, valkey_data_dir)
    for value in (ANN[1], CARD[1]):
        assert not tables_with(engine, value)
    assert {"identifiers", "profile_traits", "consent_entries", "preference_entries"} <= tables_with(engine, BOB[1])
    # They come back: by the identifier that got the coupon, and by the one that was linked with it until then.
    assert (ask(ANN, "d3"), ask(CARD, "d4")) == (Refusal.FREQUENCY_CAP, Refusal.FREQUENCY_CAP)
    assert isinstance(ask(BOB, "d5"), Coupon)
    assert books.verify() == books.overruns() == []


def test_the_file_is_scrubbed_beside_a_writer_by_who_wrote_last_too(tmp_path: Path) -> None:
    engine = engine_of(f"sqlite:///{tmp_path / 'scrubbed.sqlite'}")
    migrate(engine)
    with exclusive(engine):  # leaves the pool a connection that does not wait by itself
        pass
    with ThreadPoolExecutor() as threads, closing(sqlite3.connect(tmp_path / "scrubbed.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        scrubbed = threads.submit(scrub_file, engine)
        sleep(0.2)
        other.execute("ROLLBACK")
        assert scrubbed.result()
    engine.dispose()
