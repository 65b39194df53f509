"""Workers and the drain killed, restarted, dead."""

import os
import signal
from time import sleep

from loadtests.drills.drill import drill
from loadtests.drills.stage import Stage, kill, staged, unanswered

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
    "rolling-restart",
    fault="SIGTERM to one worker after the other, each once the one before is back; twice",
    promise="no request fails",
)
def rolling_restart() -> Stage:
    with staged() as stage:
        for _ in range(2):
            for worker in stage.service.children("serving.worker"):
                n_ready = stage.says(READY)
                os.kill(worker, signal.SIGTERM)
                stage.all_well("restarting a worker", AWAY_SECONDS)
                stage.recovers(lambda n=n_ready: stage.says(READY) > n, "ready again", 60)
    return stage


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
