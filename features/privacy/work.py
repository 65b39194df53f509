"""What carrying out a person's request has at hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from sqlalchemy import Engine

from features.settings import Settings
from features.sql.privacy_store import PrivacyStore


@dataclass(frozen=True, kw_only=True)
class Work:
    """The stores, and the deployment's secret; it is done in the process that drains."""

    settings: Settings
    engine: Engine
    redis: Redis
    store: PrivacyStore
    secret: bytes
    clock: Callable[[], datetime]
