"""Which artifacts the workers of a running service answer from."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

METRIC = "recommender_artifact_workers"


def workers_by_artifact(port: int) -> dict[str, int]:
    """How many workers answer from each artifact; a worker that is not ready is in none.

    One request cannot tell: whichever worker is ready answers it, in the place of those that are not.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as reply:
        page = reply.read().decode()
    return {
        sample.labels["artifact_id"]: int(sample.value)
        for family in text_string_to_metric_families(page)
        if family.name == METRIC
        for sample in family.samples
        if sample.value > 0
    }
