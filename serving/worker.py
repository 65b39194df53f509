"""A worker of `serve`: answers on a socket that its parent listens on."""

import socket
import sys

import uvicorn

GRACE_SECONDS = 10


def main(listener_fd: int, application: str) -> None:
    """Answer until asked to end; requests under way are finished. `application` is "module:factory"."""
    config = uvicorn.Config(
        application,
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listener_fd)])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
