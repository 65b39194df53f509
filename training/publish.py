"""Putting a finished model on the shelf."""

from collections.abc import Sequence

from features.artifact.manifest import Manifest
from features.artifact.shelf import ArtifactShelf
from features.artifact.write import write_artifact
from recommender.catalogue import CatalogueItem
from recommender.errors import StoreUnavailable
from recommender.model import Model


def publish(shelf: ArtifactShelf, model: Model, items: Sequence[CatalogueItem], manifest: Manifest) -> Manifest:
    """Write beside, verify, and publish; whatever fails, what serves now goes on serving.

    Raises:
        StoreUnavailable: the disk is full or cannot be written; nothing is left of the attempt.
        BrokenArtifact: what was written cannot be read back.
    """
    folder = shelf.beside(manifest.artifact_id)
    try:
        complete = write_artifact(folder, model, items, manifest)
        shelf.publish(folder)
    except OSError as error:
        shelf.beside(manifest.artifact_id)
        message = f"The artifact could not be written to {folder.parent}: {error.strerror or error}."
        remedy = "Make room or give write access, then train again; the current artifact goes on serving."
        raise StoreUnavailable(message, remedy=remedy) from error
    return complete
