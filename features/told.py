"""What many callers asked for together, told to each of them."""

from asyncio import Future
from typing import TypeVar

Answer = TypeVar("Answer")


def tell(caller: "Future[Answer]", answer: Answer | Exception) -> None:
    """Give a caller what they asked for, or raise for them what it came to; nothing, if they have given up."""
    if caller.done():
        return
    if isinstance(answer, Exception):
        caller.set_exception(answer)
        caller.exception()  # looked at here: who does not wait for it any more has no use for a line in the log
    else:
        caller.set_result(answer)
