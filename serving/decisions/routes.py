"""Routes of decisions: why a list looks as it does."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from recommender.errors import UnknownDecision
from recommender.ids import RecommendationId
from serving.access import DECISIONS_READ, ScopedRoute, needs
from serving.decisions.schemas import DecisionTrace
from serving.decisions.store import DecisionTraces
from serving.encoding import JsonBytes
from serving.problem_document import documented


def decision_routes(traces: DecisionTraces) -> APIRouter:
    """The routes, over the traces that are kept."""
    router = APIRouter(prefix="/v1/decisions", tags=["decisions"], route_class=ScopedRoute)

    @router.get(
        "/{recommendation_id}",
        response_model=DecisionTrace,
        responses=documented(404, 422, 503),
        openapi_extra=needs(DECISIONS_READ),
    )
    async def read_decision(
        recommendation_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="From the answer.")],
    ) -> Response:
        """Show how a list came about: candidates, what the rules removed, features and scores of what was shown.

        Kept for an hour, for answers that were asked with `explain: true` and for a sample of the others.
        """
        document = await traces.read(RecommendationId(recommendation_id))
        if document is None:
            raise UnknownDecision(
                f"No trace of the decision {recommendation_id} is kept.",
                field="recommendation_id",
                remedy="Ask for a recommendation with `explain: true`, and read its trace within the hour.",
            )
        return JsonBytes(document)

    return router
