"""What `recommender drain` does and says."""

from redis.exceptions import RedisError

from features.events.backlog import Backlog, backlog_of, backlog_question
from features.events.drain import drain
from features.online.connection import connect_blocking
from features.settings import Settings
from recommender.errors import StoreUnavailable


def drain_now(settings: Settings) -> str:
    """Move what waits, and say what was moved.

    Raises:
        StoreUnavailable: Redis cannot be reached, or the log cannot be written; everything stays in the stream.
    """
    try:
        with connect_blocking(settings) as redis:
            report = drain(redis, settings)
    except RedisError as error:
        remedy = "Start `recommender serve`, which owns the embedded Valkey, or set REDIS_URL."
        raise StoreUnavailable(f"the event stream cannot be reached: {error}", remedy=remedy) from error
    except OSError as error:
        remedy = f"Make room in {settings.events_dir}; what waits is safe in the stream."
        raise StoreUnavailable(f"the event log cannot be written: {error}", remedy=remedy) from error
    if not report.is_ours:
        return "another drain is at work, and moves what waits within seconds"
    return f"{report.rows:,} rows moved to {settings.events_dir} in {report.files:,} files"


def read_backlog(settings: Settings) -> Backlog:
    """How much waits; raises RedisError."""
    with connect_blocking(settings) as redis:
        return backlog_of(redis.eval(*backlog_question()))
