"""The preview of blocks: the real catalogue in every theme, in frames that can do nothing; also in a real Chromium."""

import html
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from serving.email.preview import HEADERS
from serving.email.preview_page import PreviewPage, Wanted
from tests.builders import item
from tests.integration.serving.shop import Client, Shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = '"></iframe><script>document.title = "taken over"</script>'


def mails_of(page: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', page)]


def fulfil(route: Any, **reply: Any) -> None:
    route.fulfill(**reply)


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, n_items=8, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.change("i0", title=HOSTILE, image_url="https://img.example/0.png")
    shop.change("i1", hidden=True)
    shop.publish("a1")
    return shop


def test_the_preview_shows_what_may_be_shown_in_every_theme_by_day_and_by_night(shop: Shop) -> None:
    async def use(client: Client) -> None:
        reply = await client.get("/email/preview", params={"count": 8, "offer": "yes", "accent": "#ffd000"})
        assert reply.status_code == 200
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "<script" not in reply.text
        mails = mails_of(reply.text)
        assert len(mails) == 3 * 4
        for mail in mails:
            block = Xml.fromstring(re.search(r"<body[^>]*>(.*)</body>", mail, re.DOTALL).group(1))  # type: ignore[union-attr]
            told = "".join(block.itertext())
            assert "iframe" in told  # the hostile title, as text
            assert shop.item("i1").title + "View" not in told
            assert len(list(block.iter("img"))) == 7
            assert "An offer" in told
        assert "6 of these 7 items have no picture" in reply.text
        one = await client.get("/email/preview", params={"theme": "plain", "images": "none"})
        assert len(mails_of(one.text)) == 4
        assert "have no picture" not in one.text
        drawn = await client.get("/email/preview", params={"theme": "plain", "images": "open_time"})
        assert all(mail.count("data:image/png;base64,") == 4 for mail in mails_of(drawn.text))
        for wrong in ({"columns": 4}, {"accent": "red"}, {"theme": "gothic"}, {"locale": "?"}, {"colour": "red"}):
            refused = await client.get("/email/preview", params=wrong)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), wrong

    shop.run(use)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
def test_mails_fit_a_desktop_and_a_telephone_and_run_nothing() -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    titles = [HOSTILE, "Donaudampfschifffahrtsgesellschaftskapitän" * 3, "חלב טרי 3% שומן", "Olive oil"]
    items = [item(number, title=title, brand="National", size="1 l") for number, title in enumerate(titles)]
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        for wanted in (Wanted(theme="plain", columns=1), Wanted(theme="cards", columns=3, offer="yes")):
            shown = PreviewPage().show(wanted, items, "en")
            reply = {"body": shown, "headers": HEADERS, "content_type": "text/html; charset=utf-8"}
            page.route("https://shop.example/**", partial(fulfil, **reply))
            page.goto("https://shop.example/email/preview")
            assert page.title() == "Blocks of emails, as they look"
            for frame in page.frames[1:]:
                frame.wait_for_selector("img")
                too_wide = frame.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert too_wide == 0, (wanted.columns, frame.frame_element().get_attribute("title"))
        looks = {
            frame.frame_element().get_attribute("title"): frame.evaluate(
                "getComputedStyle(document.querySelector('.rb-ground')).backgroundColor"
            )
            for frame in page.frames[1:]
        }
        assert looks["cards: Desktop"] == looks["cards: Telephone"] == "rgb(244, 242, 238)"
        assert looks["cards: Desktop in the dark"] == looks["cards: Telephone in the dark"] == "rgb(23, 24, 26)"
        browser.close()
