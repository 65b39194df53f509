"""The commands that the demo prints, pasted one after the other into a shell."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from rich.console import Console

from recommender.cli.demo import explain
from recommender.cli.demo_keys import DemoKeys

REPLY = {"items": [{"item": {"title": "Eggs"}, "reason": "Trending now"}]}


class Answering(BaseHTTPRequestHandler):
    """Answers everything with one list, on one line that does not end: as the service does."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(REPLY).encode())

    do_POST = do_GET  # noqa: N815 - named by the library

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def base() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_each_answer_stands_on_lines_of_its_own(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    explain(Console(), base, DemoKeys("sk_1", "pk_1"), "item-1")
    printed = capsys.readouterr().out
    commands = printed[printed.index("export") : printed.index("API reference")]
    shown = subprocess.run(["bash", "-c", commands], check=True, capture_output=True, text=True).stdout
    listed = "Eggs - Trending now"
    assert shown.splitlines() == [listed, json.dumps(REPLY), listed, listed]
