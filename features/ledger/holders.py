"""Shoppers and devices as the ledger knows them: by keyed digests, which outlive an erasure and tell nobody's name."""

import hmac
from collections.abc import Collection, Mapping
from hashlib import sha256

from sqlalchemy import Connection, bindparam, insert, select, update

from features.identity import Identifier
from features.sql.among import among
from features.sql.prepared import Prepared
from features.sql.tables.ledger import ledger_kin
from features.sql.tables.people import identifiers

DIGEST_CHARACTERS = 32  # hex: 128 bits

known = identifiers.c
LINKED = Prepared(
    select(known.kind, known.value).where(
        known.profile_number.in_(
            select(known.profile_number).where(known.kind == bindparam("kind"), known.value == bindparam("value"))
        )
    )
)
KIN = Prepared(
    select(ledger_kin.c.shopper, ledger_kin.c.kin).where(
        ledger_kin.c.kin.in_(select(ledger_kin.c.kin).where(among(ledger_kin.c.shopper, "digests")))
    )
)


def digest_of(secret: bytes, identifier: Identifier) -> str:
    """What an identifier is known by here; a device is one of kind "device"."""
    kind, value = identifier
    return hmac.new(secret, f"ledger:{kind}:{value}".encode(), sha256).hexdigest()[:DIGEST_CHARACTERS]


def device_digest(secret: bytes, device_id: str | None) -> str:
    """What a device is known by here; "" for none."""
    return "" if device_id is None else digest_of(secret, ("device", device_id))


def person_digests(connection: Connection, secret: bytes, identifier: Identifier) -> set[str]:
    """All that the person behind an identifier is known by: their identifiers of today, and kin of those erased."""
    linked = LINKED.rows(connection, {"kind": identifier[0], "value": identifier[1]})
    found = {digest_of(secret, identifier), *(digest_of(secret, (kind, value)) for kind, value in linked)}
    return found | _kin_of(connection, found)


def digests_of_people(
    connection: Connection, secret: bytes, people: Mapping[Identifier, Collection[Identifier]]
) -> dict[Identifier, frozenset[str]]:
    """The same of many people at once, by one identifier of each, whose identifiers of today are given."""
    own = {one: {digest_of(secret, theirs) for theirs in (one, *linked)} for one, linked in people.items()}
    kin_of = dict(KIN.rows(connection, {"digests": {digest for digests in own.values() for digest in digests}}))
    families = dict[str, set[str]]()
    for digest, kin in kin_of.items():
        families.setdefault(kin, set()).add(digest)
    return {
        one: frozenset(digests).union(*(families[kin_of[digest]] for digest in digests if digest in kin_of))
        for one, digests in own.items()
    }


def remember_kin(connection: Connection, secret: bytes, erased: Collection[Identifier]) -> None:
    """Note that identifiers were one person's, before an erasure forgets it: what they used counts together for ever.

    Call it in the transaction of the erasure.
    """
    digests = {digest_of(secret, identifier) for identifier in erased}
    if len(digests) < 2:
        return
    family = digests | _kin_of(connection, digests)
    kin = min(family)
    connection.execute(update(ledger_kin).where(ledger_kin.c.shopper.in_(family)).values(kin=kin))
    kept = set(connection.execute(select(ledger_kin.c.shopper).where(ledger_kin.c.shopper.in_(family))).scalars())
    if family - kept:
        connection.execute(insert(ledger_kin), [{"shopper": shopper, "kin": kin} for shopper in family - kept])


def _kin_of(connection: Connection, digests: Collection[str]) -> set[str]:
    return {shopper for shopper, _ in KIN.rows(connection, {"digests": digests})}
