"""The blocks of a send as files: asked of the service some recipients at a time, written as they come."""

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from features.progress import ProgressReport
from recommender.errors import InvalidInput, StoreUnavailable

AT_ONCE = 500  # recipients of one request
TIMEOUT_SECONDS = 60.0  # between two lines of the reply
LONGEST_NAME = 120  # bytes of a user id in the name of a file
ONE_BLOCK = [{"block_id": "top", "placement": "home", "images": "open_time"}]  # no catalogue is without them

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of the service for every recipient."""

    send_id: str
    blocks: Sequence[Object]
    locale: str
    url: str
    key: str | None


def read_recipients(file: Path) -> list[Object]:
    """The recipients of a file, in its order: user ids, or objects if it is .jsonl.

    Raises:
        InvalidInput: a line is no object with a `user_id`, somebody is there twice, nobody is there, or it is no UTF-8.
    """
    found: dict[str, Object] = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        one = _object(line, f"line {number}") if file.suffix == ".jsonl" else {"user_id": line.strip()}
        user_id = one.get("user_id")
        if not isinstance(user_id, str) or not user_id:
            raise _wrong(f"line {number}", "there is no user_id", 'Write {"user_id": "..."}.')
        if user_id in found:
            raise _wrong(f"line {number}", f"{user_id[:80]!r} is there twice", "Leave one of the lines.")
        found[user_id] = one
    if not found:
        raise _wrong(str(file), "there is no recipient in it", "Write one user id a line.")
    return list(found.values())


def read_blocks(file: Path | None) -> Sequence[Object]:
    """The blocks of a file; without one, one block. What is in them is for the service to judge.

    Raises:
        InvalidInput: it is no JSON list of objects.
    """
    if file is None:
        return ONE_BLOCK
    try:
        blocks = json.loads(_text(file))
    except json.JSONDecodeError as error:
        raise _wrong(str(file), f"it is no JSON: {error}", "docs/email.md shows a file of blocks.") from None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise _wrong(str(file), "it is no list of blocks", "docs/email.md shows a file of blocks.")
    return blocks


def write_mails(order: Order, recipients: Sequence[Object], out: Path, report: ProgressReport) -> Counter[str]:
    """Write the files of all recipients; returns how many there are of each status, and how many blocks are empty.

    Raises:
        InvalidInput: the service refuses the order; nothing was written for what it refused.
        StoreUnavailable: it does not answer, or stopped amid a reply; what is written is whole.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts = Counter[str]()
    with (out / "recipients.jsonl").open("w", encoding="utf-8") as index, report.step("mails", len(recipients)) as step:
        for start in range(0, len(recipients), AT_ONCE):
            heads: dict[str, str] = {}
            for line in _lines(order, recipients[start : start + AT_ONCE]):
                if line["kind"] == "begin":
                    heads = line["heads"]
                elif line["kind"] == "recipient":
                    blocks = line.pop("blocks", [])
                    files = [name for block in blocks for name in _write(out, line["user_id"], block, heads)]
                    said = {name: value for name, value in line.items() if name != "kind"} | {"files": files}
                    index.write(json.dumps(said, ensure_ascii=False) + "\n")
                    counts[line["status"]] += 1
                    counts["empty blocks"] += sum(block["empty"] for block in blocks)
                    step.advance()
    return counts


def _write(out: Path, user_id: str, block: Object, heads: Mapping[str, str]) -> list[str]:
    """Write one block; returns the names of its files, of an empty one only what the API says."""
    stem = f"{_file_name(user_id)}.{block['block_id']}"
    contents = {f"{stem}.json": json.dumps(block, ensure_ascii=False, indent=1)}
    if not block["empty"]:
        head = f'<head><meta charset="utf-8">{heads[block["block_id"]]}</head>'
        body = f'<body style="margin:0">{block["html"]}</body>'
        contents[f"{stem}.html"] = f"<!doctype html>\n<html>{head}{body}</html>\n"
        contents[f"{stem}.txt"] = block["text"]
    for name, text in contents.items():
        (out / name).write_text(text, encoding="utf-8", newline="")
    return sorted(contents)


def _lines(order: Order, recipients: Sequence[Object]) -> Generator[Object]:
    """The lines of one reply, as they come."""
    body = {"send_id": order.send_id, "locale": order.locale, "blocks": order.blocks, "recipients": recipients}
    headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
    if order.key is not None:
        headers["authorization"] = f"Bearer {order.key}"
    address = f"{order.url.rstrip('/')}/v1/email/blocks"
    if not address.startswith(("http://", "https://")):
        raise InvalidInput(f"{order.url[:80]!r} is no address", field="url", remedy="Write http:// or https:// first.")
    request = Request(address, data=json.dumps(body).encode(), headers=headers)  # noqa: S310 - checked above
    try:
        with _opener().open(request, timeout=TIMEOUT_SECONDS) as reply:
            last = ""
            for raw in reply:
                line = json.loads(raw)
                last = line["kind"]
                if last == "error":
                    raise StoreUnavailable(line["detail"], remedy=line["remedy"])
                yield line
    except HTTPError as error:
        raise _refusal(error) from None
    except (OSError, HTTPException, json.JSONDecodeError) as error:
        raise _silent(order.url, str(error)) from None
    if last != "end":
        raise _silent(order.url, "the reply ended too early")


def _opener() -> OpenerDirector:
    """Follows no redirect: a key is for the host that was named."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def _refusal(error: HTTPError) -> InvalidInput:
    """The problem that the service answered with."""
    try:
        problem = json.load(error)
        first = (problem.get("errors") or [{}])[0]
        field = first.get("pointer") or first.get("parameter")
        return InvalidInput(problem["detail"], field=field, remedy=problem.get("remedy") or first.get("remedy", ""))
    except (ValueError, KeyError, AttributeError):
        return InvalidInput(
            f"the service answered with status {error.code}", remedy="Look at --url: is it the service?"
        )


def _silent(url: str, why: str) -> StoreUnavailable:
    remedy = "See that the service runs (recommender serve), and run this again: what was decided stays."
    return StoreUnavailable(f"{url} does not answer: {why}", remedy=remedy)


def _file_name(user_id: str) -> str:
    """The user id as part of the name of a file: percent-encoded, so that it names no folder and ends at the first dot.

    One that is too long for a file system is cut, with a digest of all of it in the place of the rest.
    """
    name = quote(user_id, safe=" @+=,").replace(".", "%2E")
    if len(name) <= LONGEST_NAME:
        return name
    digest = blake2b(user_id.encode(), digest_size=16).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}#{digest}"  # no id comes to this: `quote` leaves no #


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(str(file), "it is no UTF-8", "Save it as UTF-8.") from None


def _object(line: str, where: str) -> Object:
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _wrong(where, "it is no JSON object", 'Write {"user_id": "..."}.')
    return found


def _wrong(field: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, field=field, remedy=remedy)
