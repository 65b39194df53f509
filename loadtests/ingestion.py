"""How many events one worker takes in, and how soon an event shows in the next answer."""

from time import perf_counter

import numpy as np
import orjson
from rich.table import Table

from features.artifact.read import LoadedArtifact
from loadtests.generator import Outcome, connect, post, saturate

EVENTS_PER_BATCH = 250  # about what Segment's libraries put into 100 KB
BATCHES = 400  # of a round: more than are sent, so that no event comes twice
SECONDS = 4.0
ROUNDS = 3
FOLLOWED = 300
CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}


def batches(loaded: LoadedArtifact, round_number: int, *, known: bool) -> list[bytes]:
    """Batches as a shop's server sends them: views, additions and some orders of shoppers with an account.

    `known`: each on one of two devices of theirs; else each event from a device that nobody has seen before, so that it
    is a login, written to the database.
    """
    rng = np.random.default_rng(round_number)
    users, top = list(loaded.model.histories.position_of), loaded.model.popularity.ranking[:3000]

    def item() -> str:
        return loaded.items[int(rng.choice(top))].item_id

    def event(number: int) -> dict[str, object]:
        name = str(rng.choice(["Product Viewed", "Product Added", "Order Completed"], p=[0.8, 0.15, 0.05]))
        product = {"price": 1.99, "quantity": 1, "name": "Milk 1 l", "category": "dairy", "brand": "A"}
        about: dict[str, object] = product | {"product_id": item()}
        if name == "Order Completed":
            about = {"order_id": f"{number}", "products": [product | {"product_id": item()} for _ in range(5)]}
        user = int(rng.integers(len(users)))
        device = f"visitor-{user}-{rng.integers(2)}" if known else f"visitor-{round_number}-{number}"
        return {
            "type": "track", "event": name, "messageId": f"bench-{round_number}-{number}",
            "userId": users[user], "anonymousId": device,
            "timestamp": "2026-01-01T00:00:00.000Z", "sentAt": "2026-01-01T00:00:00.000Z",
            "context": CONSENT | {"library": {"name": "analytics-node", "version": "3.1.0"}},
            "properties": about | {"currency": "USD"},
        }  # fmt: skip

    return [
        post(
            "/v1/batch", orjson.dumps({"batch": [event(batch * EVENTS_PER_BATCH + n) for n in range(EVENTS_PER_BATCH)]})
        )
        for batch in range(BATCHES)
    ]


async def measure_ingestion(port: int, loaded: LoadedArtifact) -> tuple[list[Outcome], list[Outcome], Outcome]:
    """Outcomes of saturating rounds, of known devices and of logins; and of events each followed by a question."""

    async def rounds(numbers: range, *, known: bool) -> list[Outcome]:
        return [
            await saturate("127.0.0.1", port, batches(loaded, number, known=known), seconds=SECONDS, connections=4)
            for number in numbers
        ]

    for _ in range(2):  # the first time links them, the second time they are read and remembered
        await _log_in(port, loaded)
    known = await rounds(range(1, ROUNDS + 1), known=True)
    logins = await rounds(range(ROUNDS + 1, 2 * ROUNDS + 1), known=False)
    return known, logins, await _follow(port, loaded)


async def _log_in(port: int, loaded: LoadedArtifact) -> None:
    """Let every shopper be seen on both devices."""
    [connection] = await connect("127.0.0.1", port, 1)
    seen = [
        {"type": "identify", "userId": user_id, "anonymousId": f"visitor-{user}-{device}", "context": CONSENT}
        for user, user_id in enumerate(loaded.model.histories.position_of)
        for device in range(2)
    ]
    for start in range(0, len(seen), EVENTS_PER_BATCH):
        await connection.send(post("/v1/batch", orjson.dumps({"batch": seen[start : start + EVENTS_PER_BATCH]})))


async def _follow(port: int, loaded: LoadedArtifact) -> Outcome:
    """Milliseconds from sending a stranger's first event to having an answer that is personal because of it."""
    outcome = Outcome()
    [connection] = await connect("127.0.0.1", port, 1)
    item_id = loaded.items[loaded.model.popularity.ranking[0]].item_id
    for number in range(FOLLOWED):
        who = f"follower-{perf_counter()}-{number}"
        event = {
            "event": "Product Viewed",
            "anonymousId": who,
            "context": CONSENT,
            "properties": {"product_id": item_id},
        }
        question = {"placement": "home", "limit": 12, "anonymous_id": who, "consent": {"personalisation": True}}
        started = perf_counter()
        await connection.send(post("/v1/track", orjson.dumps(event)))
        answer = await connection.send(post("/v1/recommendations", orjson.dumps(question)))
        if b'"personalised":true' in answer:
            outcome.latencies_ms.append((perf_counter() - started) * 1000)
        else:
            outcome.failures += 1
            outcome.first_failure = outcome.first_failure or answer
    return outcome


def ingestion_table(known: list[Outcome], logins: list[Outcome], followed: Outcome) -> Table:
    """What `measure_ingestion` found."""
    table = Table("", "", title=f"Events, in batches of {EVENTS_PER_BATCH}, one worker on one core")
    for name, rounds in (("of devices seen before", known), ("each of them a login", logins)):
        rates = [outcome.per_second * EVENTS_PER_BATCH for outcome in rounds]
        spread = f"{np.median(rates):,.0f} [{min(rates):,.0f}-{max(rates):,.0f}]"
        table.add_row(f"events/s accepted, {name}, median [min-max]", spread)
    table.add_row("batches that failed", str(sum(outcome.failures for outcome in (*known, *logins))))
    table.add_row(
        "event → next recommendation, p50, p99 ms", f"{followed.percentile(50):.1f}, {followed.percentile(99):.1f}"
    )
    table.add_row("events that the next recommendation did not know", str(followed.failures))
    return table
