"""Workers and the drain killed, restarted, dead."""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from time import sleep

import orjson

from loadtests.drills.callers import Promises, mails_for
from loadtests.drills.drill import drill
from loadtests.drills.load import Caller
from loadtests.drills.stage import Stage, kill, staged, unanswered
from loadtests.generator import connect, post

ASKED = post("/v1/recommendations", orjson.dumps({"placement": "home", "limit": 12}))
AWAY_SECONDS = 4.0
READY = "answers from now on"  # what a worker logs of its artifact
MOST_UNDER_WAY = 8  # calls of the light load that one worker has at a time


@drill(
    "worker-killed",
    fault="kill -9 of one of two workers, three times",
    promise="at most the calls that it had under way fail; each is started again; nothing acknowledged is lost",
)
def worker_killed() -> Stage:
    with staged() as stage:
        for _ in range(3):
            [victim, *_] = stage.service.children("serving.worker")
            kill(victim)
            seen = stage.watch("killed", AWAY_SECONDS)
            failed = [one for one in seen if not 200 <= one.status < 300]
            stage.check(len(failed) <= MOST_UNDER_WAY, f"{len(failed)} calls failed")
            stage.check(unanswered(seen) == len(failed), "a call was refused, by a worker that was not ready")
            stage.recovers(lambda: len(stage.service.children("serving.worker")) == 2, "two workers")
        stage.all_well("after")
    return stage


@drill(
    "worker-restarted",
    fault="SIGTERM to one worker after the other, each once the one before is back",
    promise="no request fails",
)
def worker_restarted() -> Stage:
    with staged() as stage:
        for worker in stage.service.children("serving.worker"):
            n_ready = stage.says(READY)
            os.kill(worker, signal.SIGTERM)
            stage.all_well("restarting a worker", AWAY_SECONDS)
            stage.recovers(lambda n=n_ready: stage.says(READY) > n, "ready again", 60)
    return stage


@drill(
    "rolling-restart",
    fault="SIGHUP to `serve`, twice: all workers are replaced while 150 calls a second go on",
    promise="no request fails; at every moment as many workers as before answer",
)
def rolling_restart() -> Stage:
    with staged(callers=_many) as stage:
        for _ in range(2):
            before, n = stage.service.children("serving.worker"), 2
            stage.service.process.send_signal(signal.SIGHUP)
            while set(before) & set(stage.service.children("serving.worker")) and not stage.broken:
                stage.all_well("replacing the workers", 1.0)
                stage.check(len(stage.service.children("serving.worker")) >= n, "a worker was missing")
            stage.recovers(lambda n=n: len(stage.service.children("serving.worker")) == n, "as many", 60)
        stage.all_well("after")
    return stage


@drill(
    "shut-down",
    fault="SIGTERM to `serve` while mails for 1,000 and recommendations are under way",
    promise="each of them is answered; nothing acknowledged is lost",
)
def shut_down() -> Stage:
    with staged() as stage:
        port = stage.service.client.base_url.port or 0
        found = asyncio.run(_end_meanwhile(stage, port, [*(mails_for(1_000, n) for n in range(4)), *[ASKED] * 40]))
        stage.service.process.wait(30)
        stage.notes.append(f"under way: {len(found)}, answered: {sum(found)}")
        stage.check(all(found), "a call that was under way was not answered")
    return stage


async def _end_meanwhile(stage: Stage, port: int, requests: Sequence[bytes]) -> list[bool]:
    """Send all, and SIGTERM; whether each had an answer with 2xx."""
    opened = await connect("127.0.0.1", port, len(requests))
    sent = [asyncio.create_task(one.send(request)) for one, request in zip(opened, requests, strict=True)]
    await asyncio.sleep(0.05)
    stage.service.process.send_signal(signal.SIGTERM)
    answers = await asyncio.gather(*sent, return_exceptions=True)
    return [isinstance(answer, bytes) and answer[9:10] == b"2" for answer in answers]


def _many(promises: Promises) -> list[Caller]:
    return [replace(one, per_second=3.2 * one.per_second) for one in promises.callers()]


@drill(
    "drain-dead",
    fault="the drain is killed again and again for 5 s",
    promise="events are acknowledged all the while and wait in the stream; once a drain lives, all are in the"
    " log, once",
)
def drain_dead() -> Stage:
    with staged() as stage:
        for _ in range(50):
            for pid in stage.service.children("serving.drain"):
                kill(pid)
            sleep(0.1)
        waits = stage.get_metric("recommender_stream_waiting_entries")
        stage.notes.append(f"requests whose events waited: {waits:.0f}")
        stage.all_well("meanwhile and after", AWAY_SECONDS)
        stage.recovers(lambda: stage.get_metric("recommender_stream_waiting_entries") < waits, "draining again", 30)
    return stage
