"""Calls to real servers on this machine: the checked address, the name's certificate, bounded time and size."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from features.outgoing import OutgoingFailed, Target, call, check_url

LOCAL = ("127.0.0.1",)


class Receiver(BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was sent."""

    got: list[tuple[str, str, bytes]] = []  # noqa: RUF012 - of the whole module
    ends = Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.got.append((self.path, self.headers["host"], body))
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.end_headers()
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 300_000)
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            while not self.ends.is_set():
                self.wfile.write(b"x")
                sleep(0.02)
        elif self.path == "/dripping-head":
            while not self.ends.is_set():
                self.wfile.write(b"X")
                sleep(0.02)
        else:
            self.send_response(204)
            self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    Receiver.got.clear()
    Receiver.ends.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.handle_error = lambda *_: None
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    Receiver.ends.set()
    server.shutdown()
    server.server_close()


def test_the_address_that_was_checked_is_called_under_its_name(port: int) -> None:
    answers = iter([LOCAL, ("10.255.255.1",)])  # what the name means changes right after the check
    target = check_url(f"http://hooks.example:{port}/in?x=1", {"hooks.example"}, resolve=lambda _h, _p: next(answers))
    answer = call(target, "POST", b"{}", {"content-type": "application/json"})
    assert (answer.status, answer.body, answer.is_whole) == (204, b"", True)
    assert Receiver.got == [("/in?x=1", f"hooks.example:{port}", b"{}")]


def test_a_redirect_is_an_answer_and_not_followed(port: int) -> None:
    answer = call(Target("http", "h.example", port, "/redirect", LOCAL), "POST", b"")
    assert answer.status == 302
    assert answer.headers["location"].startswith("http://169.254.169.254")
    assert len(Receiver.got) == 1


def test_a_body_is_read_up_to_the_limit(port: int) -> None:
    answer = call(Target("http", "h.example", port, "/large", LOCAL), "POST", b"", max_bytes=1_000)
    assert (len(answer.body), answer.is_whole) == (1_000, False)


@pytest.mark.parametrize("path", ["/drip", "/dripping-head"])
def test_who_drips_is_left_in_time(port: int, path: str) -> None:
    started = monotonic()
    with pytest.raises(OutgoingFailed, match="in time"):
        call(Target("http", "h.example", port, path, LOCAL), "POST", b"", timeout_seconds=0.5)
    assert monotonic() - started < 20  # else it would drip on


def test_the_next_address_is_tried_and_nobody_there_is_said_so(port: int) -> None:
    assert call(Target("http", "h.example", port, "/", ("127.255.255.255", *LOCAL)), "POST", b"").status == 204
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with pytest.raises(OutgoingFailed):
        call(Target("http", "h.example", free, "/", LOCAL))


def test_tls_asks_for_the_certificate_of_the_name() -> None:
    heard = list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(4_096))

        thread = Thread(target=listen)
        thread.start()
        with pytest.raises(OutgoingFailed):
            call(Target("https", "hooks.example", listener.getsockname()[1], "/", LOCAL))
        thread.join()
    assert b"hooks.example" in heard[0]
