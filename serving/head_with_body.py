"""Sending the head of an answer and its body in one piece."""

import asyncio
from collections.abc import Callable


class HeadWithBody(asyncio.Transport):
    """A transport for one answer, whose head goes out with what comes next: half the calls of the kernel.

    Args:
        end: called once the answer is complete.
    """

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        super().__init__()
        self._transport, self._end = transport, end
        self._head: bytes | None = None  # empty once it is on its way

    def write(self, data: bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn writes bytes
        """Keep the head, which comes first, and send all else."""
        if self._head is None:
            self._head = data
        else:
            head, self._head = self._head, b""
            self._transport.write(head + data)

    def is_closing(self) -> bool:
        """As of the connection."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once all is sent."""
        self._send()
        self._transport.close()

    def end(self) -> None:
        """The answer is complete."""
        self._send()
        self._end()

    def _send(self) -> None:
        if self._head:  # nothing came next
            self.write(b"")
