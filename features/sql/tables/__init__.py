"""The tables of the transactional database, as SQLAlchemy Core, a module an area; Alembic makes and changes them.

Whoever imports one of them knows all, so that `metadata` is whole.
"""

from features.sql.tables import (
    audit,
    campaigns,
    catalogue,
    consents,
    contacts,
    email,
    halts,
    keys,
    ledger,
    people,
    places,
    preferences,
    privacy,
    webhooks,
)

__all__ = [
    "audit",
    "campaigns",
    "catalogue",
    "consents",
    "contacts",
    "email",
    "halts",
    "keys",
    "ledger",
    "people",
    "places",
    "preferences",
    "privacy",
    "webhooks",
]
