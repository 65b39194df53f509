"""The link of an offer in a mail: a page with a button, and the coupon behind it; nobody needs a key.

Programs follow links, and some look just like a browser; hardly any presses a button. So only the button issues.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from features.audit import Author
from features.email_links import Purpose
from features.ledger.values import Coupon
from features.mails import FoundBlock, MailBlock, Promised
from recommender.consent_laws import Verdict
from recommender.email.texts import clean
from recommender.errors import InvalidInput, LinkEnded, LinkInvalid, NoCoupon, StoreUnavailable, TooManyRequests
from recommender.ids import StoreId, UserId
from recommender.offers.reasons import NoOffer
from serving.access import FREE, ScopedRoute, needs
from serving.clock import Clock
from serving.email.link_routes import PAGE, PER_MINUTE, Token
from serving.email.links import OFFER, MailLinks
from serving.email.offers import MailOffers, why_not_meant
from serving.email.orders import Known, Meant, Recipient
from serving.email.pages import Pages
from serving.email.visitors import Visitor, visitor_of
from serving.email.visits import Visits
from serving.limits import Limits, Quota
from serving.problem_document import documented

GONE = "All of them are taken, or the offer has ended."
WORDS = {
    NoOffer.BUDGET_EXHAUSTED: GONE, NoOffer.KILLED: GONE,
    NoOffer.FREQUENCY_CAP: "You had as many as one may have.",
    NoOffer.NO_CONSENT: "You want no mails from the shop any more, and this came with one.",
    NoOffer.OUT_OF_STOCK: "All that it is for is sold out.",
}  # fmt: skip
NOT_MEANT = "It is not for you any more: what it depends on has changed."  # also of those who are held out
PAST = "This coupon is over", "It was used, or its time has ended."
CODE_PART = 4  # characters between two dashes of a code


@dataclass(frozen=True, kw_only=True)
class ClaimCoupon:
    """Issues the coupon of a block to its reader.

    Attributes:
        catch_up: takes over what changed in SQL: consents and campaigns.
        may_mail: whether somebody may be written to.
        know: what may be known of recipients; raises StoreUnavailable.
    """

    offers: MailOffers
    catch_up: Callable[[], Awaitable[None]]
    may_mail: Callable[[Recipient], Verdict]
    know: Callable[[Sequence[Recipient], datetime], Awaitable[Known]]

    async def look(self, block: MailBlock, now: datetime) -> Coupon | None:
        """The coupon that was issued already; issues none. Raises StoreUnavailable."""
        return await asyncio.to_thread(self.offers.coupon, block, now)

    async def __call__(self, block: MailBlock, promised: Promised, by: Author, now: datetime) -> Coupon:
        """The coupon, issued now or before. Raises NoCoupon, StoreUnavailable."""
        await self.catch_up()
        meant = await self._judge(block, promised, now)
        coupon = await asyncio.to_thread(self.offers.claim, block, promised, by, meant)
        if isinstance(coupon, NoOffer):
            raise NoCoupon(WORDS.get(coupon, NOT_MEANT))
        return coupon

    async def _judge(self, block: MailBlock, promised: Promised, now: datetime) -> Meant | NoOffer:
        """What the reader may have as things are now, or why they may not: asked again, as days have passed."""
        store_id = None if block.chosen.store_id is None else StoreId(block.chosen.store_id)
        reader = Recipient(
            user_id=UserId(block.user_id), market=block.chosen.market, store_id=store_id, age=promised.age
        )  # fmt: skip
        campaign = self.offers.running(promised.campaign_id, now)
        try:
            if not self.may_mail(reader).allows:
                return NoOffer.NO_CONSENT
            if campaign is None:
                return NoOffer.KILLED
            known = await self.know([reader], now)
        except InvalidInput:  # their market is none any more, so no law says that they may have it
            return NoOffer.NOT_ELIGIBLE
        refused = why_not_meant(campaign, reader) or known.why_not(block.user_id, campaign)
        if refused is NoOffer.NOT_ELIGIBLE and block.user_id in known.unsure:
            raise StoreUnavailable("Nobody can tell now whether this is for them.", remedy="Ask again later.")
        return refused or known.meant(campaign)


def offer_link_routes(
    links: MailLinks, visits: Visits, claim: ClaimCoupon, limits: Limits, clock: Clock
) -> APIRouter:  # fmt: skip
    """The routes."""
    router = APIRouter(tags=["links of mails"], route_class=ScopedRoute)
    pages = Pages(links.shop_url)

    async def find(token: str, now: datetime) -> tuple[FoundBlock, Promised]:
        link = links.read(Purpose.OFFER, token, now)
        limits.take([Quota("link", link.block_ref, PER_MINUTE)])
        found = await links.find(link)
        if (promised := found.block.chosen.offer) is None:
            raise LinkEnded("This mail offers nothing any more.", field="token")
        return found, promised

    def page_of(coupon: Coupon, now: datetime) -> Response:
        if coupon.state not in {"issued", "reserved"} or now >= coupon.valid_until:
            return pages.show(410, *PAST)
        code = "-".join(coupon.code[start : start + CODE_PART] for start in range(0, len(coupon.code), CODE_PART))
        return pages.show(200, "Your coupon", f"Valid until {coupon.valid_until:%Y-%m-%d %H:%M} UTC.", code=code)

    def ask(found: FoundBlock, promised: Promised) -> Response:
        terms = clean(found.spec["offer"]["terms"] or "", 500)
        return pages.show(200, promised.title, terms, button=found.spec["words"]["redeem"])

    @router.head("/e/o/{token}", include_in_schema=False, openapi_extra=needs(FREE))
    @router.get(
        "/e/o/{token}", response_class=Response, responses={**PAGE, **documented(410, 422, 429, 503)},
        openapi_extra=needs(FREE),
    )  # fmt: skip
    async def show_offer(token: Token, request: Request) -> Response:
        """Show the button with which a reader gets the coupon, or the coupon that they have. Looking issues nothing."""
        now = clock()
        try:
            found, promised = await find(token, now)
            coupon = await claim.look(found.block, now)
        except (LinkInvalid, StoreUnavailable, TooManyRequests) as error:
            if isinstance(error, LinkInvalid):
                visits.refused("offer")
            return pages.refuse(request, error)
        await visits.clicked(found, OFFER, visitor_of(request), now, f"click-{uuid4().hex}")
        return ask(found, promised) if coupon is None else page_of(coupon, now)

    @router.post(
        "/e/o/{token}", response_class=Response,
        responses={**PAGE, **documented(409, 410, 413, 422, 429, 503)},
        openapi_extra=needs(FREE),
    )  # fmt: skip
    async def get_coupon(token: Token, request: Request) -> Response:
        """Issue the coupon, within budget and caps, and count one contact; pressed again, the same is shown."""
        now = clock()
        try:
            found, promised = await find(token, now)
            if visitor_of(request) is not Visitor.PERSON:
                return ask(found, promised)
            coupon = await claim(found.block, promised, Author("shopper", request.scope.get("request_id")), now)
        except (LinkInvalid, NoCoupon, StoreUnavailable, TooManyRequests) as error:
            if isinstance(error, LinkInvalid):
                visits.refused("offer")
            return pages.refuse(request, error)
        return page_of(coupon, now)

    return router
