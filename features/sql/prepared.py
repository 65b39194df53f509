"""Statements of calls that must be fast: made into text once, then handed to the driver as they are.

SQLAlchemy looks each statement up by its structure, prepares a context and a result for it: that takes several times as
long as SQLite takes for a row by its key.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import BindParameter, Connection, Dialect, Select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
Change = Callable[[Any], Any]
Statement = Select[*tuple[Any, ...]] | UpdateBase


class Parameter(NamedTuple):
    """One parameter of a statement; `change`: what makes a value what the driver takes."""

    name: str
    fixed: bool
    value: object
    change: Change | None


class Text(NamedTuple):
    """A statement as a driver takes it.

    Attributes:
        positional: whether parameters go by their order, not by their names.
        columns: names of what a SELECT answers; none for others.
        taken: how values of some columns are changed, by their place.
        in_one: whether it answers all rows as one JSON.
    """

    text: str
    positional: bool
    parameters: Sequence[Parameter]
    columns: Sequence[str]
    taken: Mapping[int, Change]
    in_one: bool = False

    def given(self, values: Values) -> tuple[object, ...] | dict[str, object]:
        """Values as the driver takes them; raises KeyError if one is missing."""
        given = [value if fixed else values[name] for name, fixed, value, _ in self.parameters]
        for place, (_, _, _, change) in enumerate(self.parameters):
            if change is not None:
                given[place] = change(given[place])
        return tuple(given) if self.positional else dict(zip((one.name for one in self.parameters), given, strict=True))


class Prepared:
    """A statement whose parameters do not expand.

    Args:
        statement: one for all databases, or one for each dialect.
        columns: what an INSERT or UPDATE sets that does not say so itself; None: all.
        many: whether a SELECT answers so many rows that SQLite had better give them as one: its driver lets other
            threads go first at each, and waits until they are done. Texts and whole numbers only.
    """

    def __init__(
        self,
        statement: Statement | Mapping[str, Statement],
        columns: Sequence[str] | None = None,
        *,
        many: bool = False,
    ) -> None:
        self._statement, self._columns, self._many, self._texts = statement, columns, many, dict[str, Text]()

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """What it answers; raises DBAPIError as `Connection.execute` does."""
        text = self._text(connection.dialect)
        found = cast("list[tuple[Any, ...]]", _sent(connection, text, values).fetchall())
        if text.in_one:
            found = orjson.loads(found[0][0])
        if not text.taken:
            return found
        return [tuple(text.taken[n](one) if n in text.taken else one for n, one in enumerate(row)) for row in found]

    def maps(self, connection: Connection, values: Values) -> list[dict[str, Any]]:
        """The same of a SELECT, with the names of the columns."""
        columns = self._text(connection.dialect).columns
        return [dict(zip(columns, row, strict=True)) for row in self.rows(connection, values)]

    def run(self, connection: Connection, *each: Values) -> None:
        """Execute it once for each of the values; raises DBAPIError as `Connection.execute` does."""
        text = self._text(connection.dialect)
        for values in each:
            _sent(connection, text, values).close()

    def _text(self, dialect: Dialect) -> Text:
        text = self._texts.get(dialect.name)
        if text is None:
            one = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            text = _text_of(one, dialect, self._columns)
            if self._many and dialect.name == "sqlite":
                row = f"json_array({', '.join(text.columns)})"
                text = text._replace(text=f"SELECT json_group_array({row}) FROM ({text.text})", in_one=True)
            self._texts[dialect.name] = text
        return text


def _text_of(statement: Statement, dialect: Dialect, columns: Sequence[str] | None) -> Text:
    compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
    answered: list[Any] = list(statement.selected_columns) if isinstance(statement, Select) else []
    taken = {place: _result(column.type, dialect) for place, column in enumerate(answered)}
    return Text(
        text=str(compiled),
        positional=compiled.positional,
        parameters=[_parameter(name, compiled.binds[name], dialect) for name in compiled.positiontup or compiled.binds],
        columns=[column.key for column in answered],
        taken={place: change for place, change in taken.items() if change is not None},
    )


def _parameter(name: str, bind: BindParameter[Any], dialect: Dialect) -> Parameter:
    return Parameter(name, not bind.required, bind.value, _bind(bind.type, dialect))


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> Change | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result(kind: TypeEngine[Any], dialect: Dialect) -> Change | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _sent(connection: Connection, text: Text, values: Values) -> DBAPICursor:
    """The cursor of a statement that was executed, in the transaction of the connection."""
    if not connection.in_transaction():
        connection.begin()
    parameters = text.given(values)
    # Those of the engine: a connection would gather its own anew, in every transaction.
    cursor, listeners = connection.connection.cursor(), cast("Any", connection.engine.dispatch)
    for tell in listeners.before_cursor_execute:
        tell(connection, cursor, text.text, parameters, None, False)
    try:
        cursor.execute(text.text, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        lost = connection.dialect.is_disconnect(error, connection.connection, cursor)
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            text.text, parameters, error, connection.dialect.loaded_dbapi.Error, connection_invalidated=lost,
            dialect=connection.dialect,
        ) from error  # fmt: skip
    for tell in listeners.after_cursor_execute:
        tell(connection, cursor, text.text, parameters, None, False)
    return cursor
