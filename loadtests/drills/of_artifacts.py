"""Artifacts published, broken, swapped under load."""

from time import sleep

from loadtests.drills.drill import drill
from loadtests.drills.stage import Stage, staged

SEED_OF = {"a2": 1, "a3": 2}


@drill(
    "artifact-corrupt",
    fault="an artifact is published whose embeddings are cut short",
    promise="it is refused and said so in /metrics; the one before goes on answering, without a failed request",
)
def artifact_corrupt() -> Stage:
    with staged() as stage:
        broken = stage.shop.publish("a2", SEED_OF["a2"]) / "embeddings.npy"
        broken.write_bytes(broken.read_bytes()[:-8])
        stage.recovers(lambda: stage.get_metric("recommender_artifacts_refused_total") >= 2, "both workers refused it")
        stage.all_well("refused")
        stage.check(stage.service.client.get("/readyz").json()["artifact_id"] == "a1", "the broken one answers")
    return stage


@drill(
    "artifact-swap",
    fault="two new artifacts are published under load, then the first is rolled back to",
    promise="each answers within seconds; no request fails",
)
def artifact_swap() -> Stage:
    with staged() as stage:
        for name in ("a2", "a3", "a1"):
            if name in SEED_OF:
                stage.shop.publish(name, SEED_OF[name])
            else:
                stage.shop.shelf.rollback(name)
            stage.all_well(f"{name} is published")
            stage.recovers(lambda name=name: _answers_with(stage, name), f"{name} answers at both workers")
            sleep(0.2)
    return stage


def _answers_with(stage: Stage, artifact_id: str) -> bool:
    """Whether many new connections, so both workers, answer with it."""
    ask = stage.service.client
    return all(
        ask.get("/readyz", headers={"connection": "close"}).json()["artifact_id"] == artifact_id for _ in range(12)
    )
