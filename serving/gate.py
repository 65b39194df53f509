"""The gate: turns what a request carries (a key, a user token) into who calls."""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.types import Scope

from features.keys import Key, digest_of, signing_secret
from recommender.errors import NotAllowed, StoreUnavailable, TooManyRequests, Unauthenticated, WrongCredentials
from recommender.ids import AnonymousId, UserId
from serving.access import ALL_SCOPES, PUBLIC_SCOPES, TRUSTED, Access
from serving.cache_use import CacheUse
from serving.limits import Limits, Quota
from serving.lockout import Lockout
from serving.origins import Caller, caller_of, is_of_this_machine, must_be_for
from serving.rates import Rates, address_of
from serving.user_tokens import read_token

MOST_SEEN = 10_000  # credentials whose meaning is remembered; then all of them are forgotten
FREE_GUESSES = 100  # credentials that do not hold, from one address, before it is held off
CREATE = "Create one with `recommender keys create`, and send it as `Authorization: Bearer <key>` (docs/keys.md)."

Credentials = tuple[bytes | None, bytes | None, Caller]  # Authorization, X-User-Token, and from where


@dataclass(frozen=True, slots=True)
class _Known:
    """What credentials stand for, and until when (seconds since 1970)."""

    access: Access
    until: float
    key: Key | None = None
    quotas: tuple[Quota, ...] = ()


