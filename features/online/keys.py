"""Every key in Redis, with what bounds it; a part in braces keeps keys of one script on one node of a cluster."""

from datetime import date
from hashlib import blake2b
from importlib.resources import files

from features.definitions import KEPT_EVENTS, KEPT_FOR
from features.identity import Identifier
from recommender.ids import AnonymousId, RecommendationId, UserId

# shopper:{u:<user id>}, shopper:{a:<anonymous id>}: one string, the newest KEPT_EVENTS events and the last
# places, or that it was emptied, packed as features/online/live_value.py says; gone KEPT_FOR after the last write.
LIVE_STATE_PREFIX = "shopper:"
LIVE_STATE_SECONDS = int(KEPT_FOR.total_seconds())
LIVE_STATE_EVENTS = KEPT_EVENTS

# {events}: stream of accepted events until they are drained; ingestion refuses more while the bytes that wait, counted
# in {events}:bytes, exceed WAITING_BYTES.
EVENT_STREAM = "{events}"
EVENT_STREAM_BYTES = "{events}:bytes"
WAITING_BYTES = 512 * 1024 * 1024

# {events}:name: one value: what the log calls this stream; {events}:drainer: who drains it, gone DRAIN_LEASE_SECONDS
# after the last sign of life; {events}:draining: the range that is being written to the log; {events}:drained: hash of
# three totals.
STREAM_NAME = "{events}:name"
DRAIN_LEASE = "{events}:drainer"
DRAIN_LEASE_SECONDS = 30
DRAINING = "{events}:draining"
DRAINED = "{events}:drained"

# {events}:unprojected: hash of at most NOTES_KEPT notes: updates of live state that a worker has yet to make, a few
# milliseconds each; the drain makes those that are left behind.
UNPROJECTED = "{events}:unprojected"
NOTES_KEPT = 10_000

# {events}:seen:<day>: set of 16-byte names of the events received that day (UTC); gone after SEEN_SECONDS.
SEEN_SECONDS = 2 * 86_400

# presence:{user_id:<user id>}, presence:{anonymous_id:<anonymous id>}: one string, what beacons their devices heard
# lately and the stores they were in, or that it was emptied, packed as features/online/presence_states.py says: 24
# bytes a sighting, 48 of them at most for each of four devices; gone PRESENCE_SECONDS after the last.
PRESENCE_SECONDS = 6 * 3_600

# trace:{<recommendation id>}: how one list came about; gone after TRACE_SECONDS.
TRACE_SECONDS = 3_600

# offer:{<digest of caller and key>}: that a call for offers was begun, gone OFFER_CLAIM_SECONDS later; then its answer,
# gone after OFFER_ANSWER_SECONDS. Who began it has OFFER_TURN_SECONDS to answer it.
OFFER_TURN_SECONDS = 10
OFFER_CLAIM_SECONDS = 600
OFFER_ANSWER_SECONDS = 3_600

# clicks:{<digest of a mail>}: sorted set of the links of it that were followed within MAIL_CLICKS_SECONDS, by when (in
# seconds); gone as long after the last.
MAIL_CLICKS_SECONDS = 15

# opened:{<digest of a mail>}:<by whom>: nothing, but it lasts MAIL_OPENED_SECONDS from when a mail was opened.
MAIL_OPENED_SECONDS = 3_600

# limit:{<digest>}: nothing, but it expires when the limit of a caller is whole again: at most LIMIT_SECONDS from now.
LIMIT_SECONDS = 120

# failures:{<digest>}: how often a caller guessed wrong; gone FAILURES_SECONDS after the first time.
FAILURES_SECONDS = 3_600

# changes: publish/subscribe channel that wakes the workers after a SQL change; holds nothing.
CHANGE_CHANNEL = "changes"


def live_state_of_user(user_id: UserId) -> str:
    """Live state of a known shopper."""
    return f"{LIVE_STATE_PREFIX}{{u:{user_id}}}"


def live_state_of_visitor(anonymous_id: AnonymousId) -> str:
    """Live state of a browser, app installation or device."""
    return f"{LIVE_STATE_PREFIX}{{a:{anonymous_id}}}"


def presence_of(holder: Identifier) -> str:
    """What the devices of a user, or of an app installation, heard lately."""
    return f"presence:{{{':'.join(holder)}}}"


def seen_events(day: date) -> str:
    """Short names of the events received on a day (UTC)."""
    return f"{EVENT_STREAM}:seen:{day}"


def decision_trace(recommendation_id: RecommendationId) -> str:
    """Trace of one decision."""
    return f"trace:{{{recommendation_id}}}"


def offer_answer(caller: str, key: str) -> str:
    """The answer to one call for offers; both may be anything."""
    return f"offer:{{{blake2b(f'{caller}:{key}'.encode(), digest_size=16).hexdigest()}}}"


def clicks_of_mail(digest: str) -> str:
    """Which links of a mail were followed just now."""
    return f"clicks:{{{digest}}}"


def opening_of_mail(digest: str, by: str) -> str:
    """That a kind of visitor opened a mail."""
    return f"opened:{{{digest}}}:{by}"


def limit_of(digest: str) -> str:
    """How used up a limit of one caller is."""
    return f"limit:{{{digest}}}"


def failures_of(digest: str) -> str:
    """How often one caller guessed wrong."""
    return f"failures:{{{digest}}}"


def load_script(name: str) -> str:
    """Text of `lua/<name>.lua`."""
    return files("features.online").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
