"""Proof of the ledger: the balances folded anew from its entries, and what must hold of them."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from features.ledger.accounts import FIELDS, Key, Place, read_balances
from features.ledger.books import Allowed, Books, lock_campaigns
from features.ledger.values import Balance
from features.sql.tables.ledger import allowances, ledger_accounts, ledger_entries, redemptions


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is not as it must be."""

    campaign_id: str
    what: str


def fold(connection: Connection, campaign_id: str) -> dict[Key, Balance]:
    """The balances of a campaign by its entries alone; accounts that stand at nothing are left out."""
    entries = select(ledger_entries).where(ledger_entries.c.campaign_id == campaign_id)
    held: dict[int, int] = {}  # money of each hold
    folded: dict[Key, Balance] = defaultdict(Balance)
    for entry in connection.execute(entries.order_by(ledger_entries.c.entry_number)).mappings():
        count, money = int(entry["count"]), int(entry["money"])
        match entry["kind"]:
            case "hold":
                held[entry["entry_number"]] = money
                change = Balance(pending_count=1, pending_money=money)
            case "rollback":
                change = Balance(posted_count=-count, posted_money=-money)
            case _:
                change = Balance(-1, count, -held[entry["hold_number"]], money)
        place = Place(campaign_id, entry["day"], entry["store_id"], entry["shopper"], entry["device"])
        for key in place.accounts():
            folded[key] += change
    return {key: balance for key, balance in folded.items() if balance != Balance()}


def find_flaws(books: Books) -> list[Flaw]:
    """What is wrong, campaign by campaign: nothing, if the ledger has kept its promises."""
    campaigns = books.connection.execute(select(allowances.c.campaign_id)).scalars().all()
    return [flaw for campaign_id in campaigns for flaw in _flaws_of(books, campaign_id)]


def find_overruns(books: Books) -> list[Flaw]:
    """Budgets that stand above their limit; that may only be where the limit was lowered afterwards."""
    campaigns = books.connection.execute(select(allowances.c.campaign_id)).scalars().all()
    return [
        Flaw(campaign_id, f"account {'/'.join(filter(None, key))} is over its limit")
        for campaign_id, allowed in lock_campaigns(books.connection, campaigns).items()
        for key in _over(allowed, _standing(books, campaign_id))
    ]


def rebuild(books: Books) -> int:
    """Write all balances anew from the entries; returns how many accounts there are."""
    written = 0
    campaigns = books.connection.execute(select(allowances.c.campaign_id)).scalars().all()
    for campaign_id in lock_campaigns(books.connection, campaigns):
        books.connection.execute(delete(ledger_accounts).where(ledger_accounts.c.campaign_id == campaign_id))
        rows = [
            {"campaign_id": campaign_id, "dimension": dimension, "member": member, "day": day}
            | {name: getattr(balance, name) for name in FIELDS}
            for (dimension, member, day), balance in fold(books.connection, campaign_id).items()
        ]
        if rows:
            books.connection.execute(insert(ledger_accounts), rows)
        written += len(rows)
    return written


def _flaws_of(books: Books, campaign_id: str) -> list[Flaw]:
    lock_campaigns(books.connection, [campaign_id])
    folded = fold(books.connection, campaign_id)
    live = {
        key: balance for key, balance in read_balances(books.connection, campaign_id).items() if balance != Balance()
    }
    found = [
        f"account {'/'.join(filter(None, key))}: the entries give {folded.get(key)}, kept is {live.get(key)}"
        for key in sorted(folded.keys() | live.keys())
        if folded.get(key) != live.get(key)
    ]
    used = redemptions.c
    total = func.coalesce(func.sum(used.amount - used.rolled_back), 0)
    redeemed = books.connection.execute(select(total).where(used.campaign_id == campaign_id)).scalar_one()
    posted = folded.get(("campaign", "", ""), Balance()).posted_money
    if redeemed != posted:
        found.append(f"redemptions less rollbacks are {redeemed}, posted is {posted}")
    return [Flaw(campaign_id, what) for what in found]


def _standing(books: Books, campaign_id: str) -> dict[Key, Balance]:
    live = read_balances(books.connection, campaign_id)
    return {key: balance for key, balance in live.items() if balance != Balance()}


def _over(allowed: Allowed, live: dict[Key, Balance]) -> list[Key]:
    limits = {"campaign": allowed.budget, "day": allowed.per_day, "store": allowed.per_store}
    return [
        key
        for key, balance in live.items()
        if (limit := limits.get(key[0])) is not None
        and (
            (limit.count is not None and balance.pending_count + balance.posted_count > limit.count)
            or (limit.money is not None and balance.pending_money + balance.posted_money > limit.money)
        )
    ]
