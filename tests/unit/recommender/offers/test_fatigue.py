"""The contact budget of a person: caps, pauses and tiredness, for whatever contacts there are."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.offers.fatigue import About, Contact, ContactCap, Pauses, Tiredness

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)  # the day on which Vienna's clocks skip an hour
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Vienna", "Pacific/Auckland", "America/Los_Angeles")]
PAUSES = Pauses(
    after_refusal=timedelta(hours=1), same_campaign=timedelta(days=2), same_category=timedelta(days=5),
    after_purchase=timedelta(days=1), longest=timedelta(days=9), remembered=timedelta(days=30),
)  # fmt: skip
TIRED = Tiredness(half_life=timedelta(days=2), refused=2, less=4, saved=-0.5, scale=6, most=0.8)

abouts = st.builds(
    About, channel=st.sampled_from(["in_aisle", "push"]), campaign_id=st.sampled_from("ab"),
    topic=st.sampled_from(["", "x"]), categories=st.frozensets(st.sampled_from(["tea", "oil"])),
)  # fmt: skip
moments = st.integers(0, 90 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))


@st.composite
def contacts(draw: st.DrawFn) -> Contact:
    made_at = draw(moments)
    feedback = draw(st.sampled_from(["", "shown", "saved", "dismissed", "less_like_this"]))
    after = timedelta(minutes=draw(st.integers(0, 60)))
    return Contact(
        about=draw(abouts),
        made_at=made_at,
        feedback=feedback,
        feedback_at=min(NOW, made_at + after) if feedback else None,
    )


histories = st.lists(contacts(), max_size=12)
windows = st.one_of(
    st.sampled_from(["day", "week", "month"]).map(lambda per: {"per": per}),
    st.floats(0.5, 100).map(lambda hours: {"hours": hours}),
)
caps = st.builds(
    lambda most, of, window: ContactCap(most=most, of=of, **window),
    st.integers(1, 4), st.sampled_from(["all", "channel", "campaign", "topic"]), windows,
)  # fmt: skip


@given(histories, caps, abouts, st.sampled_from(ZONES))
def test_a_full_cap_says_when_there_is_room_again_and_there_is(history, cap, about, zone) -> None:
    free_at = cap.free_at(history, about, NOW, zone)
    if free_at is not None:
        assert NOW < free_at <= NOW + timedelta(days=32, hours=1)
        assert cap.free_at(history, about, free_at, zone) is None


@given(histories, caps, abouts, st.sampled_from(ZONES), contacts())
def test_one_more_contact_never_loosens_a_cap(history, cap, about, zone, more) -> None:
    if cap.free_at(history, about, NOW, zone) is not None:
        assert cap.free_at([*history, more], about, NOW, zone) is not None


@given(caps, abouts, st.sampled_from(ZONES))
def test_a_cap_of_n_lets_n_through_and_not_one_more(cap, about, zone) -> None:
    made: list[Contact] = []
    while cap.free_at(made, about, NOW, zone) is None and len(made) < 9:
        made.append(Contact(about=about, made_at=NOW))
    assert len(made) == (9 if cap.of == "topic" and not about.topic else cap.most)


def test_calendar_days_are_those_of_the_store_and_hours_roll() -> None:
    about = About(channel="push", campaign_id="a")
    at_eleven = [Contact(about=about, made_at=datetime(2026, 3, 28, 22, 30, tzinfo=UTC))]  # 23:30 in Vienna
    past_midnight, day = datetime(2026, 3, 28, 23, 30, tzinfo=UTC), ContactCap(most=1, per="day")
    assert day.free_at(at_eleven, about, past_midnight, ZoneInfo("UTC")) is not None
    assert day.free_at(at_eleven, about, past_midnight, ZoneInfo("Europe/Vienna")) is None
    rolling = ContactCap(most=1, hours=24)
    assert rolling.free_at(at_eleven, about, past_midnight, ZoneInfo("Europe/Vienna")) == at_eleven[
        0
    ].made_at + timedelta(days=1)


@given(histories, abouts)
def test_a_pause_ends_after_now_and_is_over_then(history, about) -> None:
    for ends in (PAUSES.ends_at(history, NOW), PAUSES.ends_for(history, about, NOW)):
        assert ends is None or NOW < ends <= NOW + PAUSES.longest
    end = PAUSES.ends_at(history, NOW)
    assert end is None or PAUSES.ends_at(history, end) is None


def test_each_refusal_doubles_the_pause_up_to_the_longest() -> None:
    about, lengths = About(channel="in_aisle", campaign_id="a", categories=frozenset({"tea"})), []
    for n in range(1, 12):
        made = [Contact(about=about, made_at=NOW, feedback="dismissed", feedback_at=NOW)] * n
        ends = PAUSES.ends_at(made, NOW)
        assert ends is not None
        lengths.append(ends - NOW)
    assert lengths[:4] == [timedelta(hours=2**n) for n in range(4)]
    assert lengths[-1] == PAUSES.longest


def test_less_like_this_holds_for_other_campaigns_of_the_category_and_a_dismissal_does_not() -> None:
    tea = About(channel="in_aisle", campaign_id="a", categories=frozenset({"tea"}))
    other = About(channel="in_aisle", campaign_id="b", categories=frozenset({"tea", "oil"}))
    later = NOW + timedelta(hours=3)

    def said(feedback) -> list[Contact]:
        return [Contact(about=tea, made_at=NOW, feedback=feedback, feedback_at=NOW)]

    assert PAUSES.ends_for(said("dismissed"), tea, later) is not None
    assert PAUSES.ends_for(said("dismissed"), other, later) is None
    assert PAUSES.ends_for(said("less_like_this"), other, later) == NOW + PAUSES.same_category
    assert PAUSES.ends_for(said("saved"), tea, later) is None


@given(histories, contacts(), st.randoms())
def test_tiredness_is_a_share_whatever_the_order_and_more_contacts_tire_more(history, more, random) -> None:
    score = TIRED.score(history, NOW)
    shuffled = random.sample(history, len(history))
    assert 0 <= score < 1
    assert TIRED.score(shuffled, NOW) == score
    assert TIRED.score([*history, more], NOW) >= score
    assert TIRED.score(history, NOW + timedelta(days=1)) <= score


def test_a_cap_needs_one_window() -> None:
    for wrong in ({}, {"per": "day", "hours": 2.0}):
        with pytest.raises(ValueError, match="per"):
            ContactCap(most=1, **wrong)
