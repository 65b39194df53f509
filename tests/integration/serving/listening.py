"""The service on a port of this machine, for what talks to it from outside: browsers and commands."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import uvicorn
from fastapi import FastAPI


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Where the service answers: it knows its keys; of artifacts, ask /readyz."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", loop="asyncio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            while not app.state.gate.is_ready:
                sleep(0.01)
            yield base
        finally:
            server.should_exit = True
            thread.join()
