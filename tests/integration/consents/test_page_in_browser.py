"""The preference centre in a real Chromium: without scripts, by keyboard, on a narrow screen."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.identity import read_secret
from features.preference_links import make_link
from tests.integration.consents.test_choices import said, state_in
from tests.integration.serving.listening import listening
from tests.integration.serving.shop import NOW, Shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    return Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """Where the service answers."""
    with listening(shop.app()) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def known(url: str) -> dict[str, Any]:
    return httpx.get(f"{url}/v1/profiles/user_id:ann/consents").json()


def test_a_shopper_chooses_without_scripts_and_by_keyboard_on_a_narrow_screen(
    shop: Shop, url: str, browser: Any
) -> None:
    assert httpx.post(f"{url}/v1/consents", json={"consents": [said("granted")]}).is_success
    link = f"{url}/preferences?t=" + make_link(read_secret(shop.settings), ("user_id", "ann"), NOW + timedelta(days=1))
    look = {"viewport": {"width": 320, "height": 600}, "extra_http_headers": {"Sec-GPC": "1"}}
    page = browser.new_context(java_script_enabled=False, **look).new_page()
    page.goto(link)
    assert page.get_by_text("Opt-out request honoured").is_visible()
    about_me = page.get_by_role("group", name="Suggestions made for you")
    assert about_me.get_by_role("radio", name="Yes").is_checked()
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Skip to your choices").is_visible()
    about_me.get_by_role("radio", name="Yes").focus()
    page.keyboard.press("ArrowRight")  # to No
    page.get_by_role("group", name="Email").get_by_label("How often at most").select_option("Once a week")
    page.get_by_role("button", name="Save my choices").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Your choices are saved").wait_for()
    assert about_me.get_by_role("radio", name="No").is_checked()
    reply = known(url)
    assert state_in(reply) == "withdrawn"
    assert reply["history"][1]["raw_signal"] == "Sec-GPC: 1"
    assert reply["preferences"]["frequencies"] == [{"channel": "email", "topic": None, "frequency": "weekly"}]
    page.get_by_role("button", name="Stop all messages").click()
    page.get_by_text("Your choices are saved").wait_for()
    assert state_in(known(url), "marketing_sms") == "denied"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_fits_and_is_readable(shop: Shop, url: str, browser: Any, scheme: str) -> None:
    link = f"{url}/preferences?t=" + make_link(read_secret(shop.settings), ("user_id", "ann"), NOW + timedelta(days=1))
    page = browser.new_context(viewport={"width": 320, "height": 600}, color_scheme=scheme).new_page()
    problems = list[str]()
    page.on("console", lambda message: problems.append(message.text))
    page.goto(link)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate("document.documentElement.lang") == "en"
    nameless = "e => [...e.labels].every(label => !label.innerText.trim())"
    for control in page.locator("input:not([type=hidden]), select").all():
        assert not control.evaluate(nameless)
    assert page.locator("fieldset:not(:has(> legend))").count() == 0
    assert page.locator("h1").count() == 1
    for selector in (".state", "p", "legend", "button[value=save]", "button[value=stop]", "footer p", ".shop"):
        assert contrast(page.locator(selector).first) >= 4.5, selector
    assert problems == []  # such as a style that the page's own policy refuses


def contrast(element: Any) -> float:
    """Of an element's text to what lies behind it, as WCAG reckons it."""
    behind = """e => { const found = [getComputedStyle(e).color];
        while (e && /, 0\\)|transparent/.test(getComputedStyle(e).backgroundColor)) e = e.parentElement;
        return [...found, e ? getComputedStyle(e).backgroundColor : 'rgb(255, 255, 255)'] }"""
    light, dark = sorted((luminance(colour) for colour in element.evaluate(behind)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
