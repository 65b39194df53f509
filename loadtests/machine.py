"""How fast the machine is from moment to moment: what a fixed piece of work takes of the processor.

Machines that others share slow down and recover within minutes; without this beside it, a drift of the service and one
of its machine look alike.
"""

from hashlib import blake2b
from time import thread_time

_WORK = bytes(2**20)


def fixed_work_ms() -> float:
    """Milliseconds of the processor that a hash of a mebibyte takes, about one; others can go on meanwhile."""
    started = thread_time()
    blake2b(_WORK).digest()
    return 1000 * (thread_time() - started)
