"""Which URLs may be called: whatever the spelling, none that leads into our own network."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.outgoing import EMBEDDING, check_url, is_public
from recommender.errors import InvalidInput

PUBLIC = "93.184.215.14"
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.215.14", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:0a00:0001::1", "2001:0:4136:e378::", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
]  # fmt: skip


def public(_host: str, _port: int) -> list[str]:
    return [PUBLIC]


def system(host: str, _port: int) -> list[str]:
    """What a careless resolver makes of a host: numbers in every spelling are addresses."""
    import socket

    return [str(found[4][0]) for found in socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_into_a_network_of_ours_is_refused(address: str) -> None:
    for found in ([address], [PUBLIC, address]):
        with pytest.raises(InvalidInput, match="public internet"):
            check_url("https://rebound.example/", resolve=lambda _h, _p, found=found: found)
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1",
        "127.0.0.01", "127.0.0.0x1", "127.000.000.001", "0", "0.0.0.0", "localhost", "localhost.", "127.0.0.1.",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[fe80::1%25lo]", "[::127.0.0.1]",
        "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "example.com.", "exa mple.com", "example.com\u200b", "-a.example",
        "a..example", ".example", "a" * 64 + ".example", "ex%61mple.com", "%31%32%37.0.0.1", "[::1", "[]", "",
        "user@example.com", "user:pw@example.com", "example.com:99999", "example.com:-1", "example.com:x",
        "example.com\\@127.0.0.1", "127.0.0.1\\@example.com", "example.com#@127.0.0.1", "example.com\t", "0x7f",
    ],
)  # fmt: skip
def test_no_spelling_of_an_address_or_of_nonsense_passes(host: str) -> None:
    def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"] if name.startswith("localhost") else system(name, port)

    with pytest.raises(InvalidInput):
        check_url(f"https://{host}/hook", resolve=resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "https://shop.example:8443/", "https://shop.example:22/", "https://shop.example:80/",
        "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "//shop.example/", "shop.example",
        "https:shop.example", "https:///path", "javascript:alert(1)", "", " https://shop.example/",
        "https://shop.example/\r\nX: y", "https://shop.example/ö", "https://shop.example/" + "a" * 2_000,
    ],
)  # fmt: skip
def test_only_plain_https_on_its_port_is_called(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(url, resolve=public, field="endpoint.url")
    assert refused.value.field == "endpoint.url"
    assert refused.value.remedy


def test_what_is_fine_passes_with_the_address_that_was_checked() -> None:
    target = check_url("https://Shop.Example/hooks/7?a=b%20c", resolve=public)
    assert (target.host, target.port, target.path) == ("shop.example", 443, "/hooks/7?a=b%20c")
    assert target.addresses == (PUBLIC,)
    assert check_url("https://xn--bcher-kva.example:443", resolve=public).path == "/"
    assert check_url(f"https://{PUBLIC}/").addresses == (PUBLIC,)


def test_the_operator_may_allow_a_host_or_one_of_its_ports() -> None:
    def private(_host: str, _port: int) -> list[str]:
        return ["10.0.0.5"]

    assert check_url("http://crm.internal:8080/x", {"crm.internal"}, resolve=private).addresses == ("10.0.0.5",)
    assert check_url("http://crm.internal:8080/x", {"crm.internal:8080"}, resolve=private).port == 8080
    for url in ("http://crm.internal:9090/", "http://other.internal:8080/", "http://crm.internal.evil.example:8080/"):
        with pytest.raises(InvalidInput):
            check_url(url, {"crm.internal:8080"}, resolve=private)


@given(st.ip_addresses(v=4), st.sampled_from(EMBEDDING))
def test_no_address_hides_inside_another(inner: ipaddress.IPv4Address, network: ipaddress.IPv6Network) -> None:
    hidden = ipaddress.IPv6Address(int(network.network_address) | int(inner))
    assert not is_public(str(hidden))


@given(st.text(max_size=60))
def test_any_text_is_refused_or_leads_to_a_public_address(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/", f"https://shop.example{text}"):
        try:
            target = check_url(url, resolve=system)
        except InvalidInput:
            continue
        assert all(map(is_public, target.addresses))


@given(st.ip_addresses())
def test_an_address_is_called_only_if_the_registry_of_addresses_calls_it_global(address: ipaddress.IPv4Address) -> None:
    assert not is_public(str(address)) or address.is_global
