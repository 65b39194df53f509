"""Who follows the links of a mail: people, or the programs that look at mails before and for them."""

import re
from enum import StrEnum

from fastapi import Request


class Visitor(StrEnum):
    """What followed a link, or loaded a picture."""

    PERSON = "person"
    PROXY = "proxy"  # loads pictures for many people, when they open a mail, or before
    PREFETCH = "prefetch"  # a browser that guesses where its person goes next
    SCANNER = "scanner"  # looks for what is malicious
    BURST = "burst"  # followed many links of one mail at once, as no person does
    NOBODY = "nobody"  # the link is not ours, or has ended


# Apple's Mail Privacy Protection says no more of itself than this.
APPLE_PROXY = "Mozilla/5.0"
PROXIES = re.compile(
    r"GoogleImageProxy|ggpht\.com|YahooMailProxy|YahooCacheSystem|FastmailImageProxy|ProtonMail", re.IGNORECASE
)
# CUBOT makes telephones.
SCANNERS = re.compile(
    r"(?<!\bcu)bot\b|crawl|spider|slurp|scan|preview|monitor|curl|wget|python|okhttp|java/|go-http|axios|headless|phantom|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|fireeye|trendmicro|sophos|forcepoint|ironport|"
    r"zscaler|urldefense|whatsapp|facebookexternalhit|slack|telegram",
    re.IGNORECASE,
)


def visitor_of(request: Request) -> Visitor:
    """Who made a request, as far as it tells by itself."""
    headers = request.headers
    agent = headers.get("user-agent", "").strip()
    if "prefetch" in f"{headers.get('sec-purpose', '')} {headers.get('purpose', '')} {headers.get('x-moz', '')}":
        return Visitor.PREFETCH
    if agent == APPLE_PROXY or PROXIES.search(agent):
        return Visitor.PROXY
    if request.method == "HEAD" or not agent or SCANNERS.search(agent):
        return Visitor.SCANNER
    return Visitor.PERSON
