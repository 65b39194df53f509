"""Replies of the recommendation routes; the facts of an item are encoded once and kept."""

from collections.abc import Sequence

import orjson

from recommender.catalogue import Catalogue, CatalogueItem
from serving.cache_use import CacheUse
from serving.recommendations.answers import Answer


class ItemFragments:
    """The JSON of each item as it was last encoded, by item row; encoded anew when the catalogue's item changed.

    Attributes:
        use: how often it was there.
    """

    def __init__(self) -> None:
        self.use = CacheUse()
        self._kept: dict[str, tuple[CatalogueItem, bool, orjson.Fragment]] = {}

    def of(self, catalogue: Catalogue, row: int) -> orjson.Fragment:
        """The facts of the item of one row."""
        item = catalogue.items[row]
        in_stock = bool(catalogue.in_stock[row])
        kept = self._kept.get(item.item_id)
        if kept is not None and kept[0] is item and kept[1] is in_stock:
            self.use.hits += 1
            return kept[2]
        self.use.misses += 1
        written = orjson.dumps(_facts(item, in_stock=in_stock))
        # orjson writes into KiB that its bytes go on holding: a copy has the size of what it says.
        fragment = orjson.Fragment(bytes(memoryview(written)))
        self._kept[item.item_id] = (item, in_stock, fragment)
        return fragment


def _facts(item: CatalogueItem, *, in_stock: bool) -> dict[str, object]:
    return {
        "title": item.title,
        "price": {"amount": item.price, "currency": item.currency},
        "group_id": item.group_id,
        "department": item.department,
        "category": item.category,
        "type": item.type,
        "brand": item.brand,
        "size": item.size,
        "url": item.url,
        "image_url": item.image_url,
        "in_stock": in_stock,
    }


def reply_of(answer: Answer, fragments: ItemFragments) -> dict[str, object]:
    """One list, ready for orjson."""
    decision = answer.decision
    slots = zip(decision.rows.tolist(), decision.scores.tolist(), decision.sources, decision.reasons, strict=True)
    items: list[dict[str, object]] = [
        {
            "item_id": answer.catalogue.items[row].item_id,
            "position": position,
            "score": round(score, 6),
            "source": source,
            "reason": reason,
            "item": fragments.of(answer.catalogue, row),
        }
        for position, (row, score, source, reason) in enumerate(slots, 1)
    ]
    if decision.propensities is not None:
        for item, propensity in zip(items, decision.propensities, strict=True):
            item["propensity"] = propensity
    return {
        "recommendation_id": answer.recommendation_id,
        "placement": answer.query.placement,
        "model_version": answer.model_version,
        "personalised": decision.personalised,
        "fallback": decision.fallback,
        "degraded": answer.degraded,
        "items": items,
    }


def page_of(answers: Sequence[Answer], fragments: ItemFragments) -> dict[str, object]:
    """The lists of one page, ready for orjson."""
    return {"blocks": [reply_of(answer, fragments) for answer in answers]}
