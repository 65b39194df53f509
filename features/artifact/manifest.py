"""What an artifact says about itself: what it was made from, how good it is, and the hash of each of its files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from recommender.errors import BrokenArtifact

MANIFEST = "manifest.json"
FORMAT = 2  # raised when older code could not read what is written
RETRAIN = "Publish another one with `recommender train --force`, or go back with `recommender artifacts rollback`."

Plain = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and SHA-256 of one file of an artifact."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """How the index was measured on the embeddings that ship; see `recommender.retrieval.index.IndexReport`."""

    kind: str
    k: int
    recall: float
    microseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that is known of an artifact without its arrays.

    Attributes:
        artifact_id: hash of `inputs`.
        cut_day: days since 1970-01-01 UTC; nothing later was learnt from.
        change_number: of the catalogue snapshot; what changed in SQL after it has to be replayed.
        published_at: RFC 3339, UTC.
        inputs: data window, catalogue change number, consents, configuration, seed, code revision.
        counts: shoppers, items, purchases, rows left out for want of consent, and so on.
        metrics: by placement, and of the `baselines`: figures on the test window.
        response: whether a model of the response to coupons ships, why, and the figures of its check.
        gate: margins, verdict and reason; whether it was overridden.
        gains: by ranker, each feature's share of what the trees gained by it, largest first.
        seconds: per step of the training run.
        files: by name, without the manifest itself.
    """

    artifact_id: str
    cut_day: float
    change_number: int
    published_at: str
    inputs: Plain
    counts: Mapping[str, int]
    metrics: Plain
    response: Plain
    gate: Plain
    index: IndexEntry
    gains: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]
    peak_memory_mib: float
    files: Mapping[str, FileEntry] = field(default_factory=dict[str, FileEntry])
    format: int = FORMAT


def artifact_id_of(inputs: Plain) -> str:
    """Hash of the inputs: 16 hexadecimal digits, the same for the same inputs in whatever order they are listed."""
    return sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def manifest_json(manifest: Manifest) -> str:
    """The manifest as people and programs read it."""
    return json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an artifact; raises BrokenArtifact if it is missing, damaged or of another format."""
    file = folder / MANIFEST
    try:
        listed = json.loads(file.read_bytes())
        if isinstance(listed, dict) and listed.get("format") != FORMAT:
            found = listed.get("format")
            raise BrokenArtifact(f"{file} has format {found}, this version reads {FORMAT}.", remedy=RETRAIN)
        return TypeAdapter(Manifest).validate_python(listed)
    except (OSError, ValueError, ValidationError) as error:
        raise BrokenArtifact(f"{file} cannot be read: {error}", remedy=RETRAIN) from error


def file_entry(file: Path) -> FileEntry:
    """Size and hash of a file."""
    digest = sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return FileEntry(size=file.stat().st_size, sha256=digest.hexdigest())
