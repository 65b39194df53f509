"""How often a cache had what was asked for."""

from dataclasses import dataclass


@dataclass(slots=True)
class CacheUse:
    """Counts of one cache, since this worker started; named as those of `functools.lru_cache` are."""

    hits: int = 0
    misses: int = 0
