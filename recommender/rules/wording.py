"""Spells a parsed rule out again, for messages to people."""

from recommender.rules.schema import EVENTS
from recommender.rules.syntax import (
    Aggregate,
    Among,
    AmongFact,
    And,
    Compare,
    Condition,
    Fact,
    Known,
    Literal,
    Not,
    Operand,
    Or,
    Search,
    Truth,
)

_EVENT_NAMES = {kind: name for name, kind in EVENTS.items()}


def spell(condition: Condition) -> str:
    """The condition as one could write it; parsing it again gives a rule that means the same."""
    match condition:
        case And(parts):
            return " and ".join(_spell_part(part) for part in parts)
        case Or(parts):
            return " or ".join(_spell_part(part) for part in parts)
        case Not(part):
            return f"not {_spell_part(part)}"
        case Compare(left, order, right):
            return f"{spell_operand(left)} {order} {spell_operand(right)}"
        case Among(operand, values, negated):
            listed = ", ".join(spell_operand(Literal(value)) for value in values)
            return f"{spell_operand(operand)} {_not(negated)}in [{listed}]"
        case AmongFact(operand, texts, negated):
            return f"{spell_operand(operand)} {_not(negated)}in {texts.path}"
        case Search(fact, how, text, negated):
            return f"{fact.path} {_not(negated)}{how} {_quote(text)}"
        case Known(fact, negated):
            return f"{fact.path} is {'unknown' if negated else 'known'}"
        case Truth(operand, negated):
            return f"{_not(negated)}{spell_operand(operand)}"


def spell_operand(operand: Operand) -> str:
    """A value as one writes it."""
    match operand:
        case Fact(path):
            return path
        case Literal(bool() as value):
            return str(value).lower()
        case Literal(str() as value):
            return _quote(value)
        case Literal(value):
            return str(int(value)) if value == int(value) else f"{value:f}".rstrip("0")
        case Aggregate(measure, kind, where, window_days):
            of = "" if measure == "count" else "quantity of "
            condition = "" if where is None else f" where {spell(where)}"
            return f"{measure}({of}{_EVENT_NAMES[kind]}{condition} within {_spell_window(window_days)})"


def _spell_part(part: Condition) -> str:
    return f"({spell(part)})" if isinstance(part, And | Or) else spell(part)


def _spell_window(days: float) -> str:
    return f"{days:g} days" if days >= 1 else f"{days * 24:g} hours"


def _not(negated: bool) -> str:
    return "not " if negated else ""


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
