"""A caller who does not read what was asked for holds nothing for long."""

import asyncio

import pytest
import uvicorn
import uvloop
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from serving import http_protocol
from serving.envelope import Envelope
from serving.http_protocol import BoundedProtocol
from serving.metrics import Metrics

LARGE = 32 * 2**20  # bytes: more than the kernel takes for both sides
ASK = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]}
    await send(start)
    await send({"type": "http.response.body", "body": bytes(LARGE)})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "TAKEN_WITHIN_SECONDS", 3.0)  # a busy machine needs one for the whole answer
    monkeypatch.setattr(http_protocol, "LOOK_SECONDS", 0.05)


def connections_after(requests: int, *, reads: bool) -> tuple[int, int]:
    """Ask so often on one connection: bytes that came, and connections that the server still has in the end."""

    async def main() -> tuple[int, int]:
        config = uvicorn.Config(Envelope(large, Metrics(), 1_000, request_seconds=0.5), log_level="critical")
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(ASK * requests)
        came = 0
        if reads:
            while came < requests * LARGE and (piece := await reader.read(2**20)):
                came += len(piece)
        else:
            async with asyncio.timeout(20):
                while not state.connections:
                    await asyncio.sleep(0.01)
                while state.connections or state.tasks:
                    await asyncio.sleep(0.01)
        left = len(state.connections)
        writer.close()
        server.close()
        return came, left

    return uvloop.run(main())  # as the service has it


@pytest.mark.parametrize("requests", [1, 5])
def test_a_connection_that_nobody_reads_from_is_ended(requests: int) -> None:
    assert connections_after(requests, reads=False) == (0, 0)


def test_who_reads_gets_all_of_it_and_keeps_the_connection() -> None:
    came, left = connections_after(2, reads=True)
    assert came >= 2 * LARGE
    assert left == 1
