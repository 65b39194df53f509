"""Addresses that may stand in a mail: absolute http(s), and nothing that a reader could take for something else."""

import re
from urllib.parse import quote, urlsplit

LONGEST = 2_000
_PLAIN = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:[/?#][!#-;=?-\[\]_a-z~]*)?")
_KEPT = "/?#[]@!$&'()*+,;=:%-._~"


def web_address(text: str | None) -> str | None:
    """The address in ASCII, ready to be escaped; None if it is not one that a mail may lead to.

    Spaces and foreign letters are percent-encoded, and a host of such letters is written in punycode. Refused are other
    schemes, relative addresses, names and passwords before the host, control characters and backslashes.
    """
    if text is None or len(text) > LONGEST:
        return None
    if _PLAIN.fullmatch(text):
        return text
    written = _in_ascii(text.strip())
    return written if written is not None and len(written) <= LONGEST and _PLAIN.fullmatch(written) else None


def _in_ascii(text: str) -> str | None:
    if "\\" in text or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        if host is None or parts.username is not None or parts.password is not None:
            return None
        name = host if host.isascii() else host.encode("idna").decode("ascii")
        netloc = name if port is None else f"{name}:{port}"
        written = parts._replace(netloc=netloc).geturl()
        return quote(written, safe=_KEPT)
    except ValueError:  # a broken host or port; also what cannot be encoded
        return None
