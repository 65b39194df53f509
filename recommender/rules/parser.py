"""Parses a rule and checks its types on the way; the grammar is in docs/rules.md."""

from math import isfinite
from typing import Literal as Choice

from recommender.errors import InvalidRule
from recommender.rules.checks import (
    Side,
    check_boolean,
    check_comparison,
    check_membership,
    check_search,
    find_fact,
    nearest,
)
from recommender.rules.schema import (
    DAYS_IN,
    EVENTS,
    MAX_AGGREGATES,
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_LIST,
    MAX_SEARCHES,
    MAX_WINDOW_DAYS,
    FactType,
)
from recommender.rules.syntax import (
    OPPOSITE,
    Aggregate,
    Among,
    AmongFact,
    And,
    Condition,
    Fact,
    Known,
    Literal,
    Not,
    Operand,
    Or,
    Search,
    type_of,
)
from recommender.rules.tokens import Token, refusal, tokenise

KEYWORDS = ("and", "or", "not", "in", "is", "contains", "starts", "where", "within", "with", "of", "known", "unknown")


def parse(source: str, *, field: str) -> Condition:
    """The tree of a rule; raises InvalidRule with the position of what does not fit."""
    return _Parser(tokenise(source, field=field), field).rule()


class _Parser:
    """Recursive descent over the tokens; depth and counts are bounded, so that no text costs much."""

    def __init__(self, tokens: list[Token], field: str) -> None:
        self._tokens = tokens
        self._field = field
        self._at = 0
        self._depth = 0
        self._conditions = 0
        self._searches = 0
        self._aggregates = 0
        self._inside_where = False

    def rule(self) -> Condition:
        if self._token.kind == "end":
            raise self._refusal("the rule is empty", "Write a condition, for example item.price < 500.")
        condition = self._alternatives()
        if self._at < len(self._tokens) - 1:
            raise self._leftover()
        return condition

    def _alternatives(self) -> Condition:
        parts = [self._conjunction()]
        while self._accept("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._accept("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refusal("the rule is nested too deeply", f"Keep it within {MAX_DEPTH} levels.")
        try:
            if self._accept("not"):
                return Not(self._negation())
            if self._accept("("):
                inner = self._alternatives()
                self._expect(")", "Close the parenthesis.")
                return inner
            return self._condition()
        finally:
            self._depth -= 1

    def _condition(self) -> Condition:
        self._conditions = self._count(self._conditions, MAX_CONDITIONS, "conditions")
        left = self._side()
        sign = self._token
        if sign.value in OPPOSITE and sign.kind == "sign":
            self._at += 1
            return check_comparison(left, sign, self._side(), self._field)
        if self._accept("is"):
            return self._known(left)
        word = self._token
        negated = self._accept("not")
        if self._accept("in"):
            return self._membership(left, negated=negated)
        if self._accept("contains"):
            return self._search(left, "contains", negated=negated)
        if self._accept("starts"):
            self._expect("with", "Write `starts with`.")
            return self._search(left, "starts with", negated=negated)
        if negated:
            raise self._refusal(
                "`not` stands between a value and its test", "Write `not in`, or put `not` in front.", word
            )
        return check_boolean(left, self._token, self._field)

    def _known(self, left: Side) -> Known:
        negated = self._accept("not")
        word = self._token
        if not (self._accept("known") or self._accept("unknown")):
            raise self._refusal(
                "`is` asks whether a fact is known", "Write `is known` or `is unknown`; to compare, write ==."
            )
        if not isinstance(left.operand, Fact):
            raise self._refusal("only a fact can be known or unknown", "Put a fact in front of `is`.", left.token)
        return Known(left.operand, negated=negated != (word.value == "unknown"))

    def _search(self, left: Side, how: Choice["contains", "starts with"], *, negated: bool) -> Search:
        self._searches = self._count(self._searches, MAX_SEARCHES, "`contains` or `starts with`")
        return check_search(left, how, self._side(), negated=negated, field=self._field)

    def _membership(self, left: Side, *, negated: bool) -> Among | AmongFact:
        listed = self._token
        if not self._accept("["):
            return check_membership(left, self._side(), negated=negated, field=self._field)
        expected = type_of(left.operand)
        if isinstance(left.operand, Aggregate) or expected not in (FactType.TEXT, FactType.NUMBER):
            raise self._refusal("a list is for text and number facts", "Compare with == or < instead.", left.token)
        values: list[str | float | bool] = []
        while not values or self._accept(","):
            values.append(self._listed_value(expected))
            if len(values) > MAX_LIST:
                raise self._refusal("the list is too long", f"Keep it within {MAX_LIST} values.", listed)
        self._expect("]", "Separate values with commas and close the list with ].")
        texts = tuple(value for value in values if isinstance(value, str))
        numbers = tuple(value for value in values if isinstance(value, float))
        return Among(left.operand, texts or numbers, negated=negated)

    def _listed_value(self, expected: FactType) -> str | float | bool:
        if self._token.value == "]" and self._token.kind == "sign":
            raise self._refusal("a list needs a value", "Put at least one value into it, without a comma at the end.")
        side = self._side()
        if not isinstance(side.operand, Literal):
            raise self._refusal("a list holds written values only", "Compare with a fact by == and `or`.", side.token)
        if type_of(side.operand) != expected:
            raise self._refusal(f"the list must hold {expected}", f"Replace the value by {expected}.", side.token)
        return side.operand.value

    def _side(self) -> Side:
        """One value: a literal, a fact or an aggregate."""
        token = self._token
        self._at += 1
        match token:
            case Token("text", value):
                return Side(Literal(value), token)
            case Token("number"):
                return Side(Literal(self._number(token)), token)
            case Token("sign", "-") if self._token.kind == "number":
                self._at += 1
                return Side(Literal(-self._number(self._tokens[self._at - 1])), token)
            case Token("word", "true" | "false"):
                return Side(Literal(token.value == "true"), token)
            case Token("word", "count" | "sum") if self._token.value == "(":
                return Side(self._aggregate(token), token)
            case Token("word", word) if word not in KEYWORDS:
                return Side(find_fact(token, self._field), token)
            case _:
                self._at -= 1
                raise self._no_value()

    def _number(self, token: Token) -> float:
        number = float(token.value)
        if not isfinite(number) or number > 1e15:
            raise self._refusal("the number is too large", "Keep numbers below 1000000000000000.", token)
        return number

    def _aggregate(self, name: Token) -> Operand:
        self._aggregates = self._count(self._aggregates, MAX_AGGREGATES, "counts and sums")
        if self._inside_where:
            raise self._refusal("a count or sum cannot stand inside another one", "Join the two with `and`.", name)
        self._expect("(", "Write count(orders within 28 days).")
        if name.value == "sum":
            self._expect("quantity", "Write sum(quantity of orders within 28 days).")
            self._expect("of", "Write sum(quantity of orders within 28 days).")
        events = self._token
        self._at += 1
        if events.value not in EVENTS or events.kind != "word":
            guess = nearest(events.value, EVENTS)
            remedy = f"Did you mean {guess}?" if guess else f"Write one of {', '.join(EVENTS)}."
            raise self._refusal(f"there are no events {events.value[:60]!r}", remedy, events)
        where = self._where()
        days = self._window()
        self._expect(")", "Close the parenthesis after the window.")
        return Aggregate("sum" if name.value == "sum" else "count", EVENTS[events.value], where, days)

    def _where(self) -> Condition | None:
        if not self._accept("where"):
            return None
        self._inside_where = True
        condition = self._alternatives()
        self._inside_where = False
        return condition

    def _window(self) -> float:
        self._expect("within", "Say how far back: within 28 days.")
        amount, unit = self._token, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if amount.kind != "number" or unit.value not in DAYS_IN or unit.kind != "word":
            raise self._refusal("the window is no time span", "Write a number of hours, days or weeks: within 28 days.")
        self._at += 2
        days = self._number(amount) * DAYS_IN[unit.value]
        if not 0 < days <= MAX_WINDOW_DAYS:
            raise self._refusal(
                "the window is out of range", f"Choose more than 0 and at most {MAX_WINDOW_DAYS} days.", amount
            )
        return days

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _accept(self, value: str) -> bool:
        """Step over the word or sign `value` if it is next."""
        token = self._token
        if token.value != value or token.kind not in ("word", "sign"):
            return False
        self._at += 1
        return True

    def _expect(self, value: str, remedy: str) -> None:
        if not self._accept(value):
            raise self._refusal(f"{value!r} is missing before {_spelling(self._token)}", remedy)

    def _count(self, so_far: int, most: int, what: str) -> int:
        if so_far >= most:
            raise self._refusal(f"the rule has more than {most} {what}", "Make several rules of it, or use `in [...]`.")
        return so_far + 1

    def _refusal(self, message: str, remedy: str, token: Token | None = None) -> InvalidRule:
        return refusal(message, position=(token or self._token).position, field=self._field, remedy=remedy)

    def _no_value(self) -> InvalidRule:
        remedy = "Write a fact, a text in quotation marks, or a number."
        if self._token.value == "(":
            remedy = "Parentheses group conditions, not values: take them away."
        return self._refusal(f"a value is missing before {_spelling(self._token)}", remedy)

    def _leftover(self) -> InvalidRule:
        token = self._token
        remedy = "Join conditions with `and` or `or`."
        if token.kind == "word" and token.value.lower() in KEYWORDS:
            remedy = f"Write {token.value.lower()} in small letters."
        elif token.value in OPPOSITE:
            remedy = "Compare two values at a time and join with `and`; parentheses group conditions, not values."
        return self._refusal(f"{_spelling(token)} does not continue the rule", remedy)


def _spelling(token: Token) -> str:
    return "the end" if token.kind == "end" else repr(token.value[:60])
