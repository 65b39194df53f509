"""What a run starts from, in words and hashes: the same inputs give the same artifact id."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import metadata, resources
from typing import Any

from recommender.ids import PlacementId
from recommender.offers.response_features import RESPONSE_FEATURES
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.session_features import SESSION_FEATURES
from training.config import TrainingConfig
from training.read import TrainingData

Definitions = Mapping[PlacementId, Mapping[str, Any]]

LEARNING_PACKAGES = ("recommender", "features", "training")  # whose source decides what is learnt


def describe_inputs(
    data: TrainingData, definitions: Definitions, config: TrainingConfig, *, forced: bool
) -> dict[str, object]:
    """The inputs as plain values for the manifest.

    Args:
        definitions: the placements by id, as `training.read.read_definitions` gives them.
        forced: the gate was told to let it pass.
    """
    interactions = data.interactions
    return {
        "window": {"first_day": interactions.first_day, "end_day": interactions.end_day},
        "interactions": interactions.fingerprint(),
        "coupons": data.coupons.fingerprint(),
        "catalogue_change_number": data.change_number,
        "consents": data.consents,
        "placements": placements_version(definitions),
        "config": config.as_dict(),
        "seed": config.seed,
        "features": list(FEATURES),
        "session_features": list(SESSION_FEATURES),
        "response_features": list(RESPONSE_FEATURES),
        "code": code_revision(),
        "forced": forced,
    }


def placements_version(definitions: Definitions) -> str:
    """Hash of the placements by id."""
    return sha256(json.dumps(definitions, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_revision() -> str:
    """Version of the distribution and a hash of the source that learns."""
    digest = sha256()
    for package in LEARNING_PACKAGES:
        root = resources.files(package)
        with resources.as_file(root) as folder:
            for file in sorted(folder.rglob("*.py")):
                digest.update(file.relative_to(folder).as_posix().encode())
                digest.update(file.read_bytes())
    return f"{metadata.version('retail-recommender')}+{digest.hexdigest()[:12]}"
