"""What a worker does beside its requests."""

import os

from features.ledger.ledger import Ledger
from features.sql.key_store import KeyStore
from serving.admission import Doorkeeper
from serving.artifact_watch import ArtifactWatch, hide_users
from serving.background import Background
from serving.clock import day_of
from serving.current import Serving
from serving.logs import PROCESS
from serving.places.resolver import EidResolver
from serving.recommendations.replies import ItemFragments
from serving.shared_counts import SharedCounts
from serving.vitals import Vitals
from serving.warm_up import warm_up
from serving.wiring.mails import Mails
from serving.wiring.shared import Shared


def artifact_watch(shared: Shared) -> ArtifactWatch:
    """What brings each published artifact into service."""

    def swap(serving: Serving) -> None:
        shared.overlay.adopt(serving.catalogue)
        shared.current.swap(serving)

    return ArtifactWatch(
        artifacts_dir=shared.settings.artifacts_dir,
        current=shared.current,
        build_catalogue=lambda loaded: shared.overlay.build(loaded.items, loaded.manifest.change_number),
        warm_up=lambda serving: warm_up(serving, shared.placements.known(), day_of(shared.clock())),
        swap=swap,
        metrics=shared.stores.metrics,
        hide=lambda histories: hide_users(histories, shared.suppressions),
    )


def background(
    shared: Shared, *, door: Doorkeeper, watch: ArtifactWatch, ledger: Ledger, resolver: EidResolver, mails: Mails,
    fragments: ItemFragments,
) -> Background:  # fmt: skip
    """All of its tasks."""
    stores = shared.stores
    vitals = Vitals(
        stores.metrics,
        worker=os.environ.get(PROCESS, "worker-1"),
        caches={
            "credentials": lambda: shared.gate.use,
            "identities": lambda: shared.identities.use,
            "item_fragments": lambda: fragments.use,
            "filters": shared.compiled.cache_info,
        },
    )
    counts = SharedCounts(
        limits=shared.limits, lockouts=[shared.guesses, shared.codes], take_uses=shared.gate.take_uses,
        note_use=KeyStore(stores.engine).note_use,
    )  # fmt: skip
    return Background(
        door=door,
        engine=stores.engine,
        redis=stores.redis,
        overlay=shared.overlay,
        watch=watch,
        exposures=shared.exposures,
        ledger=ledger,
        resolver=resolver,
        visits=mails.visits,
        vitals=vitals,
        mails=mails.store,
        mails_kept=mails.kept,
        clock=shared.clock,
        counts=counts,
    )
