"""Which coupons do what to a basket: the ledger's judgement of each, then the discount of those it allows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from sqlalchemy import bindparam, select

from features.identity import Identifier, loyalty_card
from features.ledger.books import Books
from features.ledger.coupons import Row, find_ids, lock_coupons
from features.ledger.shared_codes import claim, find_campaigns
from features.ledger.tills import check
from features.ledger.values import Quote
from features.sql.tables.ledger import coupon_terms
from recommender.catalogue import Catalogue
from recommender.errors import CouponRefused, InvalidInput
from recommender.offers.discount import Effect, Line, Presented, apply
from recommender.offers.refusal import Refusal
from recommender.offers.terms import Points, Terms, parse_terms
from recommender.offers.token import KeySet, verify
from recommender.rules.compiled import Facts, Rule, compile_rule, facts_of_item
from serving.clock import day_of
from serving.coupons.schemas import ValidateBody

MOST_TERMS = 1_000  # that a process keeps; then it reads them anew
READ_TERMS = select(coupon_terms.c.terms).where(
    coupon_terms.c.campaign_id == bindparam("campaign"), coupon_terms.c.version == bindparam("version")
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One coupon as it was shown, and what it does; `refused` None: it can be reserved."""

    shown: str
    row: Row | None = None
    terms: Terms | None = None
    refused: Refusal | None = None
    effect: Effect = field(default_factory=lambda: Effect(0, ()))

    def quote(self) -> Quote:
        """What the till takes off; raises CouponRefused."""
        if self.row is None:
            raise CouponRefused(self.refused or Refusal.COUPON_UNKNOWN)
        if self.refused is not None:
            raise CouponRefused(self.refused, self.row.coupon_id)
        return Quote(self.row.coupon_id, self.effect.amount, tuple(self.allocations()))

    def allocations(self) -> list[dict[str, int]]:
        """Minor units by line, where there are any."""
        return [{"line": at, "amount": amount} for at, amount in enumerate(self.effect.by_line) if amount]

    def as_json(self) -> dict[str, object]:
        """As a reply has it."""
        points = self.terms.discount if self.terms and self.refused is None else None
        return {
            "coupon": self.shown, "coupon_id": self.row and self.row.coupon_id,
            "campaign_id": self.row and self.row.allowed.campaign_id, "title": self.terms.title if self.terms else "",
            "valid": self.refused is None, "reason": self.refused, "discount": self.effect.amount,
            "points_multiplier": points.multiplier if isinstance(points, Points) else None,
            "allocations": self.allocations(),
        }  # fmt: skip


