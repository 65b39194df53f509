"""What a caller asks for, in words of the domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from features.audit import Author
from features.identity import ANONYMOUS_ID, USER_ID, Identifier, Presented
from features.ledger.idempotency import Call
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.errors import InvalidInput
from recommender.ids import AnonymousId, BeaconKey, UserId
from recommender.places.beacons import eddystone_eid_key, eddystone_uid_key, ibeacon_key
from recommender.places.presence import Sighting
from serving.access import Access
from serving.offers.schemas import EddystoneUidBody, IBeaconBody, OfferQuery, SightingBody, SubjectBody

TYPICAL_DBM = {"immediate": -50.0, "near": -65.0, "far": -85.0}  # of a phone that says a proximity and no level


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who asks.

    Attributes:
        holder: who an offer is made to: the user if known, else the app installation.
        device_id: None: the app does not name one.
    """

    user_id: UserId | None
    anonymous_id: AnonymousId | None
    device_id: str | None

    @property
    def holder(self) -> Identifier:
        """The identifier that counts and holds."""
        return (USER_ID, str(self.user_id)) if self.user_id is not None else (ANONYMOUS_ID, str(self.anonymous_id))

    @property
    def identifiers(self) -> list[Identifier]:
        """All that the call names."""
        return Presented(self.user_id, self.anonymous_id).identifiers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request.

    Attributes:
        call: what makes a repetition of it the same.
        by: whose key it came with.
        said: the shopper's word on purposes, of now.
        signal: the call carried `Sec-GPC: 1`.
        cart: item ids; unknown ones count for nothing.
        age: in years, if the caller vouches for it.
    """

    subject: Subject
    call: Call
    by: Author
    sightings: Sequence[Sighting]
    said: Mapping[str, bool]
    signal: bool
    market: str | None
    cart: Sequence[str]
    age: int | None
    limit: int
    dry_run: bool


def subject_of(body: SubjectBody, access: Access) -> Subject:
    """Who the caller speaks for.

    Raises:
        NotAllowed: for somebody else.
        InvalidInput: for nobody.
    """
    user_id = body.user_id
    if user_id is None and not access.trusted:
        user_id = access.subject
    access.must_speak_for(user_id, body.anonymous_id)
    if user_id is None and body.anonymous_id is None:
        raise InvalidInput(
            "This names nobody.",
            field="subject",
            remedy="Send anonymous_id, or a user token, or (from a server) user_id.",
        )
    return Subject(
        user_id=None if user_id is None else UserId(user_id),
        anonymous_id=None if body.anonymous_id is None else AnonymousId(body.anonymous_id),
        device_id=body.device_id,
    )


def ask_of(
    body: OfferQuery,
    subject: Subject,
    call: Call,
    by: Author,
    resolve: Callable[[BeaconKey], BeaconKey],
    *,
    signal: bool,
) -> Ask:
    """The request in words of the domain; raises InvalidInput for a beacon that is none.

    `resolve`: what a beacon is known by that sends this.
    """
    said = {PERSONALISATION: body.consent.personalisation, IN_STORE_LOCATION: body.consent.in_store_location}
    # Apps share a key: what tells their calls apart is whom they speak for.
    caller = sha256("\n".join((call.caller, *subject.holder)).encode("utf-8", "surrogatepass")).hexdigest()
    return Ask(
        subject=subject,
        call=Call(caller, call.path, call.key, call.body_digest),
        by=by,
        sightings=[_sighting(one, resolve, place) for place, one in enumerate(body.sightings)],
        said={purpose: word for purpose, word in said.items() if word is not None},
        signal=signal,
        market=body.market,
        cart=body.context.cart,
        age=body.context.age,
        limit=body.limit,
        dry_run=body.dry_run,
    )


def _sighting(body: SightingBody, resolve: Callable[[BeaconKey], BeaconKey], place: int) -> Sighting:
    try:
        key = _key(body)
    except InvalidInput as error:
        error.field = f"sightings[{place}].{error.field}"
        raise
    level = TYPICAL_DBM.get(body.proximity) if body.rssi_avg is None else body.rssi_avg
    return Sighting(resolve(key), level, body.samples, body.last_seen)


def _key(body: SightingBody) -> BeaconKey:
    if isinstance(body, IBeaconBody):
        return ibeacon_key(body.uuid, body.major, body.minor)
    if isinstance(body, EddystoneUidBody):
        return eddystone_uid_key(body.namespace, body.instance)
    return eddystone_eid_key(body.eid)
