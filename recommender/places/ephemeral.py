"""Eddystone-EID: what a beacon sends changes every 2^K seconds, and only who has its identity key knows what to.

Source: google/eddystone, eddystone-eid/eid-computation.md (2016).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from recommender.errors import InvalidInput
from recommender.ids import BeaconKey

KEY_BYTES, ID_BYTES, BLOCK_BYTES = 16, 8, 16
# From 4 on a beacon may be sending one of 14 identifiers within the next minute at most, with 0 it would be 182: too
# many to compute for a thousand beacons. More than 15 the frame cannot say: it has four bits.
LEAST_EXPONENT, MOST_EXPONENT = 4, 15
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
DRIFT = timedelta(seconds=60)  # how far the clock of a beacon may be off: 150 ppm are 13 s a day


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How a beacon with rotating identifiers was set up.

    Attributes:
        rotation_exponent: K, LEAST_EXPONENT to MOST_EXPONENT.
        counter_began_at: when its counter of seconds was 0, aware.
        sealed_key: its identity key as it is kept; sealing it again gives another text, so it says nothing of equality:
            `identity_of` does.
    """

    rotation_exponent: int
    counter_began_at: datetime
    sealed_key: str = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not LEAST_EXPONENT <= self.rotation_exponent <= MOST_EXPONENT:
            raise InvalidInput(
                f"rotation_exponent must be from {LEAST_EXPONENT} to {MOST_EXPONENT}.", field="rotation_exponent",
                remedy="Send K: the beacon changes what it sends every 2^K seconds. Set it up to do so more seldom "
                f"where K is below {LEAST_EXPONENT}.",
            )  # fmt: skip
        if self.counter_began_at < EARLIEST:  # a counter has 32 bits: 136 years
            raise InvalidInput(
                "counter_began_at is before 1970.", field="counter_began_at", remedy="Send when its counter was 0."
            )


def identity_of(identity_key: bytes) -> BeaconKey:
    """What a beacon with this key is known by, whatever it sends at the moment; it does not tell the key."""
    return BeaconKey(f"identity:{sha256(identity_key).hexdigest()[:32]}")


def identifiers(identity_key: bytes, enrolment: Enrolment, since: datetime, until: datetime) -> Iterator[str]:
    """What the beacon sends between two moments, 16 hexadecimal digits each, if its clock is off by DRIFT at most.

    One change before counts too: a beacon may put each off a little, so that nobody can tell them from afar.
    """
    exponent = enrolment.rotation_exponent
    first, last = (int((at - enrolment.counter_began_at).total_seconds()) for at in (since - DRIFT, until + DRIFT))
    windows = range(max((first >> exponent) - 1, 0), (last >> exponent) + 1)
    for top, counters in groupby((window << exponent for window in windows), key=lambda counter: counter >> 16):
        temporary_key = _encrypt(identity_key, bytes(11) + b"\xff" + bytes(2) + top.to_bytes(2))
        blocks = b"".join(bytes(11) + bytes([exponent]) + counter.to_bytes(4) for counter in counters)
        sent = _encrypt(temporary_key, blocks)
        yield from (sent[at : at + ID_BYTES].hex() for at in range(0, len(sent), BLOCK_BYTES))


def read_identity_key(text: str, field: str) -> bytes:
    """An identity key of 32 hexadecimal digits; raises InvalidInput, which does not repeat it."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInput(
            f"{field} must be {2 * KEY_BYTES} hexadecimal digits.", field=field, remedy="Send it as it was set up."
        )
    return key


def resolve_all(
    beacons: Iterable[tuple[BeaconKey, bytes, Enrolment]], now: datetime, ahead: timedelta
) -> dict[str, BeaconKey]:
    """By identifier what its beacon is known by, of all that may be heard from `now` until `ahead` of it.

    An identifier that two beacons send means neither.
    """
    found, twice = dict[str, BeaconKey](), set[str]()
    for key, identity_key, enrolment in beacons:
        for sent in identifiers(identity_key, enrolment, now, now + ahead):
            if found.setdefault(sent, key) != key:
                twice.add(sent)
    return {sent: key for sent, key in found.items() if sent not in twice}


def _encrypt(key: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - single blocks, as the specification says
    return encryptor.update(blocks) + encryptor.finalize()
