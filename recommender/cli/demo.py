"""The demo: from nothing to a personal recommendation over HTTP, on real purchases."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from features.progress import Terminal
from features.settings import Settings, read_settings
from recommender.cli.calls import must_be_ready, post
from recommender.cli.demo_keys import FILE, DemoKeys, demo_keys
from recommender.errors import RecommenderError

if TYPE_CHECKING:
    from features.artifact.read import LoadedArtifact

VISITOR = "demo-visitor"
CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}
AGREED = {"consent": {"personalisation": True}}  # the same, as a request says it
READY_WITHIN_SECONDS = 60
SHOW = """import json, sys
for shown in json.load(sys.stdin)["items"]: print(shown["item"]["title"], "-", shown["reason"])"""


class ServiceDidNotStart(RecommenderError):
    """The service ended, or was not ready in time."""

    code = "service_did_not_start"


@dataclass(frozen=True, slots=True)
class Person:
    """A shopper to show, and how to ask for them."""

    who: str
    about: str
    asks_as: dict[str, str]


def run_demo(console: Console) -> None:
    """Prepare and train what is not there yet, serve, show what to ask; Ctrl-C stops the service."""
    settings = read_settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo also ends its service
    signal.signal(signal.SIGINT, signal.default_int_handler)
    base = f"http://{settings.host}:{settings.port}"
    # The service starts first: it warms up while others work, and takes the artifact when there is one.
    command = [sys.executable, "-m", "recommender", "serve"]
    service = subprocess.Popen(command, env=os.environ | _at_any_hour(settings))  # noqa: S603 our own command
    try:
        loaded = _prepared_artifact(settings, service)
        keys = demo_keys(settings)
        _wait_until_ready(service, base)
        people = choose_people(loaded)
        clicked = _visit(base, keys, loaded)
        console.print(_people_table(base, keys, people))
        explain(console, base, keys, clicked)
        service.wait()
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        service.terminate()
        service.wait()


def offer_rules_at_any_hour() -> str:
    """The offers.toml that ships, without quiet hours."""
    rules = resources.files("recommender").joinpath("config/offers.toml").read_text(encoding="utf-8")
    return re.sub(r"(?m)^(begins|ends) = .*", r"\1 = 00:00:00", rules)


def _at_any_hour(settings: Settings) -> dict[str, str]:
    """Environment of a service that makes offers at night too: who tries the demo may be up while its stores sleep."""
    if settings.config_dir is not None:
        return {}  # whoever brings rules of their own wants to see those
    folder = settings.data_dir / "demo-config"
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("offers.toml").write_text(offer_rules_at_any_hour())
    return {"RECOMMENDER_CONFIG_DIR": str(folder)}


def _prepared_artifact(settings: Settings, service: subprocess.Popen[bytes]) -> "LoadedArtifact":
    # What ArtifactShelf.current_id looks at. Its import, like that of training, would compile what the service, started
    # a moment ago, is compiling; after `prepare` all of it is there.
    if not (settings.artifacts_dir / "current").exists():
        from training.prepare.complete_journey import prepare

        prepare(settings, Terminal())
        _must_run(service)

        from training.run import train

        train(settings, until=None, config_file=None, force=False, progress=Terminal())
    from features.artifact.read import load_artifact
    from features.artifact.shelf import ArtifactShelf

    shelf = ArtifactShelf(settings.artifacts_dir)
    return load_artifact(shelf.path(shelf.current()))


def choose_people(loaded: "LoadedArtifact") -> list[Person]:
    """A heavy shopper, a light one, a new one that has only clicked, and one that nobody knows."""
    histories = loaded.model.histories
    users = list(histories.position_of)
    order = np.argsort(histories.n_baskets[[histories.position_of[user] for user in users]], kind="stable")
    heavy, light = users[int(order[-1])], users[int(order[len(order) // 20])]

    def bought(user: str) -> str:
        return f"{histories.n_baskets[histories.position_of[user]]} orders"  # pyright: ignore[reportArgumentType]

    return [
        Person("heavy", bought(heavy), {"user_id": heavy}),
        Person("light", bought(light), {"user_id": light}),
        Person("new", "three clicks, a minute ago", {"anonymous_id": f"{VISITOR}-new"}),
        Person("unknown", "nothing known", {"anonymous_id": f"{VISITOR}-unknown"}),
    ]


def _visit(base: str, keys: DemoKeys, loaded: "LoadedArtifact") -> str:
    """Let the new shopper click three items of one category; returns an item for the reader to click."""
    catalogue, ranking = loaded.items, loaded.model.popularity.ranking
    wanted = [
        catalogue[row]
        for row in ranking[:2000]
        if catalogue[row].category and "COFFEE" in str(catalogue[row].category).upper()
    ]
    chosen = (wanted or [catalogue[row] for row in ranking[20:]])[:4]
    for item in chosen[:3]:
        _post(base, keys, "/v1/track", _click(f"{VISITOR}-new", item.item_id))
    return chosen[3 % len(chosen)].item_id


def _click(anonymous_id: str, item_id: str) -> dict[str, Any]:
    return {
        "event": "Product Viewed",
        "anonymousId": anonymous_id,
        "properties": {"product_id": item_id},
        "context": CONSENT,
    }


def _people_table(base: str, keys: DemoKeys, people: list[Person]) -> Table:
    table = Table(
        "shopper", "what the service answers, and why", title="\nFour shoppers, placement `home`", show_lines=True
    )
    for person in people:
        body = {"placement": "home", "limit": 4, **person.asks_as, **AGREED}
        reply = _post(base, keys, "/v1/recommendations", body)
        lines = [f"{entry['item']['title']} [dim]· {entry['reason']}[/]" for entry in reply["items"]]
        asked = " ".join(f"{name}={value}" for name, value in person.asks_as.items())
        level = "personalised" if reply["personalised"] else f"not personalised ({reply['fallback']})"
        table.add_row(f"[bold]{person.who}[/]: {person.about}\n{asked}\n[dim]{level}[/]", "\n".join(lines))
    return table


def explain(console: Console, base: str, keys: DemoKeys, clicked: str) -> None:
    """Print commands for a shell that show the product at work; `base` is the service's address."""
    ask = _curl(base, "/v1/recommendations", {"placement": "home", "anonymous_id": VISITOR, "limit": 5, **AGREED})
    show = f"python3 -c {shlex.quote(SHOW)}"
    console.print(
        "\n[bold]Paste these in another terminal[/]: the third answers otherwise than the first, because of the click."
        "\nSECRET is a key for the shop's servers, PUBLIC one for its pages; both are kept in the data folder, "
        f"in {FILE}."
    )
    for says, command in [
        ("the keys", f"export SECRET={keys.secret} PUBLIC={keys.publishable}"),
        ("a recommendation for a visitor, as a page asks for it", f"{ask} | {show}"),
        ("the visitor looks at an item", _curl(base, "/v1/track", _click(VISITOR, clicked))),
        ("the same question again", f"{ask} | {show}"),
        ("items like that one", f'curl -s -u "$PUBLIC:" {base}/v1/items/{clicked}/similar?limit=5 | {show}'),
    ]:
        console.print(f"\n[dim]# {says}[/]")
        typer.echo(command)  # as it is: no wrapping, no markup
    console.print(
        f"\nAPI reference [link]{base}/docs[/]   metrics {base}/metrics   ready? {base}/readyz"
        '\nThe whole why of an answer: send [bold]"explain": true[/], then GET /v1/decisions/{recommendation_id} '
        "with SECRET.\nStop with Ctrl-C; `make demo` starts again in seconds."
    )


def _curl(base: str, path: str, body: dict[str, Any]) -> str:
    # Each reply ends its line, or the first line of the next one would hang on to it.
    return (
        f"curl -s -w '\\n' -u \"$PUBLIC:\" {base}{path} -H 'content-type: application/json' "
        f"-d {shlex.quote(json.dumps(body))}"
    )


def _post(base: str, keys: DemoKeys, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return post(base + path, body, {"authorization": f"Bearer {keys.secret}"}, timeout=10)[1]


def _wait_until_ready(service: subprocess.Popen[bytes], base: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if service.poll() is not None:
            raise ServiceDidNotStart(
                "the service ended", remedy="Read its last lines above, or run `recommender doctor`."
            )
        try:
            must_be_ready(base, timeout=1)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise ServiceDidNotStart(
        f"not ready within {READY_WITHIN_SECONDS} s", remedy="Run `recommender serve` alone and read what it says."
    )


def _must_run(service: subprocess.Popen[bytes]) -> None:
    if service.poll() is not None:
        remedy = "Read what it said above, or run `recommender doctor`; RECOMMENDER_PORT takes another port."
        raise ServiceDidNotStart("the service ended", remedy=remedy)
