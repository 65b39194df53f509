"""Who must not come back: keyed digests of identifiers that were erased, or whose use is restricted."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from recommender.errors import Erased

Standing = Literal["erased", "restricted", "lifted"]
DIGEST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Suppression:
    """How an identifier, known by its digest alone, stands now."""

    digest: str
    standing: Standing


def digest_of(identifier: Identifier, secret: bytes) -> str:
    """What stands for an identifier once it must not be kept: nobody gets it back, or tries ids out, without the
    deployment's secret.
    """
    text = f"suppressed:{identifier[0]}:{identifier[1]}"
    return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()


class Suppressions:
    """The identifiers that were erased or restricted, as one process knows them; follows the changes in SQL."""

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret
        self._standing: dict[str, Standing] = {}

    def __len__(self) -> int:
        return len(self._standing)

    def take(self, changed: Iterable[Suppression]) -> None:
        """Follow what changed."""
        for one in changed:
            if one.standing == "lifted":
                self._standing.pop(one.digest, None)
            else:
                self._standing[one.digest] = one.standing

    def is_erased(self, identifier: Identifier) -> bool:
        """Whether nothing may be kept of it."""
        return self.standing(identifier) == "erased"

    def refuse_erased(self, identifier: Identifier, field: str) -> None:
        """Raises Erased, naming the field, if nothing may be kept of it."""
        if self.is_erased(identifier):
            raise Erased(
                f"This {identifier[0]} was erased, so nothing is written down of it.", field=field,
                remedy="Nothing, if that is meant to last. If the person wants to be known again, open a privacy "
                "request of kind lift_suppression first (docs/privacy.md).",
            )  # fmt: skip

    def is_blocked(self, identifier: Identifier) -> bool:
        """Whether nothing may be made of it, be it erased or restricted."""
        return self.standing(identifier) is not None

    def blocks(self, user_id: str | None, anonymous_id: str | None) -> bool:
        """Whether one of the two is blocked; then nothing personal is read for them, used or kept."""
        if not self._standing:
            return False
        return (user_id is not None and self.is_blocked((USER_ID, user_id))) or (
            anonymous_id is not None and self.is_blocked((ANONYMOUS_ID, anonymous_id))
        )

    def block_any(self, named: Iterable[Identifier]) -> bool:
        """Whether one of several is blocked."""
        return bool(self._standing) and any(map(self.is_blocked, named))

    def standing(self, identifier: Identifier) -> Standing | None:
        """How it stands; None: like any other."""
        return self._standing.get(digest_of(identifier, self._secret())) if self._standing else None
