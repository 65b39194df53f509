"""What can go wrong, named for what happened. `serving/problems.py` gives each its HTTP status."""

from recommender.offers.refusal import Refusal


class RecommenderError(Exception):
    """Root of the errors that a caller may meet.

    Attributes:
        field: the input that is wrong, as the caller spells it ("limit", "items[3].price"), or None.
        remedy: what to do about it, one sentence.
    """

    code: str = "error"

    def __init__(self, message: str, *, field: str | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.remedy = remedy


class UnknownPlacement(RecommenderError):
    """No placement has this id."""

    code = "unknown_placement"


class UnknownItem(RecommenderError):
    """No catalogue item has this id."""

    code = "unknown_item"


class UnknownDecision(RecommenderError):
    """No trace of this decision is kept: it never was, or no longer."""

    code = "unknown_decision"


class UnknownProfile(RecommenderError):
    """Nobody has this profile id, or this identifier."""

    code = "unknown_profile"


class UnknownMerge(RecommenderError):
    """No merge of profiles has this id."""

    code = "unknown_merge"


class InvalidRule(RecommenderError):
    """A rule cannot be parsed or its types do not fit; `position` is the 0-based character where it shows."""

    code = "invalid_rule"

    def __init__(self, message: str, *, position: int, field: str | None = None, remedy: str = "") -> None:
        super().__init__(message, field=field, remedy=remedy)
        self.position = position


class InvalidPlacement(RecommenderError):
    """A placement definition is malformed or contradicts itself."""

    code = "invalid_placement"


class InvalidCampaign(RecommenderError):
    """A campaign is malformed or contradicts itself."""

    code = "invalid_campaign"


class UnknownCampaign(RecommenderError):
    """No campaign has this id."""

    code = "unknown_campaign"


class UnknownOffer(RecommenderError):
    """No offer has this id, or it is another shopper's."""

    code = "unknown_offer"


class UnknownPlace(RecommenderError):
    """No store, zone or beacon has this id."""

    code = "unknown_place"


class Conflict(RecommenderError):
    """What was asked does not go with how things stand; the message says how they stand."""

    code = "conflict"


class ChangedMeanwhile(RecommenderError):
    """The caller changes what they have not seen: somebody else changed it after they had read it."""

    code = "changed_meanwhile"


class ConditionMissing(RecommenderError):
    """The caller must say which state of the thing they have seen, and does not."""

    code = "condition_missing"


class InvalidInput(RecommenderError):
    """A value from outside does not fit: its type, its range, or its form."""

    code = "invalid_input"


class UnknownRequest(RecommenderError):
    """No request of a person of this id, or one of somebody else."""

    code = "unknown_request"


class Erased(RecommenderError):
    """Somebody is named who was erased, so nothing may be written down of them."""

    code = "erased"


class Unauthenticated(RecommenderError):
    """Nobody we know calls: no key, or one that is unknown, expired or revoked; or a user token that does not hold."""

    code = "unauthenticated"


class WrongCredentials(Unauthenticated):
    """What they showed opens nothing; who shows such things again and again is held off."""


class NotAllowed(RecommenderError):
    """We know who calls, and they may not do this."""

    code = "not_allowed"


class CouponRefused(RecommenderError):
    """A coupon, reservation or redemption does not allow what was asked; `reason` is of the closed list."""

    def __init__(self, reason: Refusal, what: str = "") -> None:
        super().__init__(f"{what}: {reason.value.replace('_', ' ')}" if what else reason.value.replace("_", " "))
        self.reason = reason
        self.code = reason.value


class LinkInvalid(RecommenderError):
    """A link of a mail is not of our making, was changed, or is for something else."""

    code = "link_invalid"


class LinkEnded(LinkInvalid):
    """The time of a link is over, or what it led to is not kept any more."""

    code = "link_ended"


class NoCoupon(RecommenderError):
    """The offer of a mail gives its reader no coupon (any more)."""

    code = "no_coupon"


class KeyMissing(RecommenderError):
    """A call that has an effect names no Idempotency-Key, so a repetition could not be told from a second one."""

    code = "idempotency_key_missing"


class KeyReused(RecommenderError):
    """An Idempotency-Key came before with another body; nothing was done."""

    code = "idempotency_key_reused"


class StillRunning(RecommenderError):
    """The same call, by its Idempotency-Key, is under way."""

    code = "still_running"


class TooManyRequests(RecommenderError):
    """The caller has to wait: a limit is used up, or wrong guesses are held off."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_seconds: float, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds


class BrokenArtifact(RecommenderError):
    """An artifact is incomplete, damaged, or of another format."""

    code = "broken_artifact"


class NoArtifact(RecommenderError):
    """Nothing has been published yet."""

    code = "no_artifact"


class NotEnoughData(RecommenderError):
    """Training has nothing, or too little, to learn from."""

    code = "not_enough_data"


class GateRefused(RecommenderError):
    """The new model is not good enough to replace what serves now."""

    code = "gate_refused"


class StoreUnavailable(RecommenderError):
    """A store that this call needs cannot be reached; the caller may try again."""

    code = "store_unavailable"
