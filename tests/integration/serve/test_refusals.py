"""What a connection carries while requests on it are refused before the application."""

import socket
from collections.abc import Iterator

import orjson
import pytest

from tests.integration.serve.full_app import PAGE
from tests.integration.serve.service import Service, serving

NEVER = b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose lane of /never has all that it takes."""
    folder = tmp_path_factory.mktemp("refusals")
    application = "tests.integration.serve.full_app:create_app"
    with serving(folder, application, RECOMMENDER_DRAIN="false") as service, connected(service) as busy:
        busy.sendall(NEVER)
        yield service


def connected(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.client.base_url.port or 0), timeout=10)


def answers(connection: socket.socket, n: int) -> list[tuple[bytes, bytes]]:
    """Head and body of so many answers."""
    received, found = b"", list[tuple[bytes, bytes]]()
    while len(found) < n:
        received += (piece := connection.recv(65_536))
        assert piece, received
        while b"\r\n\r\n" in received:
            head, rest = received.split(b"\r\n\r\n", 1)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < length:
                break
            found.append((head, rest[:length]))
            received = rest[length:]
    return found


def test_a_refusal_says_what_every_answer_says_and_the_page_may_read_it(full: Service):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    said = {"origin": PAGE, "x-request-id": "mine", "traceparent": trace}
    answer = full.client.get("/never?a=b", headers=said)
    assert answer.status_code == 503
    problem = answer.json()
    assert (problem["code"], problem["instance"], problem["request_id"]) == ("overloaded", "/never", "mine")
    assert problem["remedy"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["traceresponse"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert answer.headers["cache-control"] == "no-store"
    assert (
        "access-control-allow-origin" not in full.client.get("/never", headers={"origin": "https://x.example"}).headers
    )
    assert full.client.head("/never").status_code == 503


def test_a_connection_goes_on_after_refusals_whatever_bodies_they_had(full: Service):
    large = b"POST /never HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000
    with connected(full) as connection:
        connection.sendall(large + ALIVE + NEVER * 300 + large[:100_000])
        connection.sendall(large[100_000:] + ALIVE)
        found = answers(connection, 304)
    statuses = [head[9:12] for head, _ in found]
    assert statuses == [b"503", b"200", *[b"503"] * 301, b"200"]
    assert len({orjson.loads(body)["request_id"] for head, body in found if head[9:12] == b"503"}) == 302


def test_who_asks_before_sending_a_body_is_refused_with_the_last_answer_of_the_connection(full: Service):
    asks = b"POST /never HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    with connected(full) as connection:
        connection.sendall(asks)
        [(head, _)] = answers(connection, 1)
        assert b"connection: close" in head
        assert connection.recv(10) == b""
