"""Clocks that are wrong: those of callers, and that of the service."""

import os
from datetime import UTC, datetime, timedelta
from time import sleep

from loadtests.drills.drill import drill
from loadtests.drills.skewed_app import VARIABLE
from loadtests.drills.stage import Stage, folder, staged

DAY = timedelta(days=1)


@drill(
    "clock-of-callers",
    fault="events dated a day ahead, ten years ago, and without a zone",
    promise="those ahead count as now, old ones are history only, and each is acknowledged with a note or rejected with"
    " a reason; nobody else is touched",
)
def clock_of_callers() -> Stage:
    with staged() as stage:
        now = datetime.now(UTC)
        dated = {"ahead": (now + DAY).isoformat(), "old": (now - 3650 * DAY).isoformat(), "no-time": "yesterday"}
        agreed = {"consent": {"categoryPreferences": {"personalisation": True}}}
        batch = [
            {"type": "track", "event": "Product Viewed", "messageId": name, "userId": "skewed", "timestamp": at,
             "properties": {"product_id": "i1"}, "context": agreed}
            for name, at in dated.items()
        ]  # fmt: skip
        said = {
            one["message_id"]: one
            for one in stage.service.client.post("/v1/batch", json={"batch": batch}).json()["events"]
        }
        stage.notes += [f"{name}: {said[name]}" for name in dated]
        stage.check("future" in str(said["ahead"]), "nothing was said of an event from the future")
        stage.check("history only" in str(said["old"]), "nothing was said of an old event")
        stage.check(said["no-time"]["status"] == "rejected", "a time that is none was taken")
        stage.promises.events.update(dict.fromkeys(("ahead", "old"), now))
        stage.all_well("meanwhile")
    return stage


@drill(
    "clock-of-service",
    fault="the clock of both workers jumps an hour ahead for 3 s, and an hour back",
    promise="every call is answered; money and events add up; nothing is counted twice",
)
def clock_of_service() -> Stage:
    with folder() as beside:
        skew = beside / "skew"
        skew.write_text("0")
        os.environ[VARIABLE] = str(skew)
        with staged(application="loadtests.drills.skewed_app:create_app") as stage:
            for seconds in (3600, -3600, 0):
                beside.joinpath("next").write_text(str(seconds))
                beside.joinpath("next").rename(skew)
                seen = stage.watch(f"{seconds} s", 3.0)
                failed = [one for one in seen if not 200 <= one.status < 300]
                stage.check(not failed, f"{len(failed)} calls failed while the clock was {seconds} s ahead")
                sleep(0.2)
    return stage
