"""What answers right now: one artifact's model with the catalogue that is kept current over it."""

from dataclasses import dataclass

from recommender.catalogue import Catalogue
from recommender.errors import NoArtifact
from recommender.model import Model


@dataclass(frozen=True, slots=True)
class Serving:
    """A model and the catalogue whose rows it speaks of; requests take both from one value, so they always fit.

    Attributes:
        change_number: what changed in SQL later, the model does not know.
    """

    model: Model
    catalogue: Catalogue
    change_number: int = 0


class Current:
    """Holds what answers; swapped between two requests, on the event loop."""

    def __init__(self) -> None:
        self._serving: Serving | None = None

    @property
    def artifact_id(self) -> str | None:
        """Id of the artifact that answers; None: none yet."""
        return None if self._serving is None else self._serving.model.version

    def get(self) -> Serving:
        """What answers; raises NoArtifact before the first artifact is warm."""
        if self._serving is None:
            raise NoArtifact(
                "No artifact is loaded yet, so there is nothing to recommend from.",
                remedy="Run `recommender train`; the service picks the artifact up by itself.",
            )
        return self._serving

    def swap(self, serving: Serving) -> None:
        """Answer with this from the next request on."""
        self._serving = serving
