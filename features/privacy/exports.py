"""Files that answer access requests: kept for a week, and no longer than the person is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from features.identity import Identifier
from features.settings import Settings
from features.sql.privacy_store import PrivacyStore

KEPT_FOR = timedelta(days=7)


def export_file(settings: Settings, request_id: str) -> Path:
    """Where the file of a request lies; it need not exist."""
    return settings.data_dir / "exports" / f"{request_id}.zip"


def drop_exports(settings: Settings, store: PrivacyStore, named: Sequence[Identifier]) -> int:
    """Remove all files about a person; returns how many there were."""
    dropped, found = 0, {request.request_id for one in named for request in store.of(one)}
    for request_id in found:
        file = export_file(settings, request_id)
        dropped += file.exists()
        file.unlink(missing_ok=True)
    return dropped


def drop_old_exports(settings: Settings, now: datetime) -> None:
    """Remove files whose time is over, and what a killed process left half-written."""
    for file in (settings.data_dir / "exports").glob("*"):
        if now.timestamp() - file.stat().st_mtime > KEPT_FOR.total_seconds() or (
            file.suffix == ".partial" and now.timestamp() - file.stat().st_mtime > 60
        ):
            file.unlink(missing_ok=True)
