"""A condition that a column is one of several texts, as one parameter however many they are.

An expanding parameter of SQLAlchemy writes the statement anew each time, one placeholder a text: that costs as much as
the rest of a small query.
"""

from collections.abc import Collection
from typing import Any, Self

import orjson
from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class Texts(TypeDecorator[Collection[str]]):
    """Several texts: an array in PostgreSQL, JSON in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the database."""
        return ARRAY(Text()) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> object:
        """The texts as the driver takes them."""
        texts = list(value or ())
        return texts if dialect.name == "postgresql" else orjson.dumps(texts).decode()


class Among(FunctionElement[bool]):
    """What `among` makes."""

    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002 - SQLAlchemy gives it by its name
        """Itself: SQLAlchemy would compare what it takes for a number with 1, and no index be used."""
        return self


def among(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether a column is one of the texts of the parameter of this name."""
    return Among(column, bindparam(name, type_=Texts()))


@compiles(Among, "sqlite")
def _in_json(element: Among, compiler: SQLCompiler, **how: object) -> str:
    column, texts = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"


@compiles(Among, "postgresql")
def _in_array(element: Among, compiler: SQLCompiler, **how: object) -> str:
    column, texts = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} = ANY({texts})"
