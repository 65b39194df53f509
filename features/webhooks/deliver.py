"""Delivers what was said on consents and preferences to each webhook: in order, at least once, never two at a time."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from threading import Event, Thread
from uuid import uuid4

import orjson
from sqlalchemy import Engine

from features.permission_documents import document_of, time_text
from features.sql.permission_feed import read_feed
from features.sql.webhook_store import Message, Webhook, WebhookStore
from features.webhooks.signing import signed_headers

MOST_CHANGES = 100  # of one message
CLAIM = timedelta(seconds=60)  # longer than a delivery may take; after it, another deliverer goes on for a dead one
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
LOOK_SECONDS = 1.0  # between two looks for something to tell

Send = Callable[[str, Mapping[str, str], bytes], None]  # URL, headers, body; raises NotDelivered

log = logging.getLogger(__name__)


class NotDelivered(Exception):
    """A receiver did not take a message; the text says why."""


@dataclass(kw_only=True)
class Deliverer:
    """Tells webhooks; any number of them, in any number of processes, tell each webhook each message one after another.

    Attributes:
        secret: of the deployment; the signing secrets are made from it.
        send: posts a message, and returns once it was taken.
    """

    engine: Engine
    secret: bytes
    send: Send
    clock: Callable[[], datetime]
    rng: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        """Take a name that no other deliverer has."""
        self._store = WebhookStore(self.engine)
        self._holder = uuid4().hex

    def run(self, stop: Event, look_seconds: float = LOOK_SECONDS) -> None:
        """Deliver until stopped; a slow receiver keeps nobody else waiting."""
        busy = dict[str, Thread]()
        while not stop.wait(look_seconds):
            try:
                due = [one.webhook_id for one in self._store.read_all() if one.next_try_at <= self.clock()]
            except Exception:  # whatever it is, the next look may find it mended
                log.exception("webhooks are told nothing now")
                continue
            for webhook_id in due:
                if webhook_id not in busy or not busy[webhook_id].is_alive():
                    busy[webhook_id] = Thread(target=self._tell_all, args=[webhook_id, stop], daemon=True)
                    busy[webhook_id].start()

    def tell(self, webhook_id: str) -> bool:
        """Deliver the next message to a webhook; False: none is due, it was not taken, or another is at it."""
        webhook = self._store.read(webhook_id)
        if webhook is None or webhook.next_try_at > self.clock() or self._next(webhook) is None:
            return False
        if not self._store.claim(webhook_id, self._holder, self.clock(), CLAIM):
            return False
        webhook = self._store.read(webhook_id)  # as whoever had the right before left it
        message = None if webhook is None else self._next(webhook)
        if webhook is None or message is None:
            return False
        if message.parked_id is None and not self._store.begin(message, self._holder):
            return False
        return self._deliver(webhook, message)

    def _next(self, webhook: Webhook) -> Message | None:
        if webhook.parked and (parked := self._store.next_replay(webhook.webhook_id)) is not None:
            return parked
        if webhook.telling_until is not None:
            return Message(webhook.webhook_id, webhook.told_until, webhook.telling_until)
        news = read_feed(self.engine, webhook.told_until, MOST_CHANGES)
        return Message(webhook.webhook_id, webhook.told_until, news[-1][0]) if news else None

    def _deliver(self, webhook: Webhook, message: Message) -> bool:
        now = self.clock()
        try:
            if (body := self._body(message)) is not None:
                headers = signed_headers(self.secret, webhook.webhook_id, message.message_id, body, now)
                self.send(webhook.url, headers | {"content-type": "application/json"}, body)
        except NotDelivered as error:
            self._put_off(webhook, message, str(error), self.clock())
            return False
        self._store.succeed(message, self._holder, self.clock())
        return True

    def _body(self, message: Message) -> bytes | None:
        """The same for the same message, unless something of it was erased; None: all of it was."""
        changes = read_feed(self.engine, message.after, MOST_CHANGES, message.until)
        if not changes:
            return None
        last = changes[-1][1]
        data = {"changes": [document_of(said) for _, said in changes], "next": str(message.until)}
        return orjson.dumps({"type": "permissions.changed", "timestamp": time_text(last.received_at), "data": data})

    def _put_off(self, webhook: Webhook, message: Message, error: str, now: datetime) -> None:
        log.warning("webhook %s did not take message %s: %s", webhook.webhook_id, message.message_id, error)
        later = now + pause_after(webhook.failures, self.rng)
        since = webhook.failing_since or now
        if message.parked_id is None and now - since >= GIVEN_UP_AFTER:
            self._store.park(message, self._holder, error, now, later)
        else:
            self._store.fail(message, self._holder, error, now, later)

    def _tell_all(self, webhook_id: str, stop: Event) -> None:
        try:
            while not stop.is_set() and self.tell(webhook_id):
                pass
        except Exception:  # such as a database that is away; the next look tries again
            log.exception("webhook %s is told nothing now", webhook_id)


def pause_after(failures: int, rng: Random) -> timedelta:
    """How long to wait after so many failures in a row and one more: twice as long each time, less up to a half."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 20))
    return longest * rng.uniform(0.5, 1.0)
