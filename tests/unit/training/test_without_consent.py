"""Who does not permit it is nowhere in an artifact, by name or by influence."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
from rich.console import Console

from features.artifact.manifest import MANIFEST, Manifest, read_manifest
from features.artifact.shelf import ArtifactShelf
from features.progress import Silent
from features.sql.consent_store import ConsentStore
from features.sql.engine import open_engine
from recommender.cli.tables import manifest
from recommender.consent import State
from tests.builders import said
from tests.unit.training.small_shop import START, open_shop, orders
from training.run import train

N_PERMITTING = 34
REASON = {  # of each shopper who is left out, and why
    "u34": "unasked", "u35": "refused", "u36": "refused", "u37": "refused", "u38": "declined", "u39": "child",
}  # fmt: skip
NAMES = {user: f'<{user}>-"größe"-\\-😀' for user in REASON}  # in which every way of writing a text differs


@dataclass(frozen=True)
class Trained:
    shelf: ArtifactShelf
    folder: Path
    manifest: Manifest


def trained(folder: Path, log: pl.DataFrame) -> Trained:
    settings = open_shop(folder, log, consenting=N_PERMITTING)
    engine = open_engine(settings)
    long_ago = START - timedelta(days=9)
    ConsentStore(engine).append(
        [
            said(NAMES["u35"], State.DENIED, START),
            said(NAMES["u36"], State.GRANTED, long_ago),
            said(NAMES["u36"], State.WITHDRAWN, START),
            said(NAMES["u37"], State.GRANTED, long_ago, expires_at=START),
            said(NAMES["u38"], State.GRANTED, START),
            said(NAMES["u39"], State.GRANTED, START),
        ]
    )
    engine.dispose()
    report = train(
        settings, until=None, config_file=folder / "training.toml", force=False, progress=Silent()
    )  # fmt: skip
    shelf = ArtifactShelf(settings.artifacts_dir)
    return Trained(shelf, shelf.path(report.artifact_id), report.manifest)


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    user = pl.col("user_id")
    return orders().with_columns(
        user_id=user.replace(NAMES),
        anonymous_id=pl.lit("device of ") + user.replace(NAMES),
        identifiers=pl.lit('{"loyalty_card": "card of ') + user + pl.lit('"}'),
        consent=pl.when(user == "u38").then(pl.lit(["analytics"])),
        market=pl.when(user == "u39").then(pl.lit("nowhere")),  # an unknown market: the strictest law
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, log: pl.DataFrame) -> Trained:
    return trained(tmp_path_factory.mktemp("with"), log)


@cache
def plain_bytes(file: Path) -> bytes:
    """What a file holds, as it is and without compression."""
    raw = file.read_bytes()
    if file.suffix == ".parquet":
        unpacked = BytesIO()
        pl.read_parquet(file).write_ipc(unpacked, compression="uncompressed")
        return raw + unpacked.getvalue()
    if file.suffix == ".npz":
        with ZipFile(file) as archive:
            return raw + b"".join(archive.read(name) for name in archive.namelist())
    return raw


def spellings(text: str) -> Iterator[bytes]:
    yield from (text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"))
    yield from (json.dumps(text, ensure_ascii=escaped)[1:-1].encode() for escaped in (True, False))


def files_naming(folder: Path, text: str) -> set[str]:
    return {
        file.name for file in folder.iterdir() if any(spelt in plain_bytes(file) for spelt in spellings(text))
    }  # fmt: skip


def test_no_file_names_who_does_not_permit_it(shop: Trained) -> None:
    assert files_naming(shop.folder, "u33")  # the search finds those who do
    for user, name in NAMES.items():
        for text in (name, f"<{user}>", f"device of {name}", f"card of {user}"):
            assert files_naming(shop.folder, text) == set(), text


def test_their_rows_change_no_file(shop: Trained, log: pl.DataFrame, tmp_path: Path) -> None:
    without = trained(tmp_path, log.filter(~pl.col("user_id").is_in(list(NAMES.values()))))
    assert without.manifest.counts["rows_without_consent"] == 0
    assert without.manifest.artifact_id == shop.manifest.artifact_id
    assert without.manifest.metrics == shop.manifest.metrics
    for file in shop.folder.iterdir():
        if file.name not in {MANIFEST, "index.faiss"}:  # these hold what was timed
            assert file.read_bytes() == (without.folder / file.name).read_bytes(), file.name


def test_the_manifest_counts_them_by_reason(shop: Trained, log: pl.DataFrame) -> None:
    rows = dict(log.group_by("user_id").len().iter_rows())
    expected = dict[str, int]()
    for user, reason in REASON.items():
        name = f"rows_left_out_{reason}"
        expected[name] = expected.get(name, 0) + rows[NAMES[user]]
    counts = read_manifest(shop.folder).counts
    assert {name: counts[name] for name in expected} == expected
    assert counts["rows_without_consent"] == sum(expected.values())
    printed = StringIO()
    Console(file=printed, width=150).print(manifest(shop.shelf, None))
    lines = [line.split() for line in printed.getvalue().splitlines()]
    for name, n_rows in expected.items():
        assert [*name.split("_"), f"{n_rows:,}"] in lines
