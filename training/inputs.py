"""What a run starts from, in words and hashes: the same inputs give the same artifact id."""

from functools import cache
from hashlib import sha256
from importlib import metadata, resources

from recommender.offers.response_features import RESPONSE_FEATURES
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.session_features import SESSION_FEATURES
from training.config import TrainingConfig
from training.read import TrainingData

LEARNING_PACKAGES = ("recommender", "features", "training")  # whose source decides what is learnt


def describe_inputs(data: TrainingData, config: TrainingConfig, *, forced: bool) -> dict[str, object]:
    """The inputs as plain values for the manifest; `forced`: the gate was told to let it pass."""
    interactions = data.interactions
    return {
        "window": {"first_day": interactions.first_day, "end_day": interactions.end_day},
        "interactions": interactions.fingerprint(),
        "coupons": data.coupons.fingerprint(),
        "catalogue_change_number": data.change_number,
        "consents": data.consent_version(),
        "config": config.as_dict(),
        "seed": config.seed,
        "features": list(FEATURES),
        "session_features": list(SESSION_FEATURES),
        "response_features": list(RESPONSE_FEATURES),
        "code": code_revision(),
        "forced": forced,
    }


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
