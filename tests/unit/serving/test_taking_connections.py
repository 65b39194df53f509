"""Connections that come all at once to a worker that has much to do."""

import asyncio
import socket
import tempfile
from contextlib import ExitStack
from itertools import pairwise

import uvicorn
from starlette.types import Receive, Scope, Send

from serving.accepting import AT_ONCE, COUNT_BYTES, TAKES_NONE, Connections, FairServer

N = 300


async def answer(_scope: Scope, receive: Receive, send: Send) -> None:
    """The application, which nobody asks."""
    message = await receive()
    while message["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    await send({"type": "lifespan.shutdown.complete"})


def turns_to_take(others: list[int]) -> list[int]:
    """How many connections one worker has after each turn of its event loop, when N wait and others have so many."""

    async def count() -> list[int]:
        with ExitStack() as stack:
            counts = stack.enter_context(tempfile.TemporaryFile())
            counts.truncate(COUNT_BYTES * (1 + len(others)))
            for worker, n_open in enumerate(others, start=1):
                Connections(counts.fileno(), worker).say(n_open)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=N))
            for _ in range(N):
                stack.enter_context(socket.create_connection(listener.getsockname()))
            config = uvicorn.Config(answer, log_config=None)
            config.load()
            server = FairServer(config, listener, Connections(counts.fileno(), 0))
            server.lifespan = config.lifespan_class(config)
            await server.startup()
            taken = list[int]()
            for _ in range(2 * N):
                await asyncio.sleep(0)
                taken.append(len(server.server_state.connections))
            await server.shutdown()
            return taken

    return asyncio.run(count())


def test_a_crowd_is_let_in_at_once_and_not_one_at_a_time_between_requests():
    taken = turns_to_take(others=[])
    assert taken[-1] == N
    assert sum(n < N for n in taken) < 20  # each such turn may be as long as all requests that are ready
    assert max(after - before for before, after in pairwise(taken)) <= AT_ONCE


def test_most_of_a_crowd_is_left_to_a_worker_with_fewer():
    assert turns_to_take(others=[3])[0] <= 4
    assert turns_to_take(others=[TAKES_NONE])[-1] == N  # as one says that is not ready
