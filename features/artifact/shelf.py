"""The shelf of artifacts: one folder each, and a pointer to the one that serves."""

import shutil
from datetime import datetime
from pathlib import Path

from features.artifact.manifest import Manifest, read_manifest
from features.artifact.read import load_artifact
from features.artifact.write import sync_all
from recommender.errors import BrokenArtifact, NoArtifact

POINTER = "current"
KEPT = 5


class ArtifactShelf:
    """Publishes, lists and rolls back; every change that readers see is one atomic rename."""

    def __init__(self, artifacts_dir: Path) -> None:
        self._folder = artifacts_dir

    def list(self) -> list[Manifest]:
        """Manifests of all readable artifacts, newest first."""
        found = list[Manifest]()
        for folder in self._folders():
            try:
                found.append(read_manifest(folder))
            except BrokenArtifact:
                continue  # shown by `load_artifact`, which names the damage
        return sorted(found, key=lambda manifest: datetime.fromisoformat(manifest.published_at), reverse=True)

    def current_id(self) -> str | None:
        """Id of the artifact that serves; None: nothing has been published."""
        pointer = self._folder / POINTER
        return pointer.read_text(encoding="utf-8").strip() if pointer.exists() else None

    def current(self) -> str:
        """Id of the artifact that serves; raises NoArtifact if nothing has been published."""
        current = self.current_id()
        if current is None:
            raise NoArtifact(f"Nothing has been published in {self._folder}.", remedy="Run `recommender train`.")
        return current

    def path(self, artifact_id: str) -> Path:
        """Folder of one artifact; it need not exist."""
        return self._folder / artifact_id

    def find(self, artifact_id: str) -> Manifest | None:
        """Manifest of an artifact that can be served; None: it is not here, or damaged."""
        try:
            return load_artifact(self.path(artifact_id)).manifest
        except BrokenArtifact:
            return None

    def beside(self, artifact_id: str) -> Path:
        """A folder to write this artifact into before it is published; what a broken-off run left there is cleared."""
        folder = self._folder / f".{artifact_id}.partial"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def publish(self, folder: Path) -> str:
        """Verify what was written into `folder`, put it on the shelf, point to it, and drop the oldest.

        An artifact of the same id is replaced.

        Raises:
            BrokenArtifact: it cannot be loaded as written; the current one goes on serving.
        """
        artifact_id = load_artifact(folder).manifest.artifact_id
        target = self.path(artifact_id)
        replaced = self._folder / f".{artifact_id}.replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        if target.exists():
            target.rename(replaced)
        folder.rename(target)
        self.point_to(artifact_id)
        shutil.rmtree(replaced, ignore_errors=True)
        self._prune()
        return artifact_id

    def rollback(self, to: str | None) -> str:
        """Point to `to`, or to the one published before the current one; returns its id.

        Raises:
            NoArtifact: there is no such artifact, or none before the current one.
            BrokenArtifact: it is damaged; the pointer stays.
        """
        target = to or self._previous()
        if not self.path(target).is_dir() or target.startswith("."):
            raise NoArtifact(f"There is no artifact {target}.", field="to", remedy="See `recommender artifacts list`.")
        load_artifact(self.path(target))
        self.point_to(target)
        return target

    def point_to(self, artifact_id: str) -> None:
        """Make this artifact the one that serves, durably and at once."""
        beside = self._folder / f".{POINTER}.partial"
        beside.write_text(artifact_id + "\n", encoding="utf-8")
        sync_all([beside])
        beside.replace(self._folder / POINTER)
        sync_all([self._folder])

    def _previous(self) -> str:
        ids = [manifest.artifact_id for manifest in self.list()]
        current = self.current()
        earlier = ids[ids.index(current) + 1 :] if current in ids else ids
        if not earlier:
            raise NoArtifact("There is no artifact before the current one.", remedy="See `recommender artifacts list`.")
        return earlier[0]

    def _prune(self) -> None:
        current = self.current_id()
        for manifest in self.list()[KEPT:]:
            if manifest.artifact_id != current:
                shutil.rmtree(self.path(manifest.artifact_id), ignore_errors=True)

    def _folders(self) -> "list[Path]":
        if not self._folder.exists():
            return []
        return [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
