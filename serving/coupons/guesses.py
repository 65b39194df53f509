"""Holds off a till that tries codes which do not exist: a short code that hangs on a poster can be found by trying."""

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from features.ledger.coupons import code_digest, plain
from recommender.errors import CouponRefused, TooManyRequests
from recommender.offers.refusal import Refusal
from serving.coupons.baskets import is_token
from serving.lockout import Lockout

T = TypeVar("T")

FREE_CODES = 100  # wrong ones of a key within an hour: slips of the cashiers of a chain whose tills share one key
MOST_KNOWN = 10_000  # codes that a worker remembers its keys to have used
ISSUED = re.compile(r"[A-Z2-7]{16}")  # as the ledger makes them for one coupon: 80 bits. A shared code may look so too


class CodeGuesses:
    """Counts the unknown codes of each key, over all workers.

    A till that is held off still redeems tokens, codes of single coupons (which nobody finds by trying) and codes that
    its key has used before, and is told again what a call came to that it repeats.

    Args:
        lockout: of codes.
        are_single: whether all of these are codes of single coupons; blocks.
        count: told how many codes were "unknown", or "held" back.
    """

    def __init__(
        self, lockout: Lockout, are_single: Callable[[Sequence[str]], bool], count: Callable[[str, int], None]
    ) -> None:
        self._lockout, self._are_single, self._count = lockout, are_single, count
        self._known = OrderedDict[tuple[str, str], None]()
        self._trying = Counter[str]()

    async def watch(
        self,
        who: str,
        shown: Sequence[str],
        work: Callable[[], T],
        *,
        unknown_in: Callable[[T], Collection[str]] = lambda _: (),
        recall: Callable[[], T | None] = lambda: None,
    ) -> T:
        """Do the work of a till in a thread, unless it guesses and has to wait.

        Args:
            who: the key's id.
            shown: codes and tokens; `unknown_in` says which of them there are not, by what the work came to.
            recall: what the work came to if it was done before.

        Raises:
            TooManyRequests: the answer tells nothing of any code.
            CouponRefused: by the work.
        """
        guessed = [one for one in shown if not (is_token(one) or self._is_known(who, one))]
        if not guessed:
            return await asyncio.to_thread(work)
        if wait := self._wait_seconds(who):
            return await asyncio.to_thread(self._held_off, wait, guessed, work, recall)
        self._trying[who] += len(guessed)
        try:
            done = await asyncio.to_thread(work)
        except CouponRefused as refused:
            if refused.reason is Refusal.COUPON_UNKNOWN:  # the first of them: no more was said
                self._fail(who, 1)
            raise
        finally:
            self._trying[who] -= len(guessed)
            self._trying += Counter()  # forgets who tries nothing now
        unknown = unknown_in(done)
        self._fail(who, len(unknown))
        for code in set(guessed).difference(unknown):
            self._remember(who, code)
        return done

    def _wait_seconds(self, who: str) -> float:
        """How long who guessed too often waits; beyond the free ones, no two of their calls guess side by side."""
        wait = self._lockout.held_seconds(who)
        if not wait and self._trying[who] and self._lockout.failures(who) + self._trying[who] >= FREE_CODES:
            return 1.0
        return wait

    def _held_off(
        self, wait: float, guessed: Sequence[str], work: Callable[[], T], recall: Callable[[], T | None]
    ) -> T:
        """What comes of a call while its key has to wait; blocks."""
        if (done := recall()) is not None:
            return done
        if all(ISSUED.fullmatch(plain(code)) for code in guessed) and self._are_single(guessed):
            return work()
        self._count("held", len(guessed))
        raise TooManyRequests(
            "Too many codes that do not exist came with this key.", retry_after_seconds=wait,
            remedy="Wait, and check the code; tokens, single coupons and codes used before go through meanwhile.",
        )  # fmt: skip

    def _fail(self, who: str, unknown: int) -> None:
        if unknown:
            self._count("unknown", unknown)
        for _ in range(unknown):
            self._lockout.fail(who)

    def _is_known(self, who: str, code: str) -> bool:
        named = who, code_digest(code)
        if named in self._known:
            self._known.move_to_end(named)
            return True
        return False

    def _remember(self, who: str, code: str) -> None:
        self._known[who, code_digest(code)] = None
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
