"""Which limits hold for whom."""

import ipaddress
from functools import lru_cache

from features.keys import Key
from features.settings import Settings
from recommender.ids import UserId
from serving.limits import Quota

ADDRESSES_KEPT = 4_096


class Rates:
    """The quotas of callers. Secret and restricted keys have one if they name it; all others are in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._key, self._subject = settings.key_per_minute, settings.subject_per_minute
        per_minute = settings.address_per_minute
        # One object each, because there is one for every request.

        @lru_cache(ADDRESSES_KEPT)
        def of_address(host: str) -> Quota:
            return Quota("address", _network(host), per_minute)

        self._of_address = of_address

    def of_key(self, key: Key) -> tuple[Quota, ...]:
        """What may be sent with a key."""
        per_minute = key.per_minute or (self._key if key.kind == "pk" else None)
        return () if per_minute is None else (Quota("key", key.key_id, per_minute),)

    def of_subject(self, subject: UserId | None) -> tuple[Quota, ...]:
        """What may be sent with tokens of one user. An anonymous id is made up at will: the address stands for it."""
        return () if subject is None else (Quota("subject", subject, self._subject),)

    def of_address(self, client: tuple[str, int] | None) -> Quota:
        """What may be sent with publishable keys from one address."""
        return self._of_address("" if client is None else client[0])


def address_of(client: tuple[str, int] | None) -> str:
    """What a caller's address counts as; "": there is none, as on a unix socket."""
    return "" if client is None else _network(client[0])


def _network(host: str) -> str:
    """An address; of IPv6 its /64, all of which one household or machine has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:100]
    if address.version == 4:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
