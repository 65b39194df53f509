"""Who calls: keys, user tokens, and what each may do."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.keys import Key, KeyKind, new_key, parse_origin, signing_secret, successor_of
from recommender.errors import InvalidInput, NotAllowed, StoreUnavailable, TooManyRequests, Unauthenticated
from serving.access import ALL_SCOPES, CATALOGUE_WRITE, EVENTS_WRITE, OFFERS_REQUEST, RECS_READ, Access
from serving.origins import origin_of
from serving.user_tokens import AUDIENCE
from tests.gates import GATE_SECRET, open_gate

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = GATE_SECRET


class Caller:
    """A gate with one key of each kind, and requests to it at `now`."""

    def __init__(self, host: str = "0.0.0.0", **settings: Any) -> None:
        self.now = NOW
        self.client = "192.0.2.1"
        self.gate = open_gate(keys=None, host=host, clock=lambda: self.now, **settings)
        self.texts: dict[str, str] = {}
        self.keys: dict[str, Key] = {}

    def add(self, kind: KeyKind, **facts: Any) -> str:
        self.keys[kind], self.texts[kind] = new_key(kind, "a test's", NOW, **facts)
        self.gate.take([self.keys[kind]])
        return self.texts[kind]

    def admit(self, key: str | None, need: str = RECS_READ, token: str | bytes | None = None, **sent: str) -> Access:
        headers = [] if key is None else [(b"authorization", f"Bearer {key}".encode())]
        headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
        if token is not None:
            headers.append((b"x-user-token", token if isinstance(token, bytes) else token.encode()))
        return self.gate.admit({"type": "http", "headers": headers, "client": (self.client, 1)}, need)

    def token(self, **claims: Any) -> str:
        given = {"sub": "ann", "aud": AUDIENCE, "exp": NOW + timedelta(minutes=30)} | claims
        secret = signing_secret(SECRET, self.keys["pk"].key_id)
        return jwt.encode({name: value for name, value in given.items() if value is not None}, secret)


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_a_secret_key_may_do_everything_and_is_trusted(caller: Caller):
    key = caller.add("sk")
    for scope in ALL_SCOPES:
        assert caller.admit(key, scope).vouches_for(None)


def test_a_publishable_key_writes_events_asks_for_recommendations_and_offers_and_no_more(caller: Caller):
    key = caller.add("pk")
    for scope in ALL_SCOPES - {EVENTS_WRITE, OFFERS_REQUEST, RECS_READ}:
        with pytest.raises(NotAllowed, match=scope):
            caller.admit(key, scope)
    access = caller.admit(key, EVENTS_WRITE)
    assert not access.trusted
    access.must_speak_for(None, "a-1")
    with pytest.raises(NotAllowed) as caught:
        access.must_speak_for("ann", None)
    assert caught.value.field == "user_id"


def test_a_restricted_key_may_do_what_it_was_made_for(caller: Caller):
    key = caller.add("rk", scopes=(EVENTS_WRITE,))
    assert caller.admit(key, EVENTS_WRITE).trusted
    with pytest.raises(NotAllowed):
        caller.admit(key, RECS_READ)


def test_segments_basic_header_carries_the_key_as_user_name(caller: Caller):
    key = caller.add("sk")
    for password in ("", "x"):
        header = b"Basic " + base64.b64encode(f"{key}:{password}".encode())
        assert caller.gate.admit({"headers": [(b"authorization", header)], "client": None}, EVENTS_WRITE).trusted


def test_a_revoked_or_expired_key_opens_nothing(caller: Caller):
    key = caller.add("sk", expires_at=NOW + timedelta(hours=1))
    assert caller.admit(key).trusted
    caller.now = NOW + timedelta(hours=1)
    with pytest.raises(Unauthenticated):
        caller.admit(key)
    caller.now = NOW
    assert caller.admit(key).trusted
    kept = caller.keys["sk"]
    caller.gate.take([Key(**{name: getattr(kept, name) for name in kept.__slots__} | {"revoked_at": NOW})])
    with pytest.raises(Unauthenticated):
        caller.admit(key)


def test_without_any_key_only_this_machine_is_let_in():
    for host, let_in in [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ]:
        caller = Caller(host)
        with pytest.raises(StoreUnavailable):  # nobody has read yet whether there are keys
            caller.admit(None)
        caller.gate.take([])
        if let_in:
            assert caller.admit(None, CATALOGUE_WRITE).trusted
        else:
            with pytest.raises(Unauthenticated) as caught:
                caller.admit(None)
            assert "recommender keys create" in caught.value.remedy
        caller.add("sk")
        with pytest.raises(Unauthenticated):
            caller.admit(None)


def test_a_user_token_speaks_for_its_subject_alone(caller: Caller):
    key = caller.add("pk")
    access = caller.admit(key, token=caller.token(anonymous_id="a-1"))
    assert access.vouches_for(access.subject)
    access.must_speak_for("ann", "a-1")
    access.must_speak_for(None, None)
    for user_id, anonymous_id in [("bob", "a-1"), ("ann", "a-2")]:
        with pytest.raises(NotAllowed):
            access.must_speak_for(user_id, anonymous_id)
    with pytest.raises(NotAllowed):
        caller.admit(key, CATALOGUE_WRITE, caller.token())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"}, {"aud": None}, {"exp": None}, {"sub": None}, {"sub": ""}, {"sub": "x" * 201},
        {"sub": "a\0"},
        {"exp": NOW - timedelta(minutes=2)}, {"exp": NOW + timedelta(hours=2)}, {"anonymous_id": 5},
        {"exp": "soon"}, {"exp": True}, {"exp": float("nan")},
    ],
)  # fmt: skip
def test_a_token_that_claims_too_much_or_too_little_is_refused(caller: Caller, claims: dict[str, Any]):
    key = caller.add("pk")
    with pytest.raises(Unauthenticated):
        caller.admit(key, token=caller.token(**claims))


PAGE = "https://shop.example"


@pytest.mark.parametrize(
    ("sent", "may"),
    [
        ({"origin": PAGE}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://shop.example"}, False),
        ({"origin": f"{PAGE}.evil.example"}, False),
        ({"origin": f"{PAGE}@evil.example"}, False),
        ({"origin": "https://evil.example", "referer": f"{PAGE}/page"}, False),
        ({"referer": f"{PAGE}/page?of=it"}, True),
        ({"referer": "https://evil.example/?https://shop.example"}, False),
        ({"sec_fetch_site": "same-origin", "host": "shop.example"}, True),
        ({"sec_fetch_site": "cross-site", "host": "shop.example"}, False),
        ({"x_app_id": "com.example.shop"}, True),
        ({"x_app_id": "com.example.evil"}, False),
        ({}, False),
    ],
)
def test_a_bound_key_opens_only_for_its_pages_and_apps(caller: Caller, sent: dict[str, str], may: bool):
    key = caller.add("pk", origins=(PAGE,), apps=("com.example.shop",))
    unbound = caller.add("pk")
    for _ in range(2):  # the second time it is remembered
        assert not caller.admit(unbound, **sent).trusted
        if may:
            assert not caller.admit(key, **sent).trusted
            continue
        with pytest.raises(NotAllowed) as caught:
            caller.admit(key, **sent)
        assert caught.value.field in {"Origin", "X-App-Id"}
        assert caught.value.remedy


def test_without_keys_pages_of_strangers_are_not_this_machine():
    caller = Caller(host="127.0.0.1")
    caller.gate.take([])
    assert caller.admit(None, origin="http://localhost:3000").trusted
    for page in ("https://evil.example", "null", "http://127.0.0.1.evil.example:8000"):
        with pytest.raises(NotAllowed):
            caller.admit(None, origin=page)


def test_while_a_key_and_its_successor_overlap_tokens_for_either_hold_beside_either(caller: Caller):
    old_text, old = caller.add("pk"), caller.keys["pk"]
    new, new_text = successor_of(old, NOW, None)
    caller.gate.take([new, replace(old, expires_at=NOW + timedelta(hours=1))])
    claims = {"sub": "ann", "aud": AUDIENCE, "exp": NOW + timedelta(hours=2)}

    def token(key: Key) -> str:
        return jwt.encode(claims | {"exp": caller.now + timedelta(minutes=30)}, signing_secret(SECRET, key.key_id))

    for text in (old_text, new_text):
        for signer in (old, new):
            assert caller.admit(text, token=token(signer)).subject == "ann"
    caller.now = NOW + timedelta(hours=1)
    assert caller.admit(new_text, token=token(new)).subject == "ann"
    for text, signer in ((old_text, old), (new_text, old)):
        with pytest.raises(Unauthenticated):
            caller.admit(text, token=token(signer))


def test_the_gate_says_once_which_keys_were_used(caller: Caller):
    key = caller.add("sk")
    caller.admit(key)
    caller.now += timedelta(seconds=5)
    caller.admit(key)
    assert caller.gate.take_uses() == {caller.keys["sk"].key_id: caller.now}
    assert caller.gate.take_uses() == {}


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-zA-Z0-9.:@/\[\]-]{0,40}", fullmatch=True))
def test_an_origin_is_read_as_browsers_write_it_or_refused(text: str):
    try:
        origin = parse_origin(text)
    except InvalidInput:
        return
    assert parse_origin(origin) == origin
    assert origin_of(origin.encode()) == origin


def test_a_token_ends_while_it_is_remembered(caller: Caller):
    key, token = caller.add("pk"), None
    token = caller.token()
    assert caller.admit(key, token=token).subject == "ann"
    caller.now = NOW + timedelta(minutes=31)
    with pytest.raises(Unauthenticated):
        caller.admit(key, token=token)


def test_only_the_signature_of_this_key_counts(caller: Caller):
    key = caller.add("pk")
    claims = {"sub": "ann", "aud": AUDIENCE, "exp": NOW + timedelta(minutes=5)}
    for forged in (
        jwt.encode(claims, "x" * 64),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, signing_secret(SECRET, caller.keys["pk"].key_id), algorithm="HS512"),
        jwt.encode(claims, signing_secret(SECRET, "key_other")),
    ):
        with pytest.raises(Unauthenticated):
            caller.admit(key, token=forged)


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_no_garbage_opens_the_gate_or_breaks_it(authorization: bytes, token: bytes | None):
    caller = Caller()
    key = caller.add("pk")
    for header in (authorization, b"Bearer " + authorization, b"Basic " + authorization):
        with pytest.raises(Unauthenticated):
            caller.gate.admit({"headers": [(b"authorization", header)], "client": None}, EVENTS_WRITE)
    if token is not None:
        with pytest.raises(Unauthenticated):
            caller.admit(key, token=token)


def test_a_publishable_key_is_limited_by_key_user_and_address_and_a_secret_one_is_not():
    caller = Caller(key_per_minute=50, subject_per_minute=5, address_per_minute=20)
    public, secret = caller.add("pk"), caller.add("sk")
    for n_allowed, token in ((5, caller.token()), (5, caller.token(sub="bob")), (10, None)):
        for _ in range(n_allowed):
            caller.admit(public, token=token)
        with pytest.raises(TooManyRequests) as caught:
            caller.admit(public, token=token)
        assert 0 < caught.value.retry_after_seconds <= 12
    caller.client = "192.0.2.2"
    caller.admit(public)
    for _ in range(200):
        caller.admit(secret)
    limited = caller.add("rk", scopes=(RECS_READ,), per_minute=3)
    for _ in range(3):
        caller.admit(limited)
    with pytest.raises(TooManyRequests):
        caller.admit(limited)


def test_who_guesses_is_held_off_and_their_neighbour_is_not():
    caller = Caller(free_guesses=3)
    key = caller.add("pk")
    for wrong in ("pk_1", "sk_2", "rk_3", "pk_4"):
        with pytest.raises(Unauthenticated):
            caller.admit(wrong)
    with pytest.raises(TooManyRequests) as caught:
        caller.admit(key, token="no token")
    assert caught.value.retry_after_seconds <= 1
    caller.admit(key, token=caller.token())
    caller.client = "192.0.2.9"
    with pytest.raises(Unauthenticated):
        caller.admit("pk_5")
