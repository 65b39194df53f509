"""The measure of the bench: a FastAPI POST that does nothing, with pydantic in and an orjson `Response` out."""

import orjson
from fastapi import FastAPI, Response
from pydantic import BaseModel


class Question(BaseModel):
    """A body of the same shape as a recommendation query."""

    placement: str
    limit: int = 12
    user_id: str | None = None
    anonymous_id: str | None = None
    item_id: str | None = None
    store_id: str | None = None
    cart: list[str] = []


ITEM = {
    "item_id": "1082185",
    "position": 1,
    "score": 0.731,
    "source": "buy_again",
    "reason": "You buy this often",
    "item": {"title": "Bananas", "price": {"amount": 99, "currency": "USD"}, "category": "TROPICAL FRUIT"},
}
app = FastAPI()


@app.post("/bare")
async def answer(question: Question) -> Response:
    """Answer with as many constant items as asked for."""
    reply = {"recommendation_id": "rec_0", "model_version": "none", "items": [ITEM] * question.limit}
    return Response(orjson.dumps(reply), media_type="application/json")
