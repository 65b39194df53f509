"""Holds off whoever guesses: each wrong guess beyond a few has to wait twice as long as the one before."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from features.online.keys import FAILURES_SECONDS
from features.online.limits import SharedLimits, digest_of_caller

LONGEST_HOLD_SECONDS = 900.0
MOST_GUESSERS = 10_000  # that a worker remembers; then those who failed least are forgotten


@dataclass(slots=True)
class _Guesser:
    """Failures so far, how many of them Redis does not know of, when the last was, and when they are forgotten.

    Both are seconds of the clock.
    """

    forgotten_at: float
    failures: int = 0
    unshared: int = 0
    failed_at: float = 0.0


class Lockout:
    """Counts wrong guesses of one thing by who made them, over all workers.

    Beyond `free` failures within an hour, the next guess has to wait a second, then two, four, ... up to a quarter of
    an hour. An hour after the first of them all are forgotten, whatever failed since: so a few slips an hour never add
    up, and nobody waits for ever. Without Redis each worker counts by itself.

    Args:
        what: is guessed: "credentials".
        free: failures before the first wait.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        shared: SharedLimits,
        secret: Callable[[], bytes],
        what: str,
        *,
        free: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared, self._secret, self._clock = shared, secret, clock
        self._what, self._free = what, free
        self._guessers: dict[tuple[str, ...], _Guesser] = {}
        self._waiting: set[tuple[str, ...]] = set()

    def held_seconds(self, *who: str) -> float:
        """How long they have to wait before the next guess; 0: they need not."""
        now, found = self._clock(), self._guessers.get(who)
        if found is None or found.failures <= self._free:
            return 0.0
        return max(0.0, min(found.failed_at + self._hold(found.failures), found.forgotten_at) - now)

    def failures(self, *who: str) -> int:
        """How often they guessed wrong within the hour, as far as this worker knows."""
        found = self._guessers.get(who)
        return 0 if found is None or found.forgotten_at <= self._clock() else found.failures

    def fail(self, *who: str) -> None:
        """Note a wrong guess; call `share` after it where the other workers must know at once."""
        now, found = self._clock(), self._guessers.get(who)
        if found is None or found.forgotten_at <= now:
            if len(self._guessers) >= MOST_GUESSERS:
                self._forget()
            found = self._guessers[who] = _Guesser(forgotten_at=now + FAILURES_SECONDS)
        found.failures, found.unshared, found.failed_at = found.failures + 1, found.unshared + 1, now
        self._waiting.add(who)

    async def share(self) -> None:
        """Tell the others of the failures here, and learn of theirs; one round trip.

        Raises:
            RedisError, OSError: Redis is gone; nothing is lost, the next call tells it.
        """
        waiting, self._waiting = self._waiting, set()
        told = {who: (found, found.unshared) for who in waiting if (found := self._guessers.get(who)) is not None}
        if not told:
            return
        secret = self._secret()
        try:
            counted = await self._shared.count({self._digest(secret, who): new for who, (_, new) in told.items()})
        except (RedisError, OSError):
            self._waiting |= waiting
            raise
        now = self._clock()
        for (found, new), (failures, left_seconds) in zip(told.values(), counted, strict=True):
            found.unshared -= new
            found.failures = max(found.failures, failures + found.unshared)
            found.forgotten_at = min(found.forgotten_at, now + left_seconds)  # all workers forget together

    def _digest(self, secret: bytes, who: tuple[str, ...]) -> str:
        return digest_of_caller(secret, ("failures", self._what, *who))

    def _hold(self, failures: int) -> float:
        return min(2.0 ** min(failures - self._free - 1, 20), LONGEST_HOLD_SECONDS)

    def _forget(self) -> None:
        now = self._clock()
        worst = sorted(self._guessers.items(), key=lambda entry: entry[1].failures)[len(self._guessers) // 2 :]
        self._guessers = {who: found for who, found in worst if found.forgotten_at > now}
