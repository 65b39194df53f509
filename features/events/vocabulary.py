"""The names of events that we know: Segment's ecommerce spec v2, ours, and the names of Google Analytics 4 for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from features.events.schema import (
    COUPON_REDEEMED,
    EMAIL_BOUNCED,
    EMAIL_LINK_CLICKED,
    EMAIL_OPENED,
    MARKED_AS_SPAM,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    PRODUCT_VIEWED,
    UNSUBSCRIBED,
)

CONSENT_UPDATED = "Consent Updated"
PAGE_VIEWED, SCREEN_VIEWED = "Page Viewed", "Screen Viewed"
USER_IDENTIFIED, USER_ALIASED, GROUP_JOINED = "User Identified", "User Aliased", "Group Joined"


@dataclass(frozen=True, slots=True)
class Term:
    """What is known of the events of one name.

    Attributes:
        name: the canonical one, which the log has.
        items: how many items such an event must name: any number, or at least one.
        needs: properties without which it means nothing.
        also: other names for the same, of GA4 and of Segment.
        unit_discount: the discount is off one unit, as GA4 has it, and not off the whole line.
    """

    name: str
    items: Literal["any", "some"] = "any"
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    unit_discount: bool = False


TERMS = (
    # Browsing
    Term("Products Searched", needs=("query",), also=("search", "view_search_results")),
    Term("Product List Viewed", also=("view_item_list",)),
    Term("Product List Filtered"),
    Term("Product Clicked", items="some", also=("select_item",)),
    Term(PRODUCT_VIEWED, items="some", also=("view_item",)),
    Term("Product Shared"),
    Term("Product Reviewed"),
    Term(PAGE_VIEWED, also=("page_view",)),
    Term(SCREEN_VIEWED, also=("screen_view",)),
    # Cart and checkout
    Term(PRODUCT_ADDED, items="some", also=("add_to_cart",)),
    Term(PRODUCT_REMOVED, items="some", also=("remove_from_cart",)),
    Term("Cart Viewed", also=("view_cart",)),
    Term("Cart Shared"),
    Term("Checkout Started", also=("begin_checkout",)),
    Term("Checkout Step Viewed"),
    Term("Checkout Step Completed", also=("add_shipping_info",)),
    Term("Payment Info Entered", also=("add_payment_info",)),
    # Orders
    Term(ORDER_COMPLETED, items="some", also=("purchase",)),
    Term("Order Updated", needs=("order_id",)),
    Term(ORDER_REFUNDED, needs=("order_id",), also=("refund",)),
    Term(ORDER_CANCELLED, needs=("order_id",)),
    # Wishlist
    Term("Product Added to Wishlist", items="some", also=("add_to_wishlist",)),
    Term("Product Removed from Wishlist", items="some"),
    Term("Wishlist Product Added to Cart", items="some"),
    # Promotions and coupons
    Term("Promotion Viewed", also=("view_promotion",)),
    Term("Promotion Clicked", also=("select_promotion",)),
    Term("Coupon Entered"),
    Term("Coupon Applied"),
    Term("Coupon Denied"),
    Term("Coupon Removed"),
    Term("Coupon Issued", needs=("coupon_id",)),
    Term("Coupon Reserved", needs=("coupon_id",)),
    Term(COUPON_REDEEMED, needs=("coupon_id",)),
    Term("Coupon Rolled Back", needs=("coupon_id",)),
    # Email
    Term("Email Delivered"),
    Term(EMAIL_OPENED),
    Term(EMAIL_LINK_CLICKED),
    Term(EMAIL_BOUNCED),
    Term(MARKED_AS_SPAM),
    Term(UNSUBSCRIBED),
    # Ours
    Term("Recommendation Viewed", needs=("recommendation_id",)),
    Term("Recommendation Clicked", items="some", needs=("recommendation_id",)),
    Term("Offer Requested"),
    Term("Offer Decided", needs=("offer_id",)),
    Term("Offer Shown", needs=("offer_id",)),
    Term("Offer Dismissed", needs=("offer_id",)),
    Term("Offer Saved", needs=("offer_id",)),
    Term("Zone Entered", needs=("store_id", "zone_id")),
    Term("Zone Dwelled", needs=("store_id", "zone_id")),
    Term("Zone Exited", needs=("store_id", "zone_id")),
    Term(CONSENT_UPDATED, also=("Segment Consent Preference", "Segment Consent Preference Updated")),
    # What Segment's calls other than `track` say
    Term(USER_IDENTIFIED),
    Term(USER_ALIASED),
    Term(GROUP_JOINED),
)


def _by_name() -> Mapping[str, Term]:
    terms = {term.name: term for term in TERMS}
    for term in TERMS:
        of_ga4 = Term(term.name, term.items, term.needs, unit_discount=True)
        terms |= {name: term if name[0].isupper() else of_ga4 for name in term.also}
    return terms


TERM_OF: Mapping[str, Term] = _by_name()  # by every name
