"""Processes that are killed, and an application that comes back: all are forks of one that imported everything once."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIG_DFL, SIGKILL, SIGTERM, signal
from socket import AF_UNIX, socket

import httpx
import uvicorn
from fastapi import FastAPI

# Not forks of a test process, which has threads. Pytest is among it since tests' modules import it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "serving.app", "tests.integration.privacy.person"])


def keep_answering(build: Callable[..., FastAPI], arguments: tuple[object, ...], listener: socket) -> None:
    """Serve, and again whenever it is killed."""
    app, life = build(*arguments), 0
    signal(SIGTERM, lambda *_: (os.kill(life, SIGKILL), os._exit(0)))
    while True:
        life = os.fork()
        if life == 0:
            signal(SIGTERM, SIG_DFL)
            uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listener])
            os._exit(0)
        os.waitpid(life, 0)


@contextmanager
def answering(folder: Path, build: Callable[..., FastAPI], *arguments: object) -> Iterator[httpx.Client]:
    """Something to talk with to the application; a call that it dies of raises TransportError.

    Args:
        folder: for the socket.
        build: of a module, so that another process finds it; what it makes has nothing open.
        arguments: for it, that can be pickled.
    """
    with socket(AF_UNIX) as listener:
        listener.bind(str(folder / "api.sock"))
        listener.listen()
        keeper = FORKS.Process(target=keep_answering, args=(build, arguments, listener))
        keeper.start()
        limits = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.HTTPTransport(uds=listener.getsockname(), limits=limits)
        try:
            with httpx.Client(transport=transport, base_url="http://api", timeout=30) as client:
                yield client
        finally:
            keeper.terminate()
            keeper.join()
