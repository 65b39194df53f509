"""The bounds on a connection, on a real `serve`."""

import re
import socket
from contextlib import suppress
from pathlib import Path

from tests.integration.serve.service import Service, eventually, serving

FINE = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def talk(service: Service, sent: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0), timeout=10) as connection:
        received = b""
        with suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(sent)
            while chunk := connection.recv(65_536):
                received += chunk
        return received


def post(body: bytes) -> bytes:
    head = (
        f"POST /v1/track HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_a_connection_carries_large_bodies_and_many_requests_but_no_endless_head(tmp_path: Path):
    with serving(tmp_path, "serving.app:create_app") as service:
        assert talk(service, FINE + LAST).count(b" 200 OK") == 2
        large = post(b"[" * 400_000)
        answers = talk(service, large + large + LAST)
        assert b" 431 " not in answers
        assert answers.count(b" 200 OK") == 1
        # Until it has read which keys there are, it answers nobody.
        eventually(lambda: b" 503 " not in talk(service, post(b"{}") + LAST)[:40])
        for depth in (1_000, 5_000):
            assert b" 400 " in talk(service, post(b'{"a":' * depth + b"1" + b"}" * depth) + LAST)[:40]
        answer = talk(service, b"nonsense\r\n\r\n")
        assert b" 400 " in answer[:40]
        assert b"application/problem+json" in answer
        [request_id] = re.findall(rb"x-request-id: ([0-9a-f]{32})\r\n", answer)
        assert b'"request_id":"' + request_id in answer
        # Its answer may be lost, since the connection is closed while more comes; but it is closed.
        answer = talk(service, FINE[:-2] + b"x: " + b"y" * 1_000_000)
        assert answer == b"" or b" 431 " in answer[:40]
