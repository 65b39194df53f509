"""Which page or app a request comes from, and whether a publishable key is meant for it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from features.keys import Key, parse_origin
from recommender.errors import InvalidInput, NotAllowed

APP_HEADER = "X-App-Id"
SAME_ORIGIN = b"same-origin"

Headers = Mapping[bytes, bytes]
Caller = tuple[bytes | None, bytes | None, bytes | None]  # what `caller_of` says


def caller_of(headers: Headers) -> Caller:
    """The page that a request says it comes from, the id of its app, and, with neither, our own host.

    A browser leaves Origin out where a page asks for something of its own origin: then Referer has it, and where a page
    forbids that, Sec-Fetch-Site says that it is our own.
    """
    page = headers.get(b"origin") or headers.get(b"referer")
    own = page is None and headers.get(b"sec-fetch-site") == SAME_ORIGIN
    return page, headers.get(b"x-app-id"), headers.get(b"host") if own else None


def must_be_for(key: Key, caller: Caller) -> None:
    """Refuse a publishable key that comes from elsewhere than where it was made for; raises NotAllowed."""
    if not key.origins and not key.apps:
        return
    page, app, own_host = caller
    if app is not None and app.decode("latin-1") in key.apps:
        return
    if page is not None and origin_of(page) in key.origins:
        return
    if own_host is not None and own_host.decode("latin-1").lower() in {urlsplit(one).netloc for one in key.origins}:
        return
    if page is not None and key.origins:
        raise NotAllowed(
            f"This key is not for pages of {origin_of(page) or 'an opaque origin'}.", field="Origin",
            remedy="Make a key for it: recommender keys create publishable --origin https://shop.example.",
        )  # fmt: skip
    raise NotAllowed(
        "This key is bound to pages or apps, and the request names none of them.",
        field=APP_HEADER if key.apps else "Origin",
        remedy="Browsers send Origin by themselves; an app sends its id as X-App-Id (docs/keys.md).",
    )


def origin_of(page: bytes) -> str | None:
    """The origin in an Origin or Referer header; None: it has none (`null`, or garbage)."""
    try:
        parts = urlsplit(page.decode("latin-1"))
        return parse_origin(f"{parts.scheme}://{parts.netloc}")
    except (InvalidInput, ValueError):
        return None


def is_of_this_machine(page: bytes) -> bool:
    """Whether a page is served by this machine itself."""
    origin = origin_of(page)
    return origin is not None and urlsplit(origin).hostname in {"localhost", "127.0.0.1", "::1"}
