"""What is wrong, or probably not meant, in a campaign that can be parsed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal as Choice

from recommender.catalogue import Catalogue
from recommender.offers.campaign import Campaign, Limit
from recommender.rules.compiled import Rule
from recommender.rules.satisfiable import find_contradiction
from recommender.rules.syntax import AmongFact, Fact, Literal, leaves


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes:
        code: stable, for machines.
        severity: a campaign with an error cannot be active.
        field: of the definition.
    """

    code: str
    severity: Choice["error", "warning"]
    field: str
    message: str
    remedy: str


def find_contradictions(campaign: Campaign) -> list[Finding]:
    """Rules that can never be true; a hostile one takes a second."""
    rules: dict[str, Rule | None] = {"products": campaign.products, "eligibility": campaign.eligibility}
    return [
        _error(f"{field}_contradiction", field, f"The rule can never be true: {reason}.", "Correct the rule.")
        for field, rule in rules.items()
        if rule is not None and (reason := find_contradiction(rule)) is not None
    ]


def find_flaws(
    campaign: Campaign, now: datetime, catalogue: Catalogue | None, segment_sizes: Mapping[str, int]
) -> list[Finding]:
    """All else.

    Args:
        now: aware.
        catalogue: None: it is not known, so nothing is said of what the products match.
        segment_sizes: members of each segment that exists.
    """
    return [
        *_times(campaign, now),
        *_products(campaign, catalogue, now),
        *_people(campaign, segment_sizes),
        *_money(campaign),
        *_caps(campaign),
        *_codes(campaign),
    ]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors before warnings."""
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _times(campaign: Campaign, now: datetime) -> Iterator[Finding]:
    if campaign.ends_at() <= now:
        yield _error("over", "valid_until", "Its validity is over.", "Send a later end.")


def _products(campaign: Campaign, catalogue: Catalogue | None, now: datetime) -> Iterator[Finding]:
    if catalogue is None:
        return
    if campaign.items is not None:
        strange = sum(catalogue.row_of(item_id) < 0 for item_id in campaign.items)
        if strange:
            message = f"{strange} of {len(campaign.items)} items are not in the catalogue."
            yield _warning("items_unknown", "items", message, "Correct the ids, or import the items first.")
    matched = len(campaign.covered.rows(catalogue, now.timestamp() / 86_400))
    if matched == 0:
        field = "products" if campaign.products is not None else "items"
        yield _error("no_products", field, "It matches no item of the catalogue.", "Widen the products.")


def _people(campaign: Campaign, segment_sizes: Mapping[str, int]) -> Iterator[Finding]:
    if campaign.sensitive and campaign.eligibility is not None:
        message = "A sensitive campaign is never targeted, and this one chooses whom it is for."
        yield _error("sensitive_targeted", "eligibility", message, "Leave eligibility out, or sensitive.")
    for name in _segments_of(campaign.eligibility):
        if not segment_sizes.get(name):
            message = f"Nobody is in segment {name!r}."
            yield _warning("segment_empty", "eligibility", message, "Correct its name, or fill it.")


def _segments_of(rule: Rule | None) -> list[str]:
    """Names of segments that a rule asks for."""
    found = [] if rule is None else leaves(rule.condition)
    return [
        leaf.operand.value
        for leaf in found
        if isinstance(leaf, AmongFact)
        and leaf.texts == Fact("shopper.segments")
        and isinstance(leaf.operand, Literal)
        and isinstance(leaf.operand.value, str)
    ]


def _money(campaign: Campaign) -> Iterator[Finding]:
    budget, coupon = campaign.budget, campaign.most_discount
    limits: dict[str, Limit] = {
        "budget": budget, "budget.per_day": budget.per_day, "budget.per_store": budget.per_store,
    }  # fmt: skip
    for field, limit in limits.items():
        if limit.money is not None and limit.money < coupon:
            message = f"It does not pay for one coupon, which may cost {coupon}."
            yield _error("budget_below_coupon", f"{field}.money", message, "Raise it, or lower the discount.")
        if field != "budget" and (_above(limit.count, budget.count) or _above(limit.money, budget.money)):
            yield _warning("part_above_budget", field, "It is above the whole budget.", "Lower it, or leave it out.")
    if all(limit.count is None and limit.money is None for limit in (budget, budget.per_day)) and coupon > 0:
        yield _warning("no_budget", "budget", "Nothing limits what it may cost.", "Set budget.money or budget.count.")
    amount = getattr(campaign.discount, "amount", 0)
    if amount and amount > campaign.basket.minimum_amount:
        message = f"Products for less than {amount} are free of charge with it."
        yield _warning("worth_more_than_products", "basket.minimum_amount", message, f"Set it to {amount} or more.")


def _caps(campaign: Campaign) -> Iterator[Finding]:
    if not any(cap.of == "shopper" for cap in campaign.caps):
        yield _warning("no_cap", "caps", "One shopper may get all coupons.", 'Add {"most": 1, "of": "shopper"}.')
    for place, cap in enumerate(campaign.caps):
        if campaign.budget.count is not None and cap.most > campaign.budget.count:
            message = f"One {cap.of} may get {cap.most}, more than the whole budget of {campaign.budget.count}."
            yield _warning("cap_above_budget", f"caps[{place}].most", message, "Lower it.")


def _codes(campaign: Campaign) -> Iterator[Finding]:
    if campaign.codes == "generic" and campaign.code is None:
        yield _error("no_code", "code", "It has one code for all, and does not say which.", "Send it, as SPRING-20.")


def _above(part: int | None, whole: int | None) -> bool:
    return part is not None and whole is not None and part > whole


def _error(code: str, field: str, message: str, remedy: str) -> Finding:
    return Finding(code, "error", field, message, remedy)


def _warning(code: str, field: str, message: str, remedy: str) -> Finding:
    return Finding(code, "warning", field, message, remedy)
