"""Traffic in the order of its plans, arrivals that no stall can hide, thresholds that can break."""

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from loadtests.arrivals import Answers, arrive
from loadtests.checks import check, machine_drift, read_thresholds
from loadtests.load_report import render
from loadtests.machine import Machine, look
from loadtests.profiles import PROFILES
from loadtests.runs import Run, Sample
from loadtests.traffic import LOGINS, MIX, Basket, Call, Traffic, device_of, logins
from serving.process_metrics import Vital

STALL_SECONDS = 0.6
BASKETS = [Basket(f"u{n}", "s1", tuple((f"i{item}", 100 + item) for item in range(n, n + 5))) for n in range(30)]
CALL = Call("recommendations home", "/", {})


class Server(asyncio.Protocol):
    """Takes no notice of anybody until a moment, then answers at once; or hangs up on everybody (None)."""

    def __init__(self, until: float | None) -> None:
        self._until = until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        if self._until is None:
            transport.close()

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(max(self._until or 0.0, loop.time()), self._answer)

    def _answer(self) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


def answers_of(stall_seconds: float | None, rate: float, seconds: float) -> Answers:
    async def main() -> Answers:
        loop = asyncio.get_running_loop()
        until = None if stall_seconds is None else loop.time() + stall_seconds
        async with await loop.create_server(lambda: Server(until), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            answers = await arrive("127.0.0.1", port, repeat(CALL), lambda _: rate, seconds, connections=2)
            await asyncio.sleep(0.05)  # both sides see that it is over
            return answers

    return asyncio.run(main())


def test_a_stall_shows_in_every_call_that_was_due_meanwhile() -> None:
    answers = answers_of(STALL_SECONDS, 100.0, 2 * STALL_SECONDS)
    due, ms = np.asarray(answers.due), np.asarray(answers.ms)
    assert set(answers.status) == {200}
    early = due < STALL_SECONDS / 2
    assert early.sum() > 10  # though only two could be sent
    assert (ms[early] >= 1000 * (STALL_SECONDS - due[early]) - 50).all()


def test_calls_that_get_no_answer_have_failed() -> None:
    answers = answers_of(None, 50.0, 0.3)
    assert len(answers.status) > 0
    assert answers.failed().all()


def test_traffic_has_all_callers_and_no_key_twice() -> None:
    calls = list(islice(Traffic(BASKETS, "r"), 4_000))
    kinds = Counter(call.name.split()[0] for call in calls)
    assert set(kinds) == {"recommendations", "events", "offers", "tills", "feeds", "mails"}
    assert (kinds["recommendations"] + kinds["events"]) / len(calls) == pytest.approx(MIX["storefront"][0], abs=0.05)
    keys = [call.key for call in calls if call.key is not None]
    assert len(keys) == len(set(keys))
    ids = [call.body["messageId"] for call in calls if call.name == "events"]
    assert len(ids) == len(set(ids))
    assert [call.encoded() for call in islice(Traffic(BASKETS, "r", mix={"till": (1.0, 1)}), 50)] == [
        call.encoded() for call in islice(Traffic(BASKETS, "r", mix={"till": (1.0, 1)}), 50)
    ]


def test_a_visit_looks_before_it_buys() -> None:
    calls = list(islice(Traffic(BASKETS, "r", mix={"storefront": (1.0, 1)}), 500))
    seen = set[str]()
    for call in calls:
        if call.name == "recommendations home":
            seen.clear()
        match call.body.get("event"):
            case "Product Viewed":
                seen.add(call.body["properties"]["product_id"])  # type: ignore[index]
            case "Order Completed":
                assert {line["product_id"] for line in call.body["properties"]["products"]} <= seen  # type: ignore[index]
            case _:
                pass
    assert any(call.body.get("event") == "Order Completed" for call in calls)


def test_shoppers_have_come_before_and_some_come_on_another_device_ever_after() -> None:
    many = [replace(BASKETS[0], user_id=f"u{n}") for n in range(LOGINS + 1)] * 2
    batches = [cast("list[dict[str, str]]", call.body["batch"]) for call in logins(many, "r")]
    assert [len(batch) for batch in batches] == [LOGINS, 1]
    known = {(one["userId"], one["anonymousId"]) for batch in batches for one in batch}
    assert known == {(basket.user_id, device_of(basket.user_id)) for basket in many}
    calls = islice(Traffic(many, "r", mix={"storefront": (1.0, 1)}), 20_000)
    came = {(call.body["userId"], call.body["anonymousId"]) for call in calls if "userId" in call.body}
    assert 0.01 < len(came - known) / len(came) < 0.95
    assert len({device for _, device in came - known}) == len(came - known)


def run_of(ms: list[float], private: list[int], profile: str = "soak") -> Run:
    run = Run(profile, "a run", 10.0, 40.0, 1)
    for second, took in enumerate(ms):
        run.answers.note("recommendations home", float(second), took, 0.0, b"HTTP/1.1 200 OK")
    vital = [Vital(1.0, 0.5, 2 * one, one, 4, 20) for one in private]
    run.samples = [Sample(10.0 * n, {"worker-1": one}, Machine(1.0, 0.5)) for n, one in enumerate(vital)]
    return run


def test_a_slow_end_and_growing_memory_break_the_soak() -> None:
    thresholds = read_thresholds("soak")
    steady = check(run_of([5.0] * 40, [100, 100, 101, 102, 102]), thresholds)
    assert steady
    assert all(one.holds for one in steady)
    slow = check(run_of([5.0] * 30 + [7.0] * 10, [100] * 5), thresholds)
    assert [one.what for one in slow if not one.holds] == ["p99 of the last window over the first"]
    fat = check(run_of([5.0] * 40, [50, 100, 101, 102, 104]), thresholds)
    assert [one.what for one in fat if not one.holds] == ["growth of worker-1"]
    assert 'class="broken"' in render(run_of([5.0] * 40, [100] * 5), fat)


def test_a_worker_that_is_gone_or_began_anew_breaks_the_soak() -> None:
    thresholds = read_thresholds("soak")
    fine, gone, anew = (run_of([5.0] * 40, [100] * 5) for _ in range(3))
    gone.samples[2] = replace(gone.samples[2], vitals={})
    anew.samples[3] = replace(anew.samples[3], vitals={"worker-1": Vital(0.1, 0.1, 200, 100, 4, 20)})
    two = run_of([5.0] * 40, [100] * 5)
    two.workers = 2
    assert all(one.holds for one in check(fine, thresholds))
    for run in (gone, anew):
        assert [one.what for one in check(run, thresholds) if not one.holds] == ["growth of worker-1"]
    assert [one.what for one in check(two, thresholds) if not one.holds] == ["growth of worker-2"]


def test_refusals_are_bounded_and_make_nothing_look_fast() -> None:
    run = run_of([], [100] * 5, "steady")
    for number in range(100):
        run.answers.note("recommendations home", number / 10, 1.0, 0.0, b"HTTP/1.1 429 Too Many Requests")
    run.answers.note("recommendations home", 10.0, 80.0, 0.0, b"HTTP/1.1 200 OK")
    broken = [one.what for one in check(run, read_thresholds("steady")) if not one.holds]
    assert "share of the calls that were refused (4xx)" in broken
    assert "p99 of recommendations, ms" in broken


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_has_thresholds_and_what_was_not_measured_breaks_them(profile: str) -> None:
    thresholds = read_thresholds(profile)
    assert thresholds
    checks = check(run_of([5.0] * 40, [100] * 5, profile), thresholds)
    assert all(one.holds for one in checks if "recommendations" in one.what)
    nothing = check(Run(profile, "", 1.0, 10.0, 1, samples=[Sample(0.0, {}, Machine(1.0, 0.5))]), thresholds)
    assert not any(one.holds for one in nothing)
    assert PROFILES[profile].rate(10.0, 60.0, [1.0] * 24)(30.0) in {10.0, 30.0}


def test_a_machine_that_slowed_down_is_told_from_a_service_that_did(tmp_path: Path) -> None:
    run = run_of([5.0] * 40, [100] * 5)
    assert np.isnan(machine_drift(run))
    first, *others = run.samples
    run.samples = [first, replace(first, at=5.0), *others]
    slow = Machine(1.5, 0.8, {"disk": 9.0})
    run.samples = [
        replace(one, machine=slow if one.at >= 20 else Machine(1.0, 0.5, {"disk": 7.0})) for one in run.samples
    ]
    run.most, run.most_after, run.most_new = 20.0, 10.0, 19.0
    page = render(run, [])
    assert machine_drift(run) == 1.5
    assert "20 a second before and 10 after; a new service on the same data, begun then, 19" in page
    assert "<td>waited for disk</td>" in page
    now, then = look(tmp_path), look(tmp_path)
    assert now.fixed_work_ms > 0
    assert now.sync_ms > 0
    assert "other guests" in now.waited
    assert all(then.waited[name] >= seconds for name, seconds in now.waited.items())
    assert not list(tmp_path.iterdir())
