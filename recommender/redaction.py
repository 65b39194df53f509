"""Takes out of texts what must not be shown again: keys and tokens that somebody sent in the wrong place."""

import re

HIDDEN = "[hidden]"
SECRETS = re.compile(
    r"\b(?:pk|rk|sk|whsec)_[A-Za-z0-9+/=_-]{6,}"  # our keys, also cut short
    r"|\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,2}"  # the head of a JWT is a JSON object
    r"|(?<=Bearer )\S+|(?<=Basic )\S+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text without what looks like a key or a token."""
    return SECRETS.sub(HIDDEN, text)
