"""The connection to Redis: one pool a process, and the checks that it keeps what it is given."""

import logging
from typing import Any

from redis import Redis as BlockingRedis
from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster as BlockingRedisCluster
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from features.online.embedded import socket_path
from features.settings import Settings
from recommender.errors import StoreUnavailable

OLDEST_VERSION = (7, 0)
POOL_SIZE = 64
CLUSTER = ("redis+cluster://", "rediss+cluster://")  # beginnings of the URL of any node of a cluster
SOCKET_TIMEOUT_SECONDS = 2.0

log = logging.getLogger(__name__)


def connect(settings: Settings) -> Redis:
    """A client of the Redis of this deployment; it connects when first used. The caller closes it (`aclose`)."""
    options: dict[str, Any] = {
        "max_connections": POOL_SIZE,
        "timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_connect_timeout": SOCKET_TIMEOUT_SECONDS,
        # Once more at once: after a restart of the server, the first use of each kept connection fails.
        "retry": AsyncRetry(NoBackoff(), 1),
    }
    if settings.redis_url is not None and settings.redis_url.startswith(CLUSTER):
        nodes: Any = RedisCluster.from_url(_plain(settings.redis_url), socket_timeout=SOCKET_TIMEOUT_SECONDS)
        return nodes  # the same commands; redis-py has no common class
    if settings.redis_url is not None:
        return Redis.from_pool(BlockingConnectionPool.from_url(settings.redis_url, **options))
    path = str(socket_path(settings.data_dir))
    pool = BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=path, **options)
    return Redis.from_pool(pool)


def connect_blocking(settings: Settings) -> BlockingRedis:
    """The same for a process of its own that has nothing else to do while it waits."""
    if settings.redis_url is not None and settings.redis_url.startswith(CLUSTER):
        nodes: Any = BlockingRedisCluster.from_url(_plain(settings.redis_url), socket_timeout=30.0)
        return nodes
    options: dict[str, Any] = {
        "socket_timeout": 30.0,
        "retry": Retry(NoBackoff(), 1),
    }  # redis-py's own waits for seconds
    if settings.redis_url is not None:
        return BlockingRedis.from_url(settings.redis_url, **options)
    return BlockingRedis(unix_socket_path=str(socket_path(settings.data_dir)), **options)


def _plain(cluster_url: str) -> str:
    return cluster_url.replace("+cluster", "", 1)


async def check_redis(redis: Redis, *, allow_lossy: bool = False) -> str:
    """Make sure that this Redis keeps what it acknowledges; of a cluster, every node. Returns its name and version.

    Raises:
        StoreUnavailable: it cannot be reached, is older than 7.0, evicts keys, or has no append-only file that is
            synced before each answer (the last three are let pass with `allow_lossy`).
    """
    try:
        names = [await _check_server(redis, allow_lossy=allow_lossy, **node) for node in await _nodes(redis)]
    except RedisError as error:
        raise StoreUnavailable(f"Redis cannot be reached: {error}", remedy="Check REDIS_URL.") from error
    return names[0] if len(names) == 1 else f"{len(names)} nodes of {', '.join(sorted(set(names)))}"


async def _nodes(redis: Redis) -> list[dict[str, ClusterNode]]:
    """For each server behind this client the options of a command that make it the one that is asked."""
    if not isinstance(redis, RedisCluster):
        return [{}]
    cluster: Any = await redis.initialize()
    return [{"target_nodes": node} for node in cluster.get_nodes()]  # replicas too: one may take over


async def _check_server(redis: Redis, *, allow_lossy: bool, **node: ClusterNode) -> str:
    server = await redis.info("server", "persistence", "memory", **node)
    version = str(server["redis_version"])
    who = f"the Redis node {node['target_nodes'].name}" if node else "this Redis"
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        raise StoreUnavailable(f"{who} is {version}, which is too old", remedy="Use Redis 7.0 or later, or Valkey.")
    name = f"{server.get('server_name', 'redis')} {server.get('valkey_version', version)}"
    if allow_lossy:
        return name
    policy = str(server["maxmemory_policy"])
    if policy != "noeviction":
        raise StoreUnavailable(
            f"{who} evicts keys ({policy}), so accepted events could vanish",
            remedy="Set maxmemory-policy to noeviction, or RECOMMENDER_ALLOW_LOSSY_REDIS=true.",
        )
    if not int(server["aof_enabled"]):
        raise StoreUnavailable(
            f"{who} has no append-only file, so accepted events could vanish in a crash",
            remedy="Set appendonly to yes, or RECOMMENDER_ALLOW_LOSSY_REDIS=true.",
        )
    if (syncs := await _when_it_syncs(redis, **node)) not in ("always", None):
        raise StoreUnavailable(
            f"{who} syncs its append-only file {syncs!r}, so a crash could take back accepted events",
            remedy="Set appendfsync to always, or RECOMMENDER_ALLOW_LOSSY_REDIS=true.",
        )
    return name


async def _when_it_syncs(redis: Redis, **node: ClusterNode) -> str | None:
    """Its `appendfsync`; None where the provider does not let us ask."""
    try:
        reply: dict[Any, Any] = await redis.config_get("appendfsync", **node)
    except ResponseError:
        log.warning("this Redis does not say when it syncs its append-only file: make sure that appendfsync is always")
        return None
    return next((value.decode() if isinstance(value, bytes) else str(value) for value in reply.values()), None)
