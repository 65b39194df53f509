"""The keys of the demo: made once, kept in the data folder for whoever starts it again."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from features.settings import Settings

FILE = "demo-keys.json"


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """A key as a server of the shop has it, and one as a browser has."""

    secret: str
    publishable: str


def demo_keys(settings: Settings) -> DemoKeys:
    """The keys of this data folder; where there are none, or one opens nothing any more, two new ones.

    No product would keep a secret key in a file of its own: the demo does, readable by its owner alone, so that its
    lines can be pasted again tomorrow.
    """
    from features.audit import CLI
    from features.keys import KeyKind, digest_of, new_key
    from features.sql.engine import opened
    from features.sql.key_store import KeyStore

    file, now = settings.data_dir / FILE, datetime.now(UTC)
    with opened(settings) as engine:
        store = KeyStore(engine)
        live = {key.digest for key in store.read_all() if key.is_live(now)}
        if file.exists():
            kept = DemoKeys(**json.loads(file.read_text()))
            if {digest_of(kept.secret), digest_of(kept.publishable)} <= live:
                return kept

        def made(kind: KeyKind, label: str) -> str:
            key, text = new_key(kind, label, now)
            store.add(key, by=CLI)
            return text

        fresh = DemoKeys(made("sk", "demo: the shop's server"), made("pk", "demo: the shop's pages"))
        _write(file, fresh)
        return fresh


def _write(file: Path, keys: DemoKeys) -> None:
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(asdict(keys), opened)
    beside.replace(file)
