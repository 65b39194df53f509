"""A token holds exactly as it was signed, or not at all."""

from datetime import UTC, datetime, timedelta
from itertools import product

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import CouponRefused
from recommender.offers.refusal import Refusal
from recommender.offers.token import Claims, KeySet, public_document, public_text, read_key_set, sign, verify

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEYS = read_key_set(public_document({"k1": public_text(KEY.public_key())}, [], NOW))
SECONDS = int(NOW.timestamp())


def claims(**changed) -> Claims:
    stated = {
        "c": "cpn_" + "a" * 20, "g": "campaign-27", "k": "percent", "d": "20.0", "m": 500, "u": "EUR", "nbf": SECONDS,
        "exp": SECONDS + 4 * 3600, "s": ["367"], "h": "0123456789abcdef",
    }  # fmt: skip
    return Claims(**(stated | changed))


TOKEN = sign(claims(), "k1", KEY)


def refusal(token: str, *, keys: KeySet = KEYS, now: datetime = NOW, store: str | None = "367") -> Refusal:
    with pytest.raises(CouponRefused) as refused:
        verify(token, keys, now, store)
    return refused.value.reason


def test_what_was_signed_verifies_with_the_published_keys_alone() -> None:
    assert verify(TOKEN, KEYS, NOW, "367") == claims()
    assert verify(sign(claims(s=[]), "k1", KEY), KEYS, NOW, None).s == []


def test_no_bit_of_it_can_change() -> None:
    for at, bit in product(range(len(TOKEN)), range(8)):
        changed = TOKEN[:at] + chr(ord(TOKEN[at]) ^ (1 << bit)) + TOKEN[at + 1 :]
        assert refusal(changed) == Refusal.TOKEN_INVALID


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda found: found.decode("latin-1")))
def test_garbage_is_no_token(garbage: str) -> None:
    assert refusal(garbage) == Refusal.TOKEN_INVALID
    assert refusal(TOKEN + garbage + "!") == Refusal.TOKEN_INVALID


def test_another_key_another_algorithm_or_none_is_refused() -> None:
    payload = jwt.decode(TOKEN, options={"verify_signature": False})
    public = public_text(KEY.public_key())
    for forged in (
        sign(claims(), "k1", OTHER),
        sign(claims(), "k2", KEY),
        jwt.encode(payload, None, algorithm="none", headers={"kid": "k1"}),
        jwt.encode(payload, public, algorithm="HS256", headers={"kid": "k1"}),
    ):
        assert refusal(forged) == Refusal.TOKEN_INVALID
    assert refusal(TOKEN, keys=KeySet({})) == Refusal.TOKEN_INVALID  # revoked: no longer in the set


def test_it_holds_only_in_its_stores_and_its_time() -> None:
    assert refusal(TOKEN, store="368") == refusal(TOKEN, store=None) == Refusal.WRONG_STORE
    assert refusal(TOKEN, now=NOW - timedelta(seconds=1)) == Refusal.NOT_STARTED
    assert refusal(TOKEN, now=NOW + timedelta(hours=4)) == Refusal.EXPIRED


def test_it_names_nobody_and_fits_a_picture() -> None:
    assert len(TOKEN) < 450  # what a till scans from a phone without trouble
    with pytest.raises(ValueError, match="more than 200 bytes"):
        sign(claims(g="g" * 200), "k1", KEY)
