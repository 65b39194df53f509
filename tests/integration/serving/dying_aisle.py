"""The service with a clock in a file, which dies by SIGKILL where a file tells it to, once."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from signal import SIGKILL
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, event

from features.events.schema import OFFER_DECIDED
from features.events.stream import EventRow, EventStream
from features.settings import Settings
from serving import app

CLOCK, DOOM = "clock.txt", "doom.txt"


def create_app(settings: Settings) -> FastAPI:
    """The application as it is, but for where it dies: in the transaction, before the log, or before the reply."""
    doom = settings.data_dir / DOOM
    event.listen(
        Engine, "before_cursor_execute", lambda *said: "INSERT INTO contacts" in said[2] and meet(doom, "write")
    )
    log = EventStream.append_once

    async def log_or_die(stream: EventStream, events: Sequence[Sequence[EventRow]], *more: Any) -> list[bool]:
        made = any(row["event"] == OFFER_DECIDED and '"outcome":"offer"' in str(row["properties"]) for [row] in events)
        if made:
            meet(doom, "log")
        done = await log(stream, events, *more)
        if made:
            meet(doom, "reply")
        return done

    EventStream.append_once = log_or_die  # type: ignore[method-assign] - so that it dies there
    return app.create_app(settings, clock=lambda: datetime.fromisoformat((settings.data_dir / CLOCK).read_text()))


def meet(doom: Path, where: str) -> None:
    if doom.exists() and doom.read_text() == where:
        doom.unlink()
        os.kill(os.getpid(), SIGKILL)
