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
ISSUED = re.compile(r"[A-Z2-7]{16}")  # a code that the ledger made for one coupon: 80 bits, which nobody guesses


class CodeGuesses:
    """Counts the unknown codes of each key, over all workers.

    Tokens, codes of single coupons and codes that the key has used before are no guesses: a till that is held off
    still redeems them.

    Args:
        lockout: of codes.
        count: told how many codes were "unknown", or "held" back unread.
    """

    def __init__(self, lockout: Lockout, count: Callable[[str, int], None]) -> None:
        self._lockout, self._count = lockout, count
        self._known = OrderedDict[tuple[str, str], None]()
        self._trying = Counter[str]()

    async def watch(
        self, who: str, shown: Sequence[str], work: Callable[[], T], unknown_in: Callable[[T], Collection[str]]
    ) -> T:
        """Do the work of a till in a thread, unless it guesses and has to wait.

        Args:
            who: the key's id.
            shown: codes and tokens; `unknown_in` says which of them there are not, by what the work came to.

        Raises:
            TooManyRequests: nothing was looked up, so the answer tells nothing of any code.
            CouponRefused: by the work.
        """
        guessed = [one for one in shown if not (is_token(one) or self._is_known(who, one))]
        if not guessed:
            return await asyncio.to_thread(work)
        self._hold_off(who, len(guessed))
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

    def _hold_off(self, who: str, guessed: int) -> None:
        """Make who guessed too often wait; beyond the free ones, let no two of their calls guess side by side."""
        wait = self._lockout.held_seconds(who)
        if not wait and self._trying[who] and self._lockout.failures(who) + self._trying[who] >= FREE_CODES:
            wait = 1.0
        if wait:
            self._count("held", guessed)
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
        return bool(ISSUED.fullmatch(plain(code)))

    def _remember(self, who: str, code: str) -> None:
        self._known[who, code_digest(code)] = None
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
