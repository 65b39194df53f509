"""`recommender demo walk`: simulated shoppers walk through a store of the demo, by the calls of an app."""

import json
import queue
import urllib.error
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from time import sleep
from typing import Any

import jwt
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from features.settings import Settings, read_settings
from recommender.cli.calls import must_be_ready, post
from recommender.cli.demo_keys import demo_keys
from recommender.cli.walk_plan import plan_walks
from recommender.cli.walk_shopper import Answer, Shop, Told, Walk
from recommender.errors import StoreUnavailable

TOKEN_FOR, TILL_FOR = timedelta(minutes=30), timedelta(hours=1)
TIMEOUT_SECONDS = 15.0


def run_walk(console: Console, n_walkers: int, n_stops: int, store_id: str | None, seed: int) -> None:
    """Let shoppers walk until all have paid; print what happens, and the budgets of what was offered.

    Raises:
        StoreUnavailable: no service answers.
        UnknownPlace: nobody can walk there.
    """
    settings = read_settings()
    base = f"http://{settings.host}:{settings.port}"
    _must_answer(base)
    with console.status("Choosing shoppers from real orders"):
        plan = plan_walks(settings, n_walkers, n_stops, store_id)
    app_key, sign, till_key = _keys(settings, plan.store_id)
    console.print(
        f"{len(plan.walkers)} shoppers walk through [bold]{plan.name}[/]: the baskets are real, the floor is invented. "
        f"A zone takes some seconds, because presence counts by the service's clock."
    )
    told: queue.Queue[Told | None] = queue.Queue()

    def ask(user_id: str, path: str, body: Mapping[str, Any], key: str) -> Answer:
        return _post(base + path, body, {"authorization": f"Bearer {app_key}", "x-user-token": sign(user_id)}, key)

    def till(path: str, body: Mapping[str, Any], key: str) -> Answer:
        return _post(base + path, body, {"authorization": f"Bearer {till_key}"}, key)

    shop = Shop(
        ask=ask, till=till, pause=sleep, now=_now, tell=told.put, store_id=plan.store_id,
        currency=plan.currency, prices=plan.prices, run_id=f"{_now():%m%d%H%M%S}",
    )  # fmt: skip
    walks = [Walk(shop, walker, Random(f"{seed} {walker.user_id}")) for walker in plan.walkers]  # noqa: S311 - a simulation
    offered = _walk_all(console, walks, told)
    console.print(budgets(settings, offered) if offered else "Nothing was offered, so no budget was touched.")


def _walk_all(console: Console, walks: Sequence[Walk], told: "queue.Queue[Told | None]") -> list[str]:
    """Let all walk beside each other, and show what they tell; returns the campaigns that were offered, by id."""
    latest = {walk.walker.user_id: Told(walk.walker.user_id, "door", "comes in") for walk in walks}
    offered: set[str] = set()
    with ThreadPoolExecutor(len(walks)) as threads, _live(console) as live:
        running = [threads.submit(walk.run) for walk in walks]
        for one in running:
            one.add_done_callback(lambda _: told.put(None))
        left = len(running)
        while left:
            news = told.get()
            if news is None:
                left -= 1
                continue
            latest[news.user_id] = news
            offered |= {news.campaign_id} - {None}  # pyright: ignore[reportAssignmentType] - None is taken out
            console.print(line(news), highlight=False, soft_wrap=True)
            if live is not None:
                live.update(_where(latest.values()))
    for one in running:
        one.result()  # raises what ended a walk
    return sorted(offered)


def line(news: Told) -> str:
    """One line of what happens."""
    what = escape(news.what)
    return f"[dim]{escape(news.user_id):>6}[/] {escape(news.where):<24} {f'[green]{what}[/]' if news.good else what}"


def _where(latest: Iterable[Told]) -> Table:
    table = Table("shopper", "where", "last heard", title="In the store", title_justify="left")
    for news in latest:
        table.add_row(*map(escape, (news.user_id, news.where, news.what)))
    return table


@contextmanager
def _live(console: Console) -> Generator[Live | None]:
    """A table that stays below the lines, where a person looks; elsewhere the lines alone."""
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield live


def budgets(settings: Settings, campaign_ids: Sequence[str]) -> Table:
    """What campaigns hold and have spent, of what they may."""
    from features.ledger.accounts import read_balances
    from features.ledger.values import Balance
    from features.sql.campaign_store import CampaignStore
    from features.sql.engine import opened, reading

    table = Table(
        "campaign", "what", "held", "spent", "budget", title="Budgets of what was offered", title_justify="left"
    )
    with opened(settings) as engine:
        for campaign_id in campaign_ids:
            definition = CampaignStore(engine).get(campaign_id).definition
            with reading(engine) as connection:
                used = read_balances(connection, campaign_id).get(("campaign", "", ""), Balance())
            budget = definition.get("budget", {}).get("money")
            amounts = (used.pending_money, used.posted_money, budget)
            shown = ("no limit" if amount is None else f"{amount / 100:.2f}" for amount in amounts)
            table.add_row(campaign_id, str(definition["title"]), *shown)
    return table


def _keys(settings: Settings, store_id: str) -> tuple[str, Callable[[str], str], str]:
    """The app's key, what signs user tokens as the shop's server would, and a key of an hour for one till."""
    from features.audit import CLI
    from features.identity import read_secret
    from features.keys import digest_of, new_key, signing_secret
    from features.sql.engine import opened
    from features.sql.key_store import KeyStore
    from serving.user_tokens import AUDIENCE

    app_key = demo_keys(settings).publishable
    with opened(settings) as engine:
        store = KeyStore(engine)
        key_id = next(key.key_id for key in store.read_all() if key.digest == digest_of(app_key))
        scopes = ("coupons:redeem", f"store:{store_id}")
        till, till_key = new_key("rk", "demo: a till", _now(), scopes=scopes, expires_at=_now() + TILL_FOR)
        store.add(till, by=CLI)
    secret = signing_secret(read_secret(settings), key_id)

    def sign(user_id: str) -> str:
        return jwt.encode({"sub": user_id, "aud": AUDIENCE, "exp": _now() + TOKEN_FOR}, secret, algorithm="HS256")

    return app_key, sign, till_key


def _must_answer(base: str) -> None:
    try:
        must_be_ready(base, TIMEOUT_SECONDS)
    except OSError as error:
        raise StoreUnavailable(
            f"No service answers at {base}.",
            remedy="Run `recommender demo` in another terminal, and wait until it is ready.",
        ) from error


def _post(url: str, body: Mapping[str, Any], headers: Mapping[str, str], key: str) -> Answer:
    try:
        return post(url, body, {"idempotency-key": key, **headers}, TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _now() -> datetime:
    return datetime.now(UTC)
