"""Replies of the recommendation routes; the facts of an item that is shown often are encoded once."""

from collections import OrderedDict
from collections.abc import Sequence

import orjson

from recommender.arrays import Rows
from recommender.catalogue import Catalogue, CatalogueItem
from serving.cache_use import CacheUse
from serving.recommendations.answers import Answer

MOST_KEPT = 8_192  # about half a KiB each


class ItemFragments:
    """The JSON of the items that were shown last, of one catalogue; encoded anew when the item was stated anew.

    Attributes:
        use: how often it was there.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.use, self._most = CacheUse(), most
        self._catalogue: Catalogue | None = None
        self._kept = OrderedDict[int, tuple[int, orjson.Fragment]]()  # by item row, with the version it was stated in

    def of(self, catalogue: Catalogue, rows: Rows) -> list[orjson.Fragment]:
        """The facts of the items of some rows, in their order."""
        if catalogue is not self._catalogue:  # another artifact's rows
            self._catalogue = catalogue
            self._kept.clear()
        found = list[orjson.Fragment]()
        for row, stated_in in zip(rows.tolist(), catalogue.stated_in[rows].tolist(), strict=True):
            kept = self._kept.get(row)
            if kept is None or kept[0] != stated_in:
                found.append(self._encode(catalogue, row, stated_in))
            else:
                self.use.hits += 1
                self._kept.move_to_end(row)
                found.append(kept[1])
        return found

    def _encode(self, catalogue: Catalogue, row: int, stated_in: int) -> orjson.Fragment:
        self.use.misses += 1
        written = orjson.dumps(_facts(catalogue.items[row], in_stock=catalogue.in_stock.item(row)))
        # orjson writes into KiB that its bytes go on holding: a copy has the size of what it says.
        fragment = orjson.Fragment(bytes(memoryview(written)))
        self._kept[row] = stated_in, fragment
        self._kept.move_to_end(row)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
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
    decision, catalogue = answer.decision, answer.catalogue
    ids, facts = catalogue.items.item_ids(decision.rows), fragments.of(catalogue, decision.rows)
    slots = zip(ids, decision.scores.tolist(), decision.sources, decision.reasons, facts, strict=True)
    items: list[dict[str, object]] = [
        {
            "item_id": item_id,
            "position": position,
            "score": round(score, 6),
            "source": source,
            "reason": reason,
            "item": item,
        }
        for position, (item_id, score, source, reason, item) in enumerate(slots, 1)
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