class Gate:
    """Knows all keys of this deployment; follows the changes in SQL.

    Args:
        secret: of the deployment, which the signing secrets of user tokens are made from.
        limits: of how often callers may call, for the quotas that `rates` says.
        guesses: of credentials, by address.
        host: that the service listens on. As long as no key was ever made and nobody outside this machine can reach
            the service, it trusts every caller, whatever key they send: so nobody needs one to try it out.

    Attributes:
        origins: of the pages that may use some publishable key.
        use: how often it remembered what credentials stand for.
    """

    def __init__(
        self,
        secret: Callable[[], bytes],
        host: str,
        clock: Callable[[], datetime],
        *,
        limits: Limits,
        guesses: Lockout,
        rates: Rates,
    ) -> None:
        self._secret, self._clock = secret, clock
        self._limits, self._guesses, self._rates = limits, guesses, rates
        self._is_loopback = is_loopback(host)
        self._keys: dict[str, Key] | None = None  # by digest; None: not read yet
        self._seen: dict[Credentials, _Known] = {}
        self._used: dict[str, datetime] = {}
        self.origins: frozenset[str] = frozenset()
        self.use = CacheUse()

    @property
    def is_ready(self) -> bool:
        """Whether it has been told which keys there are."""
        return self._keys is not None

    def take(self, keys: Iterable[Key]) -> None:
        """Follow what changed; the first call is with all keys."""
        self._keys = (self._keys or {}) | {key.digest: key for key in keys}
        live = [key for key in self._keys.values() if key.is_live(self._clock())]
        self.origins = frozenset(origin for key in live for origin in key.origins)
        self._seen.clear()

    def take_uses(self) -> dict[str, datetime]:
        """When keys were used, by key id, since this was last asked."""
        used, self._used = self._used, {}
        return used

    def admit(self, scope: Scope, need: str, *, or_key_in_body: bool = False) -> Access:
        """Who sent a request that needs a scope.

        `or_key_in_body`: without an Authorization header, let it pass as a caller who may do nothing; the route then
        asks `admit_key` about the key in the body.

        Raises:
            Unauthenticated: no key, or one that does not hold; or a user token that does not.
            NotAllowed: the key has not this scope, or is not for this page or app.
            TooManyRequests: a limit is used up, or too many credentials did not hold.
        """
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        if authorization is None and or_key_in_body and self._keys:
            return Access(trusted=False, scopes=frozenset())
        return self._checked((authorization, headers.get(b"x-user-token"), caller_of(headers)), need, scope)

    def admit_key(self, key: str | None, scope: Scope, need: str) -> Access:
        """Who sent a request whose body names the key; raises like `admit`."""
        headers = dict(scope["headers"])
        authorization = None if key is None else b"Bearer " + key.encode()
        return self._checked((authorization, headers.get(b"x-user-token"), caller_of(headers)), need, scope)

    def charge(self, scope: Scope, cost: int) -> None:
        """Count an admitted request for `cost` more than the one that it is; raises TooManyRequests."""
        if cost > 0 and (quotas := scope.get("quotas")):
            scope["added_headers"] = self._limits.take(quotas, cost)

    def _checked(self, credentials: Credentials, need: str, scope: Scope) -> Access:
        now = self._clock()
        known = self._seen.get(credentials)
        if known is not None and now.timestamp() < known.until:
            self.use.hits += 1
        else:
            self.use.misses += 1
            known = self._recognised(credentials, now, scope)
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen[credentials] = known
        if known.key is not None:
            self._used[known.key.key_id] = now
        if need not in known.access.scopes:
            raise NotAllowed(
                f"This key may not do that: it needs the scope {need}.",
                remedy="Use a secret key, from a server of the shop; never in a browser or an app.",
            )
        if known.quotas:
            own = () if known.access.trusted else (self._rates.of_address(scope["client"]),)
            scope["quotas"] = quotas = known.quotas + own
            scope["added_headers"] = self._limits.take(quotas)
        return known.access

    def _recognised(self, credentials: Credentials, now: datetime, scope: Scope) -> _Known:
        try:
            return self._recognise(credentials, now)
        except WrongCredentials:
            # Whoever shows what holds is never held off, though a neighbour behind the same address guesses.
            address = address_of(scope["client"])
            wait = self._guesses.held_seconds(address)
            if wait > 0:
                raise TooManyRequests(
                    "Too many requests from this address carried keys or tokens that do not hold.",
                    retry_after_seconds=wait, remedy="Stop retrying, and correct the key or the token (docs/keys.md).",
                ) from None  # fmt: skip
            self._guesses.fail(address)
            raise

    def _recognise(self, credentials: Credentials, now: datetime) -> _Known:
        authorization, token, caller = credentials
        if self._keys is None:
            raise StoreUnavailable("The keys have not been read yet.", remedy="Try again in a moment.")
        if not self._keys and self._is_loopback:
            return _trusted_for_now(caller)
        if authorization is None:
            raise Unauthenticated("This request carries no key.", remedy=CREATE)
        key = self._keys.get(digest_of(_key_in(authorization)))
        if key is None or not key.is_live(now):
            raise WrongCredentials("This key is not known here, or no longer.", remedy=CREATE)
        until = float("inf") if key.expires_at is None else key.expires_at.timestamp()
        if key.kind != "pk":
            scopes = ALL_SCOPES if key.kind == "sk" else frozenset(key.scopes)
            return _Known(replace(TRUSTED, scopes=scopes, actor=key.key_id), until, key, self._rates.of_key(key))
        must_be_for(key, caller)
        if token is None:
            return _Known(
                Access(trusted=False, scopes=PUBLIC_SCOPES, actor=key.key_id), until, key, self._rates.of_key(key)
            )
        claims = read_token(token, self._signing_secrets(key, now), now)
        anonymous = claims.get("anonymous_id")
        access = Access(
            trusted=False, subject=UserId(claims["sub"]), scopes=PUBLIC_SCOPES,
            anonymous_id=None if anonymous is None else AnonymousId(anonymous), actor=key.key_id,
        )  # fmt: skip
        quotas = self._rates.of_key(key) + self._rates.of_subject(access.subject)
        return _Known(access, min(until, claims["exp"]), key, quotas)

    def _signing_secrets(self, key: Key, now: datetime) -> list[str]:
        """Secrets that a token beside this key may be signed with: its own first.

        While a key and the one in its place overlap, the pages have one and the server signs for the other.
        """
        others = [
            other.key_id
            for other in (self._keys or {}).values()
            if other.is_live(now) and (other.replaces == key.key_id or other.key_id == key.replaces)
        ]
        return [signing_secret(self._secret(), key_id) for key_id in (key.key_id, *others)]


def _trusted_for_now(caller: Caller) -> _Known:
    """Nobody made a key yet: trust this machine, but not the pages of strangers that its browser shows."""
    page = caller[0]
    if page is not None and not is_of_this_machine(page):
        raise NotAllowed(
            "Without any key, the service trusts only programs and pages of this machine.", field="Origin",
            remedy="Make a key for the page: recommender keys create publishable --origin https://shop.example.",
        )  # fmt: skip
    return _Known(TRUSTED, float("inf"))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key_in(authorization: bytes) -> str:
    """The key in an Authorization header: a bearer token, or the user name of Basic with any password."""
    kind, _, given = authorization.partition(b" ")
    if kind.lower() == b"basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).partition(b":")[0]
        except binascii.Error:
            given = b""
    elif kind.lower() != b"bearer":
        given = b""
    return given.strip().decode("utf-8", "surrogateescape")
