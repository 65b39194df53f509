"""The one way out: which URLs this product calls on somebody's word, and how, so that nobody reaches its own network.

The address that was checked is the one that is called, whatever the name means a moment later; the certificate is
still that of the name. Redirects are not followed, and time and size are bounded.
"""

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Timer
from time import monotonic
from urllib.parse import urlsplit

from recommender.errors import InvalidInput, RecommenderError

LONGEST_URL = 2_000
PORTS = {"https": 443, "http": 80}
# Letters, digits and inner hyphens; the last label is a word, so that no spelling of a number is taken for a name.
NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*(?!0x)[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
# Addresses that carry another one inside, which a gateway may turn them into.
NETWORKS = "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32 fec0::/10"
EMBEDDING = [ipaddress.IPv6Network(one) for one in NETWORKS.split()]
SPECIAL = [ipaddress.IPv4Network(one) for one in ("192.0.0.0/24", "192.88.99.0/24")]  # protocols; relays of 6to4

Resolve = Callable[[str, int], Sequence[str]]  # of a host and a port, the addresses


class OutgoingFailed(RecommenderError):
    """Another server could not be called, or not in time."""

    code = "outgoing_failed"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called: `path` with its query, and the addresses that its host had when it was checked."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case. `is_whole`: the body was not cut off at the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def check_url(
    url: str, allowed_hosts: Collection[str] = (), *, resolve: Resolve = addresses_of, field: str = "url"
) -> Target:
    """Say where a URL leads, if it may be called.

    Args:
        allowed_hosts: hosts, or `host:port`, that the operator trusts: to these also http, any port, private addresses.
        field: what a refusal names.

    Raises:
        InvalidInput: it may not be called; the text says why.
    """
    if len(url) > LONGEST_URL or not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        why = f"longer than {LONGEST_URL} characters, or has others than printable ASCII"
        raise _refused(field, why, "Write international names as xn--…, and escape the rest with %.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(field, "not a URL", "Send one like https://shop.example/hooks.") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in PORTS or "@" in parts.netloc or parts.fragment or not host:
        raise _refused(field, "not a plain https URL", "Send one like https://shop.example/hooks, without a user name.")
    port = PORTS[parts.scheme] if port is None else port
    literal = _address(host)
    if literal is None and not NAME.fullmatch(host):
        raise _refused(field, f"{host!r} is no host name", "Write the name as DNS has it, without a dot at the end.")
    is_allowed = host in allowed_hosts or f"{host}:{port}" in allowed_hosts
    if not is_allowed and (parts.scheme, port) != ("https", 443):
        raise _refused(field, "only https on port 443 may be called", "Or let the operator allow the host.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        addresses = tuple(resolve(host, port)) if literal is None else (str(literal),)
    except (OSError, UnicodeError):
        addresses = ()
    if not addresses:
        raise _refused(field, f"{host} has no address", "Check the name.")
    if not is_allowed and not all(map(is_public, addresses)):
        raise _refused(field, f"{host} is not on the public internet", "Or let the operator allow the host.")
    return Target(parts.scheme, host, port, path, addresses)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet and nothing else."""
    found = _address(address)
    if found is None or not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return False
    return not any(found in network for network in (SPECIAL if found.version == 4 else EMBEDDING))


def call(
    target: Target,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_seconds: float = 10.0,
    max_bytes: int = 100_000,
) -> Answer:
    """Call a checked URL, at the addresses that were checked; an answer of any status, a redirect too, is an answer.

    Args:
        timeout_seconds: for all of it, however slowly the other side drips.
        max_bytes: of the answer's body; what is more is not read.

    Raises:
        OutgoingFailed: it could not be reached, did not answer in time, or its certificate does not hold.
    """
    end = monotonic() + timeout_seconds
    try:
        connected = _connect(target, end)
        # Ends whatever the connection waits for, also where each single wait is short.
        timer = Timer(max(end - monotonic(), 0.0), socket.socket.shutdown, (connected, socket.SHUT_RDWR))
        timer.daemon = True
        timer.start()
        try:
            answer = _exchange(target, connected, method, body, headers or {}, max_bytes)
            if monotonic() >= end:
                raise TimeoutError  # what was cut off looks like the end
            return answer
        finally:
            timer.cancel()
            connected.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = "it did not answer in time" if monotonic() >= end else f"{type(error).__name__}"
        raise OutgoingFailed(f"{target.host} cannot be called: {why}", remedy="It is tried again.") from error


def _connect(target: Target, end: float) -> socket.socket:
    """A connection to one of the checked addresses, in TLS with the certificate of the name where it is https."""
    failure: OSError = TimeoutError()
    for address in target.addresses:
        try:
            plain = socket.create_connection((address, target.port), timeout=max(end - monotonic(), 0.001))
        except OSError as error:
            failure = error
            continue
        if target.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
    raise failure


def _exchange(
    target: Target, connected: socket.socket, method: str, body: bytes | None, headers: Mapping[str, str], most: int
) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = connected
    host = f"[{target.host}]" if ":" in target.host else target.host
    named = host if target.port == PORTS[target.scheme] else f"{host}:{target.port}"
    connection.request(method, target.path, body, {"host": named, "connection": "close", **headers})
    with connection.getresponse() as response:
        found = response.read(most + 1)
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, received, found[:most], len(found) <= most)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _refused(field: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"this URL may not be called: {why}", field=field, remedy=remedy)
