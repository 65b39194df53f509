"""How often a caller may call: counted in this worker, and shared with the others beside the requests (ADR 0016)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic

from redis.exceptions import RedisError

from features.online.limits import SharedLimits, digest_of_caller
from recommender.errors import TooManyRequests

WINDOW_SECONDS = 60
MOST_CALLERS = 50_000  # limits in use that a worker remembers; beyond them, those least used are forgotten
TIDY_SECONDS = 10.0
WHOSE = {"key": "This key", "subject": "This user", "address": "This address", "link": "The readers of this mail"}
SHARED_FROM = 0.1  # share of a limit that a worker lets through before it tells the others


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit on one caller: `per_minute` at once, and then as many a minute as come back evenly.

    Attributes:
        policy: what RateLimit-Policy calls it: a name of WHOSE.
        who: the caller that it counts.
    """

    policy: str
    who: str
    per_minute: int


class _Use:
    """How used up a limit is.

    Attributes:
        whole_at: when it is whole again, in seconds of the clock.
        unshared: seconds of coming back of what was let through here, and Redis does not know of yet.
    """

    __slots__ = ("unshared", "whole_at")

    def __init__(self, now: float) -> None:
        self.whole_at, self.unshared = now, 0.0


class Limits:
    """The limits of all callers of a worker.

    Each limit is a bucket that fills evenly (the generic cell rate algorithm): one number says how full it is. A
    request is judged by what this worker knows; what others let through it learns a moment later. Without Redis each
    worker holds callers to the whole limit by itself.

    Args:
        clock: seconds, of any beginning.
    """

    def __init__(
        self, shared: SharedLimits, secret: Callable[[], bytes], clock: Callable[[], float] = monotonic
    ) -> None:
        self._shared, self._secret, self._clock = shared, secret, clock
        self._uses: dict[tuple[str, str], _Use] = {}
        self._waiting: set[tuple[str, str]] = set()
        self._tidy_at = 0.0

    def take(self, quotas: Sequence[Quota], cost: int = 1) -> list[tuple[bytes, bytes]]:
        """Let a request through that uses up `cost` of each limit; returns the headers that say what is left.

        Raises:
            TooManyRequests: one of them is used up; then none is touched.
        """
        now, tightest, ahead = self._clock(), quotas[0], -1.0
        uses: list[tuple[_Use, float]] = []
        for quota in quotas:
            name = quota.policy, quota.who
            use = self._uses.get(name)
            if use is None:
                use = self._uses[name] = _Use(now)
                if len(self._uses) > MOST_CALLERS:
                    self._forget(now)
            # What costs more than the whole limit takes all of it, or nothing would ever let it through.
            taken = min(cost * WINDOW_SECONDS / quota.per_minute, WINDOW_SECONDS)
            used = max(use.whole_at - now, 0.0) + taken
            if used > WINDOW_SECONDS:
                raise _used_up(quota, used - WINDOW_SECONDS)
            if used > ahead:
                tightest, ahead = quota, used
            uses.append((use, taken))
        for (use, taken), quota in zip(uses, quotas, strict=True):
            use.whole_at = max(use.whole_at, now) + taken
            use.unshared += taken
            if use.unshared >= SHARED_FROM * WINDOW_SECONDS:
                self._waiting.add((quota.policy, quota.who))
        left = int((WINDOW_SECONDS - ahead) * tightest.per_minute / WINDOW_SECONDS)
        return [
            (b"ratelimit-policy", f'"{tightest.policy}";q={tightest.per_minute};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"{tightest.policy}";r={left};t={ceil(ahead)}'.encode()),
        ]

    async def share(self) -> None:
        """Tell the others what was let through here, and learn what they let through; one round trip.

        Raises:
            RedisError, OSError: Redis is gone; nothing is lost, the next call tells it.
        """
        self._tidy()
        names = [name for name in self._waiting if name in self._uses]
        self._waiting.clear()
        if not names:
            return
        secret = self._secret()
        sent = {name: self._uses[name].unshared for name in names}
        for name in names:
            self._uses[name].unshared = 0.0
        try:
            left = await self._shared.advance({digest_of_caller(secret, name): sent[name] for name in names})
        except (RedisError, OSError):
            for name in names:
                if (use := self._uses.get(name)) is not None:
                    use.unshared += sent[name]
                    self._waiting.add(name)
            raise
        now = self._clock()
        for name, seconds in zip(names, left, strict=True):
            if (use := self._uses.get(name)) is not None:
                # Never earlier than known here: a Redis that lost its memory loosens nothing.
                use.whole_at = max(use.whole_at, now + seconds + use.unshared)

    def _tidy(self) -> None:
        """Forget limits that are whole, as they were before the first request; not at every call."""
        now = self._clock()
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_SECONDS
        self._uses = {name: use for name, use in self._uses.items() if use.whole_at > now}

    def _forget(self, now: float) -> None:
        by_use = sorted(self._uses.items(), key=lambda entry: entry[1].whole_at)
        self._uses = {name: use for name, use in by_use[len(by_use) // 2 :] if use.whole_at >= now}


def _used_up(quota: Quota, seconds: float) -> TooManyRequests:
    whose = WHOSE[quota.policy]
    return TooManyRequests(
        f"{whose} may send {quota.per_minute:,} requests a minute, and has sent them.",
        retry_after_seconds=seconds,
        remedy="Wait as many seconds as Retry-After says; docs/limits.md says who sets the limits.",
    )
