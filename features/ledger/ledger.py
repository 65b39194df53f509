"""The ledger: each call is one transaction, on disk when it returns."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select, tuple_
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from features.audit import SYSTEM, Author
from features.contacts import forget_old
from features.identity import Identifier
from features.ledger import expiry, proof, rollback, tills
from features.ledger.accounts import Key, read_balances
from features.ledger.allowing import allow
from features.ledger.books import Books
from features.ledger.coupons import code_digest, find_ids, read_coupons
from features.ledger.holders import person_digests
from features.ledger.idempotency import Call, Reply, look_up
from features.ledger.issuing import issue
from features.ledger.proof import Flaw
from features.ledger.values import (
    Allowance,
    Balance,
    Coupon,
    IssueRequest,
    Redemption,
    Reservation,
    ReserveRequest,
)
from features.sql.engine import exclusive, part, reading
from features.sql.tables.ledger import coupon_terms, coupons
from recommender.offers.refusal import Refusal

KEYS_KEPT = timedelta(days=2)  # how long a repeated call is recognised by its key


T = TypeVar("T")


class _Undo(Exception):
    """Ends a transaction that was to leave nothing behind."""


class Ledger:
    """Coupons and what they cost; see `Books` for doing several things in one transaction.

    Every call raises StoreUnavailable when the database is not there; a call that raises has changed nothing.
    """

    def __init__(self, engine: Engine, secret: Callable[[], bytes], clock: Callable[[], datetime]) -> None:
        self._engine, self._secret, self._clock = engine, secret, clock

    @contextmanager
    def writing(self, by: Author = SYSTEM, *, shares: bool = True) -> Generator[Books]:
        """Open the books for one transaction; committed at the end, undone by an exception.

        `shares`: it is as short as a till's calls are, see `exclusive`.
        """
        with exclusive(self._engine, shares=shares) as connection:
            yield Books(connection, self._secret(), self._clock(), by.actor)

    def do_each(self, works: Sequence[tuple[Author, Callable[[Books], T]]]) -> list[T | Exception]:
        """Do several things in one transaction, each with books of its own; what one raises undoes only that.

        All are on disk when it returns; a single one that raises is told so at once, see `features.sql.turns`. Several
        take the locks of campaigns one after the other: on PostgreSQL, where writers wait for each other's locks, give
        it one.
        """
        if len(works) == 1:  # as most are: it needs no part of its own in the transaction
            [(by, work)] = works
            return [_outcome(self.writing(by), work)]
        with exclusive(self._engine, shares=True) as connection:
            return [_outcome(self._part(connection, by), work) for by, work in works]

    @contextmanager
    def _part(self, connection: Connection, by: Author) -> Generator[Books]:
        with part(connection):
            yield Books(connection, self._secret(), self._clock(), by.actor)

    @contextmanager
    def trying(self) -> Generator[Books]:
        """Open the books to see what would happen: whatever is written is undone at the end."""
        with suppress(_Undo), exclusive(self._engine, shares=True) as connection:
            yield Books(connection, self._secret(), self._clock())
            raise _Undo

    def allow(self, allowance: Allowance) -> None:
        """State what a campaign may spend from now on; see `features.ledger.allowing.allow`."""
        with self.writing() as books:
            allow(books.connection, allowance)

    def issue(self, request: IssueRequest) -> Coupon | Refusal:
        """Issue the coupon of a decision; see `features.ledger.issuing.issue`."""
        with self.writing() as books:
            return issue(books, request)

    def reserve(self, request: ReserveRequest) -> Reservation:
        """Claim coupons for a basket; see `features.ledger.tills.reserve`."""
        with self.writing() as books:
            return tills.reserve(books, request)

    def redeem(self, reservation_id: str, order_id: str) -> list[Redemption]:
        """Use the coupons of a reservation; see `features.ledger.tills.redeem`."""
        with self.writing() as books:
            return tills.redeem(books, reservation_id, order_id)

    def release(self, reservation_id: str) -> None:
        """Let the coupons of a reservation go; see `features.ledger.tills.release`."""
        with self.writing() as books:
            tills.release(books, reservation_id)

    def roll_back(self, redemption_id: str, amount: int | None = None, *, reissue: bool = False) -> Redemption:
        """Take a redemption back; see `features.ledger.rollback.roll_back`."""
        with self.writing() as books:
            return rollback.roll_back(books, redemption_id, amount, reissue=reissue)

    def expire_due(self, most: int = 500) -> int:
        """End coupons whose hold is past its deadline, up to `most`; returns how many."""
        with reading(self._engine) as connection:
            if not expiry.is_due(connection, self._clock()):
                return 0
        with self.writing(shares=False) as books:
            expiry.forget_keys(books.connection, books.now - KEYS_KEPT)
            forget_old(books.connection, books.now)
            return expiry.expire(books, most)

    def recall(self, call: Call) -> Reply | None:
        """What a call was answered with, if it is in the books; raises KeyReused."""
        with reading(self._engine) as connection:
            return look_up(connection, call)

    def are_single(self, codes: Sequence[str]) -> bool:
        """Whether all of these, as they were typed, are codes of single coupons."""
        with reading(self._engine) as connection:
            found = find_ids(connection, codes)
        return {code_digest(code) for code in codes} == {code_digest(code) for code in found}

    def wallet(self, shopper: Identifier) -> list[Coupon]:
        """Coupons that a person can still use, by whichever of their identifiers they came, the newest first."""
        with reading(self._engine) as connection:
            person = person_digests(connection, self._secret(), shopper)
            mine = coupons.c.shopper.in_(person) & coupons.c.state.in_(["issued", "reserved"]) & ~coupons.c.shared
            now = self._clock()
            return [one for one in read_coupons(connection, self._secret(), mine) if now < one.valid_until]

    def terms(self, versions: Collection[tuple[str, int]]) -> dict[tuple[str, int], Mapping[str, Any]]:
        """What versions of campaigns promise, by (campaign, version)."""
        key = coupon_terms.c.campaign_id, coupon_terms.c.version
        query = select(*key, coupon_terms.c.terms).where(tuple_(*key).in_(list(versions)))
        with reading(self._engine) as connection:
            return {(name, version): terms for name, version, terms in connection.execute(query)}

    def balances(self, campaign_id: str) -> dict[Key, Balance]:
        """All accounts of a campaign by (dimension, member, day)."""
        with reading(self._engine) as connection:
            return read_balances(connection, campaign_id)

    def verify(self) -> list[Flaw]:
        """What is not as the entries say it must be; nothing, if all is well."""
        with self.writing(shares=False) as books:
            return proof.find_flaws(books)

    def overruns(self) -> list[Flaw]:
        """Budgets above their limit, which may only be where the limit was lowered afterwards."""
        with self.writing(shares=False) as books:
            return proof.find_overruns(books)

    def rebuild(self) -> int:
        """Write all balances anew from the entries; returns how many accounts there are."""
        with self.writing(shares=False) as books:
            return proof.rebuild(books)


def _outcome(opened: AbstractContextManager[Books], work: Callable[[Books], T]) -> T | Exception:
    """What a work answers; or what it raised, for whoever asked for it, and then nothing in these books is kept."""
    raised: list[Exception] = []
    with suppress(_Undo), opened as books:
        try:
            return work(books)
        except Exception as error:
            # What broke the connection or the transaction is everybody's; a row that is refused is undone by itself.
            if isinstance(error, DBAPIError) and not isinstance(error, (IntegrityError, DataError)):
                raise
            raised.append(error)
            raise _Undo(error) from error
    return raised[0]
