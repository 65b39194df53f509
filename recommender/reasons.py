"""A short sentence for people: why an item is shown."""

from recommender.situation import Situation


def reason(situation: Situation, row: int, source: str, because: int) -> str:
    """Say why `row` is shown.

    Args:
        source: what proposed it, a source name, "pinned", "exploration", or "catalogue" for what fills up a list.
        because: row of the item that brought it up, or -1.
    """
    title = situation.catalogue.items.long["title"][because] if because >= 0 else ""
    match source:
        case "buy_again":
            return "You buy this often" if row in situation.often_bought else "You have bought this before"
        case "embedding":
            return "Fits what you buy" if len(situation.shopper.purchases) else "Fits what you are looking at"
        case "neighbours":
            return f"{_relation(situation, because)} {title}"
        case "followers":
            return f"Often bought after {title}"
        case "sessions":
            return "You looked at this before" if row in situation.looked_at else f"Others looked at it after {title}"
        case "item_to_item":
            return f"Similar to {title}"
        case "bought_together":
            return f"Goes with {title}"
        case "trending":
            return "Popular in your store" if row in situation.best_of_store else "Trending now"
        case "new_arrivals":
            category = situation.catalogue.text["category"].word(row)
            return f"New in {category}" if category else "New in the shop"
        case "newcomers":
            return _about_newcomer(situation, row)
        case "pinned":
            return "Chosen by the shop"
        case "exploration":
            return "Few have tried this yet"
        case "popular":
            in_category = situation.query.category is not None
            return f"Popular in {situation.query.category}" if in_category else "Popular with our shoppers"
        case _:
            return "From our range"


def _about_newcomer(situation: Situation, row: int) -> str:
    categories, shopper = situation.catalogue.text["category"], situation.shopper
    new = f"New in {categories.word(row)}"
    if situation.query.context_item is not None:
        return new
    bought = categories.codes[row] in categories.codes[shopper.purchases.rows]
    return f"{new}, which you buy" if bought else f"{new}, which you are looking at"


def _relation(situation: Situation, because: int) -> str:
    if because in situation.in_cart:
        return "Others buy it with"
    if because == situation.query.context_item:
        return "Others also buy it who buy"
    return "Because you looked at" if because in situation.looked_at else "Because you bought"
