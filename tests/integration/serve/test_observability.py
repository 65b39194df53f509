"""What a running `serve` says of itself: the page of metrics is that of the documentation, its log names nobody."""

import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from serving.parent import APPLICATION
from tests.integration.serve.service import Service, eventually, serving
from tests.integration.serving.shop import Shop

ROOT = Path(__file__).parents[3]
PERSON, MAIL, KEY = "shopper-4711", "ann.oneil@shop.example", "sk_0123456789abcdef0123456789abcdef"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ONCE = {"connection": "close"}  # so that both workers are asked


def documented() -> dict[str, str]:
    """Type of each metric by its name, as docs/observability.md has them."""
    page = (ROOT / "docs/observability.md").read_text()
    return dict(re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", page, re.MULTILINE))


def shown(service: Service) -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric on the page, by the name that queries use."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(service.client.get("/metrics").text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family.type, {label for sample in family.samples for label in sample.labels} - {"le"}
    return found


def use(service: Service) -> None:
    """Some of all that callers do, by people whom no log may name."""
    agreed = {"personalisation": True}
    consent = agreed | {"in_store_location": True}
    subject = {"anonymous_id": PERSON, "device_id": PERSON}
    heard = [{"type": "ibeacon", "uuid": "0f0f0f0f-0000-4000-8000-000000000001", "major": 1, "minor": 1}]
    sightings = [one | {"rssi_avg": -60.0, "samples": 5, "last_seen": "2026-11-20T12:00:00Z"} for one in heard]
    track = {"event": "Product Viewed", "anonymousId": PERSON, "properties": {"product_id": "i1", "email": MAIL}}
    for path, body, headers in (
        ("/v1/recommendations", {"placement": "home", "anonymous_id": PERSON, "consent": agreed}, {}),
        ("/v1/recommendations", {"placement": "home", "user_id": MAIL, "limit": "many"}, {"x-request-id": MAIL}),
        ("/v1/recommendations", b'{"user_id": "' + PERSON.encode(), {}),
        ("/v1/track", track, {"traceparent": TRACE}),
        ("/v1/offers/request", {"subject": subject, "sightings": sightings, "consent": consent},
         {"idempotency-key": "k1", "authorization": f"Bearer {KEY}"}),
    ):  # fmt: skip
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"content-type": "application/json"}
        service.client.post(path, content=content, headers=ONCE | kind | headers)
    for path in (f"/v1/profiles/{PERSON}/consents", f"/v1/profiles/{MAIL}", f"/{PERSON}%0A{MAIL}", "/e/c/nobody"):
        service.client.get(path, headers=ONCE | {"x-request-id": f"<{PERSON}>"})


def test_a_running_service_shows_what_the_documentation_says_and_names_nobody(tmp_path: Path) -> None:
    """Two workers, for which every request is a slow one."""
    Shop(tmp_path).publish("a1")
    with serving(tmp_path, APPLICATION, RECOMMENDER_WORKERS="2", RECOMMENDER_SLOW_REQUEST_MS="0.001") as service:
        eventually(lambda: all(service.client.get("/readyz", headers=ONCE).is_success for _ in range(6)), 60)
        use(service)
        the_page_has_every_metric_of_the_documentation_and_no_other(service)
        every_process_is_on_the_page_by_its_name(service)
        the_log_is_json_by_line_and_names_nobody(service)
        service.stop()


def the_page_has_every_metric_of_the_documentation_and_no_other(service: Service) -> None:
    eventually(lambda: "recommender_drain_failures_total" in shown(service))  # which only the drain counts
    found = eventually(lambda: "recommender_drain_last_timestamp_seconds" in (now := shown(service)) and now)
    assert {name: kind for name, (kind, _) in found.items()} == documented()
    labels = {"process", "cpu_mode"}
    assert found["process_cpu_time_seconds_total"][1] == labels
    text = service.client.get("/metrics").text
    assert PERSON not in text
    assert MAIL not in text


def every_process_is_on_the_page_by_its_name(service: Service) -> None:
    text = service.client.get("/metrics").text
    for name in ("worker-1", "worker-2", "drain", "valkey", "parent"):
        memory = re.search(rf'process_memory_usage_bytes{{process="{name}"}} (\S+)', text)
        private = re.search(rf'recommender_process_private_memory_bytes{{process="{name}"}} (\S+)', text)
        assert memory is not None
        assert private is not None
        assert 0 < float(private[1]) <= float(memory[1])
    assert {f'recommender_event_loop_lag_seconds_count{{worker="worker-{n}"}}' in text for n in (1, 2)} == {True}
    assert 'recommender_cache_requests_total{cache="item_fragments",result="miss"}' in text


def the_log_is_json_by_line_and_names_nobody(service: Service) -> None:
    text = (service.data_dir / "said.txt").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["process"] for line in lines} & {"worker-1", "worker-2"}
    slow = [line for line in lines if line["message"] == "slow request"]
    assert {line["http.route"] for line in slow} >= {"/v1/recommendations", "/v1/track", "unmatched"}
    [served] = [line for line in slow if line["stages_ms"]]
    assert set(served["stages_ms"]) == {"gather", "decide"}
    [traced] = [line for line in slow if "trace_id" in line]
    assert traced["trace_id"] == traced["request_id"] == TRACE.split("-")[1]
    assert not any(word in text for word in (PERSON, MAIL, "ann.oneil", KEY[3:], "\x1b"))
