"""One page of metrics for all processes of `serve`, whichever worker answers, also after one of them was killed."""

import os
import signal
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from serving.metrics_folder import metrics_folder
from serving.parent import APPLICATION
from tests.integration.serve.service import Service, ends, eventually, serving

EVENTS = 20
ONCE = {"connection": "close"}  # so that both workers get some of the requests


def page(service: Service) -> dict[tuple[str, str], float]:
    """Value of each sample by its name and its label `status`, "" where it has none."""
    text = service.client.get("/metrics", headers=ONCE).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, sample.labels.get("status", "")): sample.value for sample in samples}


def view(service: Service, message_id: str) -> str:
    """What became of an event: accepted or duplicate; a busy machine may have to send it again."""
    body = {"event": "Product Viewed", "anonymousId": "a", "messageId": message_id, "properties": {"product_id": "p"}}

    def send() -> str | None:
        response = service.client.post("/v1/track", json=body, headers=ONCE)
        return response.json()["status"] if response.status_code == 200 else None

    return eventually(send)


def files_of(service: Service, kind: str) -> set[int]:
    """Processes that have a file of that kind."""
    return {int(file.stem.rsplit("_", 1)[1]) for file in metrics_folder(service.data_dir).glob(f"{kind}_*.db")}


def has_counted_events(service: Service, pid: int) -> bool:
    file = metrics_folder(service.data_dir) / f"counter_{pid}.db"
    return file.exists() and b"recommender_events_total" in file.read_bytes()


def test_the_page_adds_up_all_processes_and_forgets_none_of_their_counts(tmp_path: Path) -> None:
    with serving(tmp_path, APPLICATION, RECOMMENDER_WORKERS="2") as service:
        workers = eventually(lambda: len(pids := service.children("serving.worker")) == 2 and pids, 60)
        said = Counter[str]()
        while not all(has_counted_events(service, worker) for worker in workers):
            said[view(service, "the first")] += 1
        said.update(view(service, f"e{number}") for number in range(EVENTS))
        counted = page(service)
        assert {status: counted["recommender_events_total", status] for status in said} == said
        eventually(lambda: ("recommender_drain_failures_total", "") in page(service))  # which only the drain counts
        drained = eventually(lambda: (now := page(service))["recommender_stream_waiting_entries", ""] == 0 and now)
        assert drained["recommender_drain_rows_total", ""] == said["accepted"]
        [drain] = service.children("serving.drain")
        assert "llvmlite" not in Path(f"/proc/{drain}/maps").read_text()  # what only ranking needs is not loaded

        os.kill(workers[0], signal.SIGKILL)
        assert ends(workers[0])
        eventually(lambda: len(set(service.children("serving.worker")) - {workers[0]}) == 2, 60)
        eventually(
            lambda: not any(workers[0] in files_of(service, kind) for kind in ("gauge_livemin", "gauge_livemax"))
        )
        after = page(service)
        assert {status: after["recommender_events_total", status] for status in said} == said
        service.stop()
