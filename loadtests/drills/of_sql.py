"""The database gone, locked, or on a full disk."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from features.sql.engine import writing
from loadtests.drills.drill import NotHere, drill
from loadtests.drills.load import Seen
from loadtests.drills.postgres import postgres
from loadtests.drills.stage import MONEY, Stage, answers, n_degraded, refused_clearly, staged, unanswered

AWAY_SECONDS = 4.0
ROOM_MIB = 160
MONEY_PROMISE = "recommendations and events go on; money and consent are refused with 503 and Retry-After"


@drill("sql-gone", fault="PostgreSQL is ended at once, stays away for 4 s, and recovers", promise=MONEY_PROMISE)
def sql_gone() -> Stage:
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        with staged(database_url=server.url, RECOMMENDER_REDIS_DEADLINE_MS="1000") as stage:  # as in redis-full
            server.end()
            seen = stage.watch("gone", AWAY_SECONDS)
            _goes_on_without_sql(stage, seen)
            server.start()
            stage.recovers(lambda: stage.service.client.get("/readyz").json()["degraded"] == [], "well again")
            sleep(1.0)
            stage.all_well("back")
    return stage


@drill("sql-locked", fault="another process holds SQLite's write lock for 4 s", promise="recommendations and events go"
       " on; money and consent wait, and nothing is lost")  # fmt: skip
def sql_locked() -> Stage:
    with staged() as stage:
        began = monotonic()
        with writing(stage.shop.engine):
            sleep(AWAY_SECONDS)
        seen = stage.look_back("locked", began, monotonic())
        readers = answers(seen, "storefront", "feed")
        stage.check(all(one.status == 200 for one in readers), "a recommendation or event failed")
        money = answers(seen, *MONEY)
        stage.check(all(200 <= one.status < 300 for one in money), "money was not answered once it was free")
        stage.all_well("free again")
    return stage


@drill(
    "disk-full",
    fault=f"the disk of the data folder (SQLite, Valkey, log; {ROOM_MIB} MiB) is full for 4 s",
    promise="recommendations go on; what must be on disk is refused with 503 and Retry-After; nothing is half there",
)
def disk_full() -> Stage:
    with _small_disk() as folder, staged(data_dir=folder) as stage:
        filler = folder / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        stage.notes.append(f"free: {shutil.disk_usage(folder).free} bytes")
        seen = stage.watch("full", AWAY_SECONDS)
        storefront = answers(seen, "storefront")
        stage.check(all(one.status == 200 for one in storefront), "a recommendation failed")
        stage.check(refused_clearly(answers(seen, "feed", "mail", *MONEY)), "a refusal without 503 and Retry-After")
        filler.unlink()
        stage.recovers(stage.recommends_personally, "personal again")
        sleep(2.0)
        stage.all_well("room again")
    return stage


def _goes_on_without_sql(stage: Stage, seen: list[Seen]) -> None:
    stage.check(all(one.status == 200 for one in answers(seen, "storefront")), "a recommendation failed")
    storefront = answers(seen, "storefront")
    stage.check(n_degraded(storefront) == 0, f"{n_degraded(storefront)} recommendations were not personal")
    refused = answers(seen, "till", "app", "consents")
    stage.check(all(one.status == 503 and one.retries for one in refused[3:-3]), "money or consent was not refused")
    stage.check(refused_clearly(seen), "a refusal without 503 and Retry-After")
    stage.check(not unanswered(seen), "a call was not answered")


@contextmanager
def _small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="drill-disk-") as parent:
        command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_MIB}m", "tmpfs", parent]
        if os.getuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
            raise NotHere("needs the right to mount a small file system")
        try:
            folder = Path(parent, "data")
            folder.mkdir()
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", parent], check=True)
