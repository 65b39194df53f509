"""How much memory live state takes, by a sample of the shoppers in it."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import RedisError

from features.online.connection import connect_blocking
from features.online.keys import LIVE_STATE_PREFIX, LIVE_STATE_SECONDS
from features.online.live_value import unpack
from features.settings import Settings
from recommender.errors import StoreUnavailable

_USERS = f"{LIVE_STATE_PREFIX}{{u:".encode()
AT_ONCE = 500  # keys that one round trip asks about


@dataclass(frozen=True, slots=True)
class LiveSize:
    """Live state of one Redis.

    Attributes:
        users, visitors: identifiers that something is kept of: known shoppers, and browsers or devices.
        of_users: (n,) whether an identifier of the sample is a known shopper's.
        n_bytes, n_events, ttl_seconds: (n,) of each identifier in the sample: memory with its key and all that Redis
            adds, events kept, and the time until it is forgotten (-1: never, which must not be).
    """

    users: int
    visitors: int
    of_users: NDArray[np.bool_]
    n_bytes: NDArray[np.int64]
    n_events: NDArray[np.int64]
    ttl_seconds: NDArray[np.int64]

    @property
    def estimated_bytes(self) -> int:
        """Memory of all identifiers, by the sample."""
        return round(float(self.n_bytes.mean()) * (self.users + self.visitors)) if len(self.n_bytes) else 0

    @property
    def kept_too_long(self) -> int:
        """Identifiers of the sample that are forgotten never, or later than they may be."""
        return int(np.count_nonzero((self.ttl_seconds < 0) | (self.ttl_seconds > LIVE_STATE_SECONDS)))


def weigh_live_state(settings: Settings, sample: int) -> LiveSize:
    """Live state of this deployment, by a sample; raises StoreUnavailable when Redis cannot be read."""
    try:
        with connect_blocking(settings) as redis:
            return measure_live_state(redis, sample)
    except (RedisError, OSError) as error:
        raise StoreUnavailable(
            f"Redis cannot be read: {error}", remedy="Start `recommender serve`, or check REDIS_URL."
        ) from error


def measure_live_state(redis: Redis, sample: int = 2_000, seed: int = 7) -> LiveSize:
    """Count all identifiers, and weigh up to `sample` of them, drawn evenly; raises what redis-py raises.

    It walks over all keys in small steps, so that others are served meanwhile.
    """
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn, users, seen = list[bytes](), 0, 0
    found: Any = redis.scan_iter(match=f"{LIVE_STATE_PREFIX}*", count=1_000)
    for key in found:
        seen += 1
        users += key.startswith(_USERS)
        if len(drawn) < sample:
            drawn.append(key)
        elif (place := rng.randrange(seen)) < sample:
            drawn[place] = key
    rows = [row for at in range(0, len(drawn), AT_ONCE) for row in _weigh(redis, drawn[at : at + AT_ONCE])]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return LiveSize(users, seen - users, columns[0] > 0, columns[1], columns[2], columns[3])


def _weigh(redis: Redis, keys: list[bytes]) -> list[tuple[int, int, int, int]]:
    """Of each key whether it is a user's, bytes, events and seconds to live; what has gone meanwhile is left out."""
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key, samples=0)
        pipeline.get(key)
        pipeline.ttl(key)
    replies = pipeline.execute()
    weighed = zip(keys, replies[::3], replies[1::3], replies[2::3], strict=True)
    return [
        (key.startswith(_USERS), n_bytes, len(unpack([value])), ttl)
        for key, n_bytes, value, ttl in weighed
        if value is not None
    ]
