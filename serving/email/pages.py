"""The plain pages behind the links of mails: for links that lead nowhere, and to unsubscribe."""

import base64
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from recommender.errors import LinkInvalid, NoCoupon, RecommenderError, TooManyRequests

ENDED = "This link leads nowhere any more", "It is too old, or was not copied whole."
LATER = "This did not work just now", "Please try again in a minute."
OFTEN = "This link was followed very often", "Please try again in a minute."


class Pages:
    """Renders the pages; `shop_url`: where they lead on, if anywhere."""

    def __init__(self, shop_url: str | None) -> None:
        here = files("serving.email")
        css = (here / "page.css").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8"))
        self._words = {"css": Markup(css), "shop_url": shop_url}  # noqa: S704 - our own file
        style = base64.b64encode(sha256(css.encode()).digest()).decode()
        self._headers = {
            "content-security-policy": f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'",
            "cache-control": "no-store", "x-robots-tag": "noindex",
        }  # fmt: skip

    def show(self, status: int, title: str, text: str, *, button: str = "", code: str = "") -> Response:
        """A page; with a button, which sends an empty form to the page's own address, or with the code of a coupon."""
        html = self._template.render(**self._words, title=title, text=text, button=button, code=code)
        return Response(html, status_code=status, headers=self._headers, media_type="text/html")

    def refuse(self, request: Request, error: RecommenderError) -> Response:
        """Say what went wrong: to a browser a page, to a program a problem."""
        if "text/html" not in request.headers.get("accept", ""):
            raise error
        if isinstance(error, NoCoupon):
            return self.show(409, "There is no coupon", str(error))
        if isinstance(error, TooManyRequests):
            return self.show(429, *OFTEN)
        return self.show(410, *ENDED) if isinstance(error, LinkInvalid) else self.show(503, *LATER)
