"""Consents from a retailer's files: the newest word counts, and no file turns a no into a yes."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.audit import CLI
from features.consent_import import import_consents
from features.import_file import ImportReport
from features.privacy.desk import Asked, PrivacyDesk
from features.progress import Silent
from features.settings import Settings
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import migrate, open_engine
from recommender.consent import Entry, State, state_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = "user_id,email,purpose,state,occurred_at,entry_id"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", secret="s" * 32)


def bring(settings: Settings, *rows: str) -> ImportReport:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir / "consents.csv"
    file.write_text("\n".join([HEAD, *rows]) + "\n")
    return import_consents(settings, file, Silent(), now=NOW)


def said_here(settings: Settings, state: State, at: datetime) -> None:
    engine = open_engine(settings)
    migrate(engine)
    entry = Entry(
        entry_id=f"{state} {at}", subject=("user_id", "ann"), purpose="analytics", state=state, occurred_at=at,
        received_at=at,
    )  # fmt: skip
    ConsentStore(engine).append([entry])
    engine.dispose()


def state_now(settings: Settings) -> State | None:
    engine = open_engine(settings)
    [state] = ConsentStates(engine).of([("user_id", "ann")])
    engine.dispose()
    return state_of(state.standings, "analytics", NOW)


def test_of_two_words_the_newer_counts_in_whatever_order_they_come(settings: Settings) -> None:
    bring(settings, "ann,,analytics,granted,2026-05-02T00:00:00Z,", "ann,,analytics,granted,2026-05-01T00:00:00Z,")
    assert state_now(settings) is State.GRANTED
    bring(settings, "ann,,analytics,withdrawn,2026-05-03T00:00:00Z,", "ann,,analytics,denied,2026-04-03T00:00:00Z,")
    assert state_now(settings) is State.WITHDRAWN


@pytest.mark.parametrize("no", [State.DENIED, State.WITHDRAWN])
def test_a_later_yes_in_a_file_does_not_overrule_a_no(settings: Settings, no: State) -> None:
    said_here(settings, no, datetime(2026, 5, 1, tzinfo=UTC))
    assert bring(settings, "ann,,analytics,granted,2026-05-20T00:00:00Z,").accepted == 1
    assert state_now(settings) is no


def test_a_later_no_in_a_file_overrules_a_yes(settings: Settings) -> None:
    said_here(settings, State.GRANTED, datetime(2026, 5, 1, tzinfo=UTC))
    bring(settings, "ann,,analytics,withdrawn,2026-05-20T00:00:00Z,")
    assert state_now(settings) is State.WITHDRAWN


def test_again_changes_nothing_and_what_does_not_fit_is_set_aside_with_the_reason(settings: Settings) -> None:
    rows = [
        "ann,,analytics,denied,2026-05-01T00:00:00Z,e1",
        ",ann@shop.example,marketing_email,withdrawn,2026-05-01,",
        "ann,a@b.example,analytics,denied,2026-05-01T00:00:00Z,",
        ",,analytics,denied,2026-05-01T00:00:00Z,",
        ",nobody,analytics,denied,2026-05-01T00:00:00Z,",
        "ann,,everything,denied,2026-05-01T00:00:00Z,",
        "ann,,analytics,perhaps,2026-05-01T00:00:00Z,",
        "ann,,analytics,denied,yesterday,",
        "ann,,analytics,denied,2027-05-01T00:00:00Z,",
        "bob,,analytics,granted,2026-05-01T00:00:00Z,e1",
    ]
    for accepted in (2, 0):
        report = bring(settings, *rows)
        assert (report.accepted, report.duplicates, report.rejected) == (accepted, 2 - accepted, 8)
        assert report.rejected_file is not None
        with report.rejected_file.open() as file:
            reasons = [row["reason"].partition(":")[0] for row in csv.DictReader(file)]
        words = ["user_id and email", "user_id", "email", "purpose", "state", "occurred_at", "occurred_at", "entry_id"]
        assert reasons == words


def test_whoever_was_erased_is_set_aside(settings: Settings) -> None:
    said_here(settings, State.GRANTED, datetime(2026, 5, 1, tzinfo=UTC))
    engine = open_engine(settings)
    desk = PrivacyDesk(settings, engine, lambda: NOW)
    desk.open(Asked(kind="erasure", named=[("user_id", "ann")]), CLI)
    rows = "ann,,analytics,denied,2026-05-02T00:00:00Z,", "bob,,analytics,denied,2026-05-02T00:00:00Z,"
    report = bring(settings, *rows)
    assert (report.accepted, report.rejected) == (1, 1)
    assert report.rejected_file is not None
    assert "user_id: was erased" in report.rejected_file.read_text()
    desk.open(Asked(kind="lift_suppression", named=[("user_id", "ann")]), CLI)
    engine.dispose()
    assert bring(settings, *rows).accepted == 1
