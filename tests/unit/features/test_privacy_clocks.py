"""When an answer to a person is due."""

from datetime import UTC, datetime

import pytest

from features.privacy.clocks import read_clocks
from features.settings import Settings
from recommender.errors import InvalidInput


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("law", "received", "due", "latest"),
    [
        ("eu", "2026-01-31", "2026-02-28", "2026-04-28"),
        ("uk", "2026-11-22", "2026-12-22", "2027-02-22"),
        ("california", "2026-11-22", "2027-01-06", "2027-02-20"),
        ("us_opt_out", "2026-11-22", "2027-01-06", "2027-02-20"),
        ("brazil", "2026-11-22", "2026-12-07", "2026-12-07"),
        ("canada", "2026-11-22", "2026-12-22", "2026-12-22"),
        ("strict", "2026-11-22", "2026-12-07", "2026-12-07"),
    ],
)
def test_each_law_has_its_clock(law, received, due, latest):
    clock = read_clocks(Settings(_env_file=None)).of(law)
    assert clock.due(day(received)) == day(due)
    assert clock.latest(day(received)) == day(latest)


def test_an_unknown_law_is_named():
    with pytest.raises(InvalidInput, match="there is no law 'mars'"):
        read_clocks(Settings(_env_file=None)).of("mars")
