"""Follows the pointer of the artifact shelf: loads what is published, warms it up, swaps it in."""

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from features.artifact.read import LoadedArtifact, load_artifact
from features.artifact.shelf import POINTER, ArtifactShelf
from features.identity import USER_ID
from features.privacy.suppression import Suppressions
from recommender.catalogue import Catalogue
from recommender.errors import BrokenArtifact, NoArtifact, RecommenderError
from recommender.model import Histories
from serving.clock import SECONDS_PER_DAY
from serving.current import Current, Serving
from serving.metrics import Metrics

LOOK_EVERY_SECONDS = 0.5

log = logging.getLogger(__name__)

Stamp = tuple[int, int] | None


@dataclass(kw_only=True)
class ArtifactWatch:
    """Brings each published artifact into service; a broken one never replaces a good one.

    Attributes:
        build_catalogue: the artifact's snapshot with all that changed since; awaits SQL, in a thread.
        warm_up: decides a few times, so that the first request is as fast as the hundredth; one decision a step.
        hide: takes the histories of people out who were erased, or may not be used; in a thread.
        swap: makes it answer, and its catalogue the one that is kept current; on the event loop, without awaiting.
        why_not: why nothing could be loaded so far; None: nothing stood in the way.
    """

    artifacts_dir: Path
    current: Current
    build_catalogue: Callable[[LoadedArtifact], Awaitable[Catalogue]]
    warm_up: Callable[[Serving], Iterator[None]]
    swap: Callable[[Serving], None]
    metrics: Metrics
    hide: Callable[[Histories], Histories] = lambda histories: histories
    why_not: str | None = None
    _seen: Stamp = field(default=None, init=False)

    async def run(self) -> None:
        """Look for a new artifact until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Load what the pointer names, if it was set since the last look."""
        stamp = self._stamp()
        if stamp is None:
            self.why_not = "No artifact has been published; run `recommender train`."
        if stamp is None or stamp == self._seen:
            return
        try:
            await self._bring_in()
        except (BrokenArtifact, NoArtifact) as error:
            self._refuse(error)
        except Exception as error:
            # Whatever it is (no database, no file handles, a change of the catalogue under the first decisions), the
            # next look tries again; a watch that ended would never bring in another artifact.
            log.exception("the artifact cannot be loaded now, it is tried again")
            self.why_not = f"The artifact cannot be loaded now: {error}"
            return
        self._seen = stamp

    async def _bring_in(self) -> None:
        """Load the current artifact; while nothing answers yet, the newest other one that is whole will do."""
        shelf = ArtifactShelf(self.artifacts_dir)
        wanted = await asyncio.to_thread(shelf.current)
        try:
            await self._load(shelf.path(wanted))
        except BrokenArtifact:
            if self.current.artifact_id is not None:
                raise
            await self._load_newest_other(shelf, wanted)
            raise

    async def _load_newest_other(self, shelf: ArtifactShelf, broken: str) -> None:
        for manifest in await asyncio.to_thread(shelf.list):
            if manifest.artifact_id == broken:
                continue
            try:
                await self._load(shelf.path(manifest.artifact_id))
            except BrokenArtifact as error:
                log.warning("the artifact %s is broken as well: %s", manifest.artifact_id, error)
            else:
                return

    async def _load(self, path: Path) -> None:
        first = self.current.artifact_id is None
        # A collection of a million new objects stops everything for a tenth of a second, and finds nothing.
        gc.disable()
        try:
            loaded = await asyncio.to_thread(load_artifact, path)
            histories = await asyncio.to_thread(self.hide, loaded.model.histories)
            catalogue = await self.build_catalogue(loaded)
            model = replace(loaded.model, histories=histories)
            serving = Serving(model, catalogue, loaded.manifest.change_number)
            await self._warm_up(serving)
        finally:
            gc.enable()
        if first:
            gc.collect()
        gc.freeze()
        self.metrics.artifact_swapped(
            self.current.artifact_id, serving.model.version, serving.model.cut_day * SECONDS_PER_DAY
        )
        self.swap(serving)
        self.why_not = None
        log.info("the artifact %s answers from now on", serving.model.version)

    async def _warm_up(self, serving: Serving) -> None:
        """Between requests, where there are any: the catalogue is changed on the event loop, so it is read there."""
        if self.current.artifact_id is None:
            # The very first decisions compile for seconds; health must be answered meanwhile.
            await asyncio.to_thread(deque, self.warm_up(serving), 0)
        for _ in self.warm_up(serving):
            await asyncio.sleep(0)

    def _refuse(self, error: RecommenderError) -> None:
        self.metrics.artifact_refused()
        self.why_not = f"{error} {error.remedy}".strip()
        log.error("a published artifact is not used: %s", self.why_not)

    def _stamp(self) -> Stamp:
        """What changes each time the pointer is set; None: it never was."""
        try:
            pointer = (self.artifacts_dir / POINTER).stat()
        except OSError:
            return None
        return pointer.st_mtime_ns, pointer.st_ino


def hide_users(histories: Histories, suppressions: Suppressions) -> Histories:
    """The same where nobody finds the history of a user who is suppressed."""
    if not len(suppressions):
        return histories
    shown = {
        user: position
        for user, position in histories.position_of.items()
        if not suppressions.is_blocked((USER_ID, user))
    }
    return replace(histories, position_of=shown)
