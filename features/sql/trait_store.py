"""Traits of people in SQL, as events state them: the newest word on each counts, in whatever order they come."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from features.identity import Identifier
from features.identity_rules import IdentityRules
from features.sql.engine import reading, writing
from features.sql.identity_rows import insert_missing, read_nodes, text_of
from features.sql.tables.people import profile_traits
from features.traits import MOST_TRAITS, Stated, Trait

SAID_AGAIN = timedelta(hours=1)  # the same word again is not written before: libraries repeat all traits at each visit


class _Word(NamedTuple):
    """What was said of a trait, and when; of two of one moment the later text counts, so that order never does."""

    occurred_at: datetime
    text: str

    @classmethod
    def of(cls, value: Trait, occurred_at: datetime) -> "_Word":
        return cls(occurred_at, json.dumps(value))


Words = dict[Identifier, dict[str, _Word]]


class TraitStore:
    """Keeps what events state of people, each word with the identifier that it was said of."""

    def __init__(self, engine: Engine, rules: IdentityRules) -> None:
        self._engine, self._rules = engine, rules

    def state(self, stated: Sequence[Stated], now: datetime) -> None:
        """Take in what events stated; without news, nothing is written. An identifier has at most MOST_TRAITS.

        Raises:
            StoreUnavailable.
        """
        said = _newest(one for one in stated if not self._rules.is_blocked(one.identifier))
        with reading(self._engine) as connection:
            if not _news(said, _read(connection, said)):
                return
        with writing(self._engine) as write:
            insert_missing(write, said, now)
            numbers = {one: node.number for one, node in read_nodes(write.connection, list(said)).items()}
            news = [
                {
                    "identifier_number": numbers[identifier], "name": name, "value": json.loads(word.text),
                    "occurred_at": text_of(word.occurred_at),
                }
                for identifier, name, word in _news(said, _read(write.connection, said))
            ]  # fmt: skip
            if not news:
                return
            column = profile_traits.c
            before = (column.identifier_number == bindparam("number")) & (column.name == bindparam("trait"))
            replaced = [{"number": row["identifier_number"], "trait": row["name"]} for row in news]
            write.connection.execute(delete(profile_traits).where(before), replaced)
            write.connection.execute(insert(profile_traits), news)


def _newest(stated: Iterable[Stated]) -> Words:
    said: Words = {}
    for one in stated:
        words = said.setdefault(one.identifier, {})
        for name, value in one.traits.items():
            word = _Word.of(value, one.occurred_at)
            words[name] = max(words.get(name, word), word)
    return said


def _news(said: Mapping[Identifier, Mapping[str, _Word]], known: Words) -> list[tuple[Identifier, str, _Word]]:
    """Words that change what is kept, as far as there is room for their traits."""
    news = list[tuple[Identifier, str, _Word]]()
    for identifier, words in said.items():
        kept = known.get(identifier, {})
        room = MOST_TRAITS - len(kept)
        for name, word in sorted(words.items()):
            before = kept.get(name)
            if before is None:
                room -= 1
                if room < 0:
                    continue
            elif word <= before or (word.text == before.text and word.occurred_at - before.occurred_at < SAID_AGAIN):
                continue
            news.append((identifier, name, word))
    return news


def _read(connection: Connection, named: Collection[Identifier]) -> Words:
    """All words kept with these identifiers."""
    of_number = {node.number: one for one, node in read_nodes(connection, named).items()}
    column, known = profile_traits.c, Words()
    rows = select(column.identifier_number, column.name, column.value, column.occurred_at)
    # One batch names at most 2,500 people.
    for number, name, value, occurred_at in connection.execute(rows.where(column.identifier_number.in_(of_number))):
        words = known.setdefault(of_number[number], {})
        words[name] = _Word.of(value, datetime.fromisoformat(occurred_at))
    return known
