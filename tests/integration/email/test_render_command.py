"""`recommender email render`: files of what the service decided, the same to the byte when it runs again."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import httpx
import pytest
from typer.testing import CliRunner, Result

from features.online.embedded import EmbeddedValkey
from recommender.cli.app import app as commands
from recommender.cli.email_files import read_blocks, read_recipients
from recommender.errors import InvalidInput, RecommenderError
from tests.integration.serving.listening import listening
from tests.integration.serving.shop import Shop

ANN, SLASHED, LONG = "ann", "../../etc/pass.wd", "é" * 200
BLOCKS = [
    {"block_id": "top", "placement": "home", "images": "none", "theme": "magazine", "heading": "For you"},
    {"block_id": "none", "placement": "trending", "images": "catalogue", "count": 3},  # no item has a picture
]


@pytest.fixture(scope="module")
def url(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shop = Shop(tmp_path_factory.mktemp("shop"), redis_url=f"unix://{valkey.socket}")
    for number in range(40):
        shop.change(f"i{number}", url=f"https://shop.example/p/{number}")
    shop.publish("a1")
    with listening(shop.app()) as base:
        while not httpx.get(f"{base}/readyz").json()["ready"]:
            sleep(0.02)
        said = [
            {"user_id": user, "purpose": "marketing_email", "state": "granted", "source": {"channel": "web"}}
            for user in (ANN, SLASHED, LONG, f"{LONG[1:]}e")
        ]
        assert httpx.post(f"{base}/v1/consents", json={"consents": said}).is_success
        yield base


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def run(url: str, folder: Path, recipients: str = f"{ANN}\n\n{SLASHED}\nstranger\n", **more: str) -> Result:
    words = {
        "send": "week-12", "recipients": str(write(folder, "users.txt", recipients)), "out": str(folder / "out"),
        "blocks": str(write(folder, "blocks.json", json.dumps(BLOCKS))), "url": url,
    }  # fmt: skip
    given = [word for name, value in (words | more).items() for word in (f"--{name}", value)]
    return CliRunner().invoke(commands, ["email", "render", *given])


def test_files_are_written_for_every_recipient_and_block_and_again_the_same(url: str, tmp_path: Path) -> None:
    done = run(url, tmp_path)
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.stdout.splitlines()[:4]] == [
        ["ready", "2"], ["suppressed", "1"], ["failed", "0"], ["empty", "blocks", "2"],
    ]  # fmt: skip
    files = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    slashed = "..%2F..%2Fetc%2Fpass.wd".replace(".", "%2E")
    stems = [f"{user}.{block}" for user in (ANN, slashed) for block in ("top", "none")]
    full = [f"{stem}.{kind}" for stem in stems if stem.endswith("top") for kind in ("html", "txt")]
    assert set(files) == {"recipients.jsonl", *full, *(f"{stem}.json" for stem in stems)}
    block = json.loads(files["ann.top.json"])
    page = files["ann.top.html"].decode()
    assert block["html"] in page
    assert "prefers-color-scheme" in page
    assert files["ann.top.txt"].decode() == block["text"]
    assert json.loads(files["ann.none.json"])["empty"]
    index = [json.loads(line) for line in files["recipients.jsonl"].splitlines()]
    assert [one["status"] for one in index] == ["ready", "ready", "suppressed"]
    assert index[0]["files"] == ["ann.top.html", "ann.top.json", "ann.top.txt", "ann.none.json"]
    assert "List-Unsubscribe-Post" in index[0]["headers"]
    assert index[2]["files"] == []
    assert run(url, tmp_path).exit_code == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == files


def test_ids_that_are_too_long_for_files_get_files_of_their_own(url: str, tmp_path: Path) -> None:
    done = run(url, tmp_path, recipients=f"{LONG}\n{LONG[1:]}e\n{ANN}\n", send="week-14")
    assert done.exit_code == 0, done.output
    files = [file.name for file in (tmp_path / "out").iterdir()]
    assert sum(name.endswith(".top.html") and len(name) < 255 for name in files) == 3


def test_what_the_service_refuses_is_told_with_its_field_and_remedy(url: str, tmp_path: Path) -> None:
    wrong = write(tmp_path, "wrong.json", json.dumps([BLOCKS[0] | {"columns": 4}]))
    refused = run(url, tmp_path, send="week-13", blocks=str(wrong)).exception
    assert isinstance(refused, InvalidInput)
    assert (refused.field, bool(refused.remedy)) == ("/blocks/0/columns", True)
    for address in ("http://127.0.0.1:9", "localhost:8000", f"{url}/docs"):
        silent = run(address, tmp_path).exception
        assert isinstance(silent, RecommenderError), address
        assert silent.remedy


def test_a_file_that_cannot_be_read_is_refused_by_its_line(tmp_path: Path) -> None:
    assert read_blocks(None)[0]["placement"] == "home"
    assert read_recipients(write(tmp_path, "a.jsonl", '{"user_id": "ann", "store_id": "s1"}\n')) == [
        {"user_id": "ann", "store_id": "s1"}
    ]
    for name, text, field in (
        ("b.txt", "ann\nbob\nann\n", "line 3"), ("c.txt", "\n", None), ("d.jsonl", "ann\n", "line 1"),
        ("e.jsonl", '{"user": "ann"}', "line 1"), ("f.jsonl", '{"user_id": 5}', "line 1"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            read_recipients(write(tmp_path, name, text))
        assert field is None or refused.value.field == field
    (tmp_path / "g.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_recipients(tmp_path / "g.txt")
    for text in ("{", "{}", "[1]"):
        with pytest.raises(InvalidInput):
            read_blocks(write(tmp_path, "blocks.json", text))
