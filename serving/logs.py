"""How the processes of `serve` log: a record is a line, JSON or text, that names its request and shows no secret."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from traceback import extract_tb
from types import TracebackType

from features.settings import Settings
from recommender.errors import RecommenderError
from recommender.redaction import fit_for_logs
from serving.request_notes import NOTES

PROCESS = "RECOMMENDER_PROCESS"  # the variable that a child of `serve` finds its name in: worker-1, drain
OURS = "recommender", "features", "serving", "training"
LONGEST_MESSAGE = 2_000  # characters
MOST_FRAMES = 40

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonLines(logging.Formatter):
    """Each record as one JSON object in ASCII, so that no value can begin a line of its own or steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return json.dumps(facts_of(record), default=repr)


class TextLines(logging.Formatter):
    """The same for people to read."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; frames of an error follow it, indented."""
        facts = facts_of(record)
        head = " ".join(str(facts.pop(name)) for name in ("time", "level", "process", "logger", "message"))
        frames = facts.pop("frames", [])
        more = " ".join(f"{name}={_one_line(value)}" for name, value in facts.items())
        return "\n    ".join([_one_line(f"{head} {more}".rstrip()), *map(_one_line, _list(frames))])


def configure_logs(settings: Settings) -> None:
    """Send what this process logs to its standard error, as the settings say; of libraries, only what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for package in OURS:
        logging.getLogger(package).setLevel(settings.log_level.upper())


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    """What a record says, by name; `extra={"facts": {...}}` adds to it."""
    facts: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "process": os.environ.get(PROCESS, "serve"),
        "logger": record.name,
        "message": fit_for_logs(record.getMessage())[:LONGEST_MESSAGE],
    }
    notes = NOTES.get()
    if notes is not None:
        facts["request_id"] = fit_for_logs(notes.request_id)
        if notes.trace_id is not None:
            facts |= {"trace_id": notes.trace_id, "span_id": notes.span_id}
    facts |= getattr(record, "facts", {})
    if record.exc_info:
        facts |= _error_facts(record.exc_info, is_of_request=notes is not None)
    return facts


def _error_facts(found: ExcInfo, *, is_of_request: bool) -> dict[str, object]:
    """What an error was and where it arose, the innermost cause last.

    What an unexpected error says may repeat what a request sent: then only its kind is told, and its frames.
    """
    kind, error, _ = found
    if kind is None or error is None:
        return {}
    says = isinstance(error, RecommenderError) or not is_of_request
    facts: dict[str, object] = {"error.type": f"{kind.__module__}.{kind.__qualname__}"}
    if says:
        facts["error.message"] = fit_for_logs(str(error))[:LONGEST_MESSAGE]
    frames: list[str] = []
    while error is not None and len(frames) < MOST_FRAMES:
        frames.append(f"{type(error).__name__}:")
        frames += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return facts | {"frames": frames[:MOST_FRAMES]}


def _one_line(value: object) -> str:
    """A value without what would begin another line, or steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
