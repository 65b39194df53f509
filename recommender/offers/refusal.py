"""Why a coupon is not issued, reserved or redeemed: a closed list."""

from enum import StrEnum


class Refusal(StrEnum):
    """One reason each; the values are part of the API."""

    # of an issue; the same words as those of "no offer"
    BUDGET_EXHAUSTED = "budget_exhausted"
    FREQUENCY_CAP = "frequency_cap"
    NOT_ELIGIBLE = "not_eligible"  # a cap cannot be checked: no device, or no shopper, is known
    KILLED = "killed"
    # of a till's call
    COUPON_UNKNOWN = "coupon_unknown"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a reason
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    VOIDED = "voided"
    ALREADY_REDEEMED = "already_redeemed"
    ALREADY_RESERVED = "already_reserved"
    WRONG_STORE = "wrong_store"
    WRONG_SHOPPER = "wrong_shopper"
    SHOPPER_REQUIRED = "shopper_required"
    WRONG_CURRENCY = "wrong_currency"
    NOT_COMBINABLE = "not_combinable"
    CONDITION_NOT_MET = "condition_not_met"
    NO_EFFECT = "no_effect"  # nothing in the basket is discounted
    RESERVATION_UNKNOWN = "reservation_unknown"
    RESERVATION_EXPIRED = "reservation_expired"
    RESERVATION_RELEASED = "reservation_released"
    RESERVATION_REDEEMED = "reservation_redeemed"
    REDEMPTION_UNKNOWN = "redemption_unknown"
    MORE_THAN_REMAINS = "more_than_remains"
    ALREADY_ROLLED_BACK = "already_rolled_back"