class Judge:
    """Judges coupons for baskets. For a shared code it makes the coupon: undo the transaction if that is not wanted.

    Args:
        catalogue: of this moment; an item that it does not have matches no rule.
    """

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        self._terms: dict[tuple[str, int], Terms] = {}  # of a version they never change

    def __call__(self, books: Books, body: ValidateBody, keys: KeySet) -> list[Judged]:
        """Every coupon of the body, in its order; their campaigns stay locked, so what it says holds until the end."""
        named = _ids_of(books, body, keys)
        shared = find_campaigns(books.connection, [shown for shown, found in named.items() if found is None])
        if len(set(shared.values())) < len(shared):
            raise _shown_twice()
        rows = lock_coupons(books, _known(named.values()), shared.values())
        made = {shown: claim(books, one, body.store_id, identifier_of(body)) for shown, one in shared.items()}
        named |= made
        rows |= lock_coupons(books, _known(made.values()))
        judged = [self._of_ledger(books, body, shown, named[shown], rows) for shown in dict.fromkeys(body.coupons)]
        if len({one.row.coupon_id for one in judged if one.row}) < sum(one.row is not None for one in judged):
            raise _shown_twice()
        return self._with_effects(judged, body, day_of(books.now))

    def _of_ledger(
        self, books: Books, body: ValidateBody, shown: str, found: str | Refusal | None, rows: dict[str, Row]
    ) -> Judged:
        if isinstance(found, Refusal):
            return Judged(shown, refused=found)
        row = rows.get(found or "")
        if row is None:
            return Judged(shown, refused=Refusal.COUPON_UNKNOWN)
        refused = check(books, row, body.store_id, identifier_of(body))
        if refused is None and body.basket.currency != row.allowed.currency:
            refused = Refusal.WRONG_CURRENCY
        return Judged(shown, row, self._promised(books, row.allowed.campaign_id, row.facts["version"]), refused)

    def _promised(self, books: Books, campaign_id: str, version: int) -> Terms:
        """What the coupons of a version promise."""
        if (kept := self._terms.get((campaign_id, version))) is not None:
            return kept
        this = {"campaign": campaign_id, "version": version}
        terms = parse_terms(books.connection.execute(READ_TERMS, this).scalar_one())
        if len(self._terms) >= MOST_TERMS:
            self._terms.clear()
        self._terms[campaign_id, version] = terms
        return terms

    def _with_effects(self, judged: Sequence[Judged], body: ValidateBody, now_day: float) -> list[Judged]:
        lines = [Line(line.amount, Fraction(line.quantity)) for line in body.basket.lines]
        presented = [
            Presented(one.row.coupon_id, one.terms, self._matching(one.terms, body, now_day))
            for one in judged
            if one.refused is None and one.row and one.terms
        ]
        effects = apply(lines, presented)
        return [
            one
            if one.refused is not None or one.row is None
            else Judged(one.shown, one.row, one.terms, effects[one.row.coupon_id].refused, effects[one.row.coupon_id])
            for one in judged
        ]

    def _matching(self, terms: Terms, body: ValidateBody, now_day: float) -> frozenset[int]:
        chosen = [at for at, line in enumerate(body.basket.lines) if terms.items is None or line.item_id in terms.items]
        if terms.products is None:
            return frozenset(chosen)
        rule, catalogue, facts = _compiled(terms.products), self._catalogue(), Facts(now_day=now_day)
        return frozenset(
            at
            for at in chosen
            if (row := catalogue.row_of(body.basket.lines[at].item_id)) >= 0
            and rule.evaluate(facts_of_item(catalogue, row, now_day), facts) is True
        )


def identifier_of(body: ValidateBody) -> Identifier | None:
    """The shopper whom the till knows, as identifiers are kept."""
    if body.shopper is None:
        return None
    if body.shopper.kind == "loyalty_card":
        return loyalty_card(body.shopper.value)
    return body.shopper.kind, body.shopper.value


def unknown_in(judged: Iterable[Judged]) -> list[str]:
    """Codes, as they were shown, that there are not."""
    return [one.shown for one in judged if one.refused is Refusal.COUPON_UNKNOWN]


def is_token(shown: str) -> bool:
    """Whether it is a signed token; else it is a code, which needs no keys."""
    return "." in shown


def _ids_of(books: Books, body: ValidateBody, keys: KeySet) -> dict[str, str | Refusal | None]:
    found = dict[str, str | Refusal | None]()
    for shown in body.coupons:
        if is_token(shown):
            try:
                found[shown] = verify(shown, keys, books.now, body.store_id).c
            except CouponRefused as refused:
                found[shown] = refused.reason
    codes = [shown for shown in body.coupons if shown not in found]
    ids = find_ids(books.connection, codes)
    return found | {code: ids.get(code) for code in codes}


def _known(found: Iterable[str | Refusal | None]) -> list[str]:
    return [one for one in found if one is not None and not isinstance(one, Refusal)]


def _shown_twice() -> InvalidInput:
    return InvalidInput("A coupon is shown twice.", field="coupons", remedy="Show each coupon once.")


@lru_cache(maxsize=1_000)
def _compiled(rule: str) -> Rule:
    return compile_rule(rule, field="products")
