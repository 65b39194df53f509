"""Redis gone, slow, flushed, full."""

import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from time import sleep

from redis import Redis

from features.online.embedded import EmbeddedValkey
from features.online.in_time import READING_SECONDS
from loadtests.drills.drill import drill
from loadtests.drills.load import Seen
from loadtests.drills.proxy import SlowProxy
from loadtests.drills.stage import MONEY, Stage, answers, kill, n_degraded, refused_clearly, staged, unanswered

AWAY_SECONDS = 4.0
KNOWN_SECONDS = 4.0  # until all workers know
SLACK_MS = 250  # beyond the deadline: the machine is shared with the load
DRAINED_SECONDS = 6.0  # what was acknowledged earlier has been drained
HEARD_SECONDS = 0.5  # until a caller has heard what was acknowledged before


@drill(
    "redis-gone",
    fault="kill -9 of Redis, which stays away for 4 s and comes back",
    promise="recommendations go on, degraded: session, consent; tills go on; what Redis has to keep is refused with 503"
    " and Retry-After",
)
def redis_gone() -> Stage:
    with staged(own_redis=True) as stage:
        assert stage.valkey is not None
        kill(stage.valkey.pid)
        seen = stage.watch("gone", AWAY_SECONDS)
        _goes_on_without_redis(stage, seen)
        stage.valkey.start()
        stage.recovers(stage.recommends_personally, "personal again")
        sleep(1.0)
        stage.all_well("back")
    return stage


@drill(
    "redis-slow",
    fault="each answer of Redis takes 300 ms more, for 4 s",
    promise="recommendations wait for the deadline and go on, degraded: session, consent; nothing is lost",
)
def redis_slow() -> Stage:
    with ExitStack() as stack:
        proxies: list[SlowProxy] = []

        def through_proxy(valkey: EmbeddedValkey) -> str:
            path = valkey.folder / "slow.sock"
            proxies.append(SlowProxy(path, valkey.socket))
            stack.callback(proxies[0].end)
            return f"unix://{path}"

        with staged(own_redis=True, redis_url=through_proxy) as stage:
            proxies[0].delay_seconds = 0.15  # there and back
            seen = stage.watch("slow", AWAY_SECONDS)
            _goes_on_without_redis(stage, seen)
            proxies[0].delay_seconds = 0.0
            stage.recovers(stage.recommends_personally, "personal again")
            sleep(1.0)
            stage.all_well("fast again")
    return stage


@drill(
    "redis-hangs",
    fault="Redis takes calls and answers none (SIGSTOP) for 8 s",
    promise="recommendations go on, degraded: session, consent; tills go on; what Redis has to keep is refused with 503"
    " and Retry-After, and once it is known to be gone nobody waits for it",
)
def redis_hangs() -> Stage:
    with staged(own_redis=True) as stage:
        assert stage.valkey is not None
        assert stage.valkey.pid is not None
        os.kill(stage.valkey.pid, signal.SIGSTOP)
        _goes_on_without_redis(stage, stage.watch("hangs", KNOWN_SECONDS))
        seen = stage.watch("known to hang", AWAY_SECONDS)
        _goes_on_without_redis(stage, seen)
        waited = [one for one in answers(seen, "app", "feed", "consents") if one.milliseconds >= 1000 * READING_SECONDS]
        stage.check(not waited, f"{len(waited)} calls waited for Redis, though it was known to be gone")
        os.kill(stage.valkey.pid, signal.SIGCONT)
        stage.recovers(stage.recommends_personally, "personal again")
        sleep(1.0)
        stage.all_well("answers again")
    return stage


@drill(
    "redis-flushed",
    fault="FLUSHALL: live state, presence, counts, and what was not drained yet",
    promise="nobody is refused; coupons, budgets and consents are as they were; of events only those of the last"
    " seconds before it are gone",
)
def redis_flushed() -> Stage:
    with staged(own_redis=True) as stage:
        assert stage.valkey is not None
        with Redis(unix_socket_path=str(stage.valkey.socket)) as redis:
            redis.flushall()
        flushed_at = datetime.now(UTC)
        stage.all_well("flushed", AWAY_SECONDS)
        since, until = flushed_at - timedelta(seconds=DRAINED_SECONDS), flushed_at + timedelta(seconds=HEARD_SECONDS)
        stage.lost_events = {name for name, heard in stage.promises.events.items() if since < heard <= until}
    return stage


@drill(
    "redis-full",
    fault="Redis has no memory left for 4 s (maxmemory)",
    promise="every recommendation stays personal; tills go on; events and offers are refused with 503 and Retry-After",
)
def redis_full() -> Stage:
    # Who is late on a busy machine says nothing of memory: Redis has all the time it needs.
    with staged(own_redis=True, RECOMMENDER_REDIS_DEADLINE_MS="1000") as stage:
        assert stage.valkey is not None
        with Redis(unix_socket_path=str(stage.valkey.socket)) as redis:
            redis.config_set("maxmemory", 1)
            seen = stage.watch("full", AWAY_SECONDS)
            redis.config_set("maxmemory", 0)
        storefront = answers(seen, "storefront")
        stage.check(all(one.status == 200 for one in storefront), "a recommendation failed")
        stage.check(n_degraded(storefront) == 0, f"{n_degraded(storefront)} recommendations were not personal")
        stage.check(all(one.status == 201 for one in answers(seen, "till")), "a till was refused")
        stage.check(refused_clearly(seen), "a refusal without 503 and Retry-After")
        stage.check(all(one.status == 503 for one in answers(seen, "feed")), "events were acknowledged")
        sleep(1.0)
        stage.all_well("room again")
    return stage


def _goes_on_without_redis(stage: Stage, seen: list[Seen]) -> None:
    late = stage.shop.settings.redis_deadline_ms
    storefront = answers(seen, "storefront")
    stage.check(all(one.status == 200 for one in storefront), "a recommendation failed")
    stage.check(
        all("session+consent" in one.says for one in storefront[5:-5]), "an answer did not say that it is degraded"
    )
    slow = [one for one in storefront if one.milliseconds > late + SLACK_MS]
    stage.check(len(slow) <= 0.02 * len(storefront), f"{len(slow)} recommendations waited for Redis")
    stage.check(all(one.status == 201 for one in answers(seen, "till")), "a till was refused")
    stage.check(refused_clearly(answers(seen, "feed", "mail", *MONEY)), "a refusal without 503 and Retry-After")
    stage.check(not unanswered(seen), "a call was not answered")
