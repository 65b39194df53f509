"""Whom an event names, what of that is vouched for, and how it is written into the log."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from features.identity import Contacts, Identifier, Occasion, Presented, loyalty_card
from recommender.ids import AnonymousId, UserId
from serving.access import Access
from serving.events.reading import Reading, text_of
from serving.events.rows import Named

# The user ids of the person behind each event, the canonical one first; the second argument says who is vouched for,
# the third which event it is.
Recognise = Callable[[Sequence[Presented], Sequence[bool], Sequence[Occasion]], Awaitable[list[tuple[UserId, ...]]]]
CARD_TRAITS = ("loyalty_card", "loyaltyCard")


async def each_alone(
    presented: Sequence[Presented], vouched: Sequence[bool], _: Sequence[Occasion]
) -> list[tuple[UserId, ...]]:
    """Recognise by user id alone: no two identifiers belong to one person."""
    return [
        (one.user_id,) if is_vouched and one.user_id is not None else ()
        for one, is_vouched in zip(presented, vouched, strict=True)
    ]


def presented_by(reading: Reading, contacts: Contacts) -> Presented:
    """All identifiers of an event; contacts as keyed hashes."""
    call = reading.call
    user_id = text_of(call.userId)
    anonymous_id = text_of(call.anonymousId if call.anonymousId is not None else call.previousId)
    return Presented(
        None if user_id is None else UserId(user_id),
        None if anonymous_id is None else AnonymousId(anonymous_id),
        _strong_of(reading, contacts),
    )


def vouched_for(presented: Presented, access: Access) -> tuple[Presented, bool]:
    """What of `presented` the caller may state as a fact, and whether that is more than an anonymous id.

    A secret key vouches for everything, a user's token for that user. Nobody vouches for the rest: it is a claim.
    """
    if access.trusted:
        return presented, True
    if access.vouches_for(presented.user_id):
        is_theirs = access.anonymous_id in {None, presented.anonymous_id}
        return Presented(presented.user_id, presented.anonymous_id if is_theirs else None), True
    return Presented(None, presented.anonymous_id), False


def named_in_log(reading: Reading, presented: Presented, vouched: Presented) -> Named:
    """How the log names them: a claimed user id never stands where a vouched one does."""
    said: dict[str, Any] = dict(vouched.strong)
    for external in reading.context.externalIds or ():
        if external.type not in {"email", "phone", *CARD_TRAITS}:
            said[external.type] = text_of(external.id)
    claimed = dict[str, Any]() if presented.user_id == vouched.user_id else {"user_id": presented.user_id}
    claimed |= {kind: value for kind, value in presented.strong if (kind, value) not in vouched.strong}
    if claimed:
        said["claimed"] = claimed
    return Named(
        user_id=vouched.user_id,
        anonymous_id=vouched.anonymous_id,
        session_id=text_of(reading.context.sessionId),
        identifiers=msgspec.json.encode(said).decode() if said else None,
    )


def _strong_of(reading: Reading, contacts: Contacts) -> tuple[Identifier, ...]:
    call, context = reading.call, reading.context
    traits = {**(context.traits or {}), **(call.traits or {})}
    for external in context.externalIds or ():
        traits[external.type] = external.id
    card = next((traits[name] for name in CARD_TRAITS if name in traits), None)
    if card is None and call.properties is not None:
        card = call.properties.get(CARD_TRAITS[0])
    found = [
        None if (text := _text(card)) is None else loyalty_card(text),
        None if (text := _text(traits.get("email"))) is None else contacts.identifier("email", text),
        None if (text := _text(traits.get("phone"))) is None else contacts.identifier("phone", text),
    ]
    return tuple(identifier for identifier in found if identifier is not None)


def _text(value: object) -> str | None:
    """What can be an identifier: a string or whole number of at most 200 characters."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if 0 < len(text) <= 200 and text.isprintable() else None
