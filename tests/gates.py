"""The gate of a deployment; by itself, since services that tests start many times need it and no model."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from features.keys import Key
from features.online.limits import SharedLimits
from features.settings import Settings
from serving.gate import Gate
from serving.limits import Limits
from serving.lockout import Lockout
from serving.rates import Rates

GATE_SECRET = b"a secret of 32 characters or more"


def lockout(name: str, free: int) -> Lockout:
    """One that counts by itself."""
    return Lockout(SharedLimits(Redis()), lambda: GATE_SECRET, name, free=free)


def open_gate(
    *,
    keys: Sequence[Key] | None = (),
    host: str = "127.0.0.1",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    free_guesses: int = 1_000_000,
    **settings: Any,
) -> Gate:
    """The gate of a deployment on this machine, which counts by itself; without keys it trusts every caller.

    `keys` None: it has not been told which there are.
    """
    settings = {"subject_per_minute": 1_000_000} | settings
    gate = Gate(
        lambda: GATE_SECRET, host, clock, limits=Limits(SharedLimits(Redis()), lambda: GATE_SECRET),
        rates=Rates(Settings(**settings)), guesses=lockout("credentials", free_guesses),
    )  # fmt: skip
    if keys is not None:
        gate.take(keys)
    return gate
