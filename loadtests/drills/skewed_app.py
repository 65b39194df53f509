"""The service with a clock that a drill can set: as many seconds ahead as the file SKEW_FILE says."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from serving.app import create_app as create_usual

VARIABLE = "SKEW_FILE"


def create_app() -> FastAPI:
    """The usual application on that clock."""
    file = Path(os.environ[VARIABLE])

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    return create_usual(clock=now)
