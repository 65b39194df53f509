"""A worker of `serve`: answers on a socket that its parent listens on."""

import gc
import socket
import sys

import uvicorn

from features.settings import read_settings
from serving.http_protocol import BoundedProtocol
from serving.logs import configure_logs

GRACE_SECONDS = 10
# How long a thread that computes keeps one waiting that has had its answer from SQLite: 5 ms by default, and there are
# fifteen answers in an offer.
SWITCH_SECONDS = 0.0001


def main(listener_fd: int, application: str) -> None:
    """Answer until asked to end; requests under way are finished. `application` is "module:factory"."""
    configure_logs(read_settings())
    config = uvicorn.Config(
        application,
        factory=True,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        access_log=False,
        log_config=None,  # what it logs goes where our own does
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # the application itself believes the proxies that the settings name
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()  # modules are here to stay: to look for garbage among them is a third of the time it takes to start
    config.load()
    gc.freeze()
    gc.enable()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listener_fd)])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
