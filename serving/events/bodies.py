"""Reads the body of an ingestion call: JSON, plain or gzipped, and no larger than allowed, unpacked."""

import zlib

import msgspec
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from msgspec import DecodeError, ValidationError
from msgspec.json import Decoder

from recommender.errors import InvalidInput
from serving.events.reading import Unfit, to_utc
from serving.events.schemas import BATCH_EVENTS, Batch, Keyed

GZIP = 16 + zlib.MAX_WBITS
# Segment's library for browsers sends text/plain, which spares a preflight request.
KINDS = ("application/json", "text/plain")

_batch = Decoder(Batch, strict=False)
_keyed = Decoder(Keyed)


async def read_body(request: Request, most: int) -> bytes:
    """The body, unpacked; refuses another type or encoding, and more than `most` bytes before or after unpacking."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise HTTPException(415, f"The body must be JSON, got {kind[:100] or 'no content type'}.")
    body = await request.body()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        body = _unpack(body, most)
    elif encoding != "identity":
        raise HTTPException(415, f"Content-Encoding must be gzip or identity, got {encoding[:100]}.")
    if len(body) > most:
        raise HTTPException(413, f"This path takes at most {most:,} bytes, got {len(body):,}.")
    return body


def read_batch(body: bytes) -> Batch:
    """The batch in a body; its events are only found in it, not read."""
    try:
        batch = _batch.decode(body)
        return msgspec.structs.replace(batch, sentAt=to_utc("sentAt", batch.sentAt))
    except Unfit as unfit:
        raise InvalidInput(unfit.reason, field=unfit.field, remedy="Set the sender's clock.") from None
    except ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        field = path.strip("`.") or None
        remedy = f"Send an object with `batch`, an array of 1 to {BATCH_EVENTS:,} events."
        raise InvalidInput(reason.replace("`", ""), field=field, remedy=remedy) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise broken_json(str(error)) from None


def read_key(body: bytes) -> str | None:
    """The key that the body of one event names; refuses a body that is no JSON: no event in it could be rejected."""
    try:
        return _keyed.decode(body).writeKey
    except ValidationError:
        return None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise broken_json(str(error)) from None


def broken_json(reason: str) -> RequestValidationError:
    """The error that is answered as a problem with the code `broken_json`."""
    return RequestValidationError(
        [{"type": "json_invalid", "loc": ("body", 0), "msg": reason, "input": {}, "ctx": {"error": reason}}]
    )


def _unpack(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise HTTPException(400, f"The body is no gzip: {error}.") from None
    if len(unpacked) > most:
        raise HTTPException(413, f"This path takes at most {most:,} bytes, and unpacked the body has more.")
    if not unpacker.eof:
        raise HTTPException(400, "The body is no gzip: it ends too early.")
    return unpacked
