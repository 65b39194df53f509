"""Ends a background task that was cancelled, where its cancellation may have been lost."""

import asyncio


def heed_cancellation() -> None:
    """Raise CancelledError if this task was asked to end; call it in each round of a loop that uses Redis.

    redis-py sends with `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that comes in the moment in
    which its work is done. The loop would go on, and whoever waits for its end would wait for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
