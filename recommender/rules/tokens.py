"""Cuts the text of a rule into tokens."""

import re
from dataclasses import dataclass
from typing import Literal

from recommender.errors import InvalidRule
from recommender.rules.schema import MAX_LENGTH

TokenKind = Literal["text", "number", "word", "sign", "end"]

_TOKEN = re.compile(
    r"""\s+
    | (?P<text>  "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<number> [0-9]+(?:\.[0-9]+)? )
    | (?P<word>  [A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_0-9]+)* )
    | (?P<sign>  ==|!=|<=|>=|[<>()\[\],-] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")

_REMEDIES = {
    "=": "Write == to compare.",
    "&": "Write `and`.",
    "|": "Write `or`.",
    "!": "Write `not`, or != to compare.",
    "~": "Write `not`.",
    "{": "Lists stand in square brackets: [1, 2].",
    '"': "Close the text with a quotation mark of the kind that opens it.",
    "'": "Close the text with a quotation mark of the kind that opens it.",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a rule; `value` is its spelling, for a text what stands between the quotation marks."""

    kind: TokenKind
    value: str
    position: int


def refusal(message: str, *, position: int, field: str, remedy: str) -> InvalidRule:
    """The error to raise; its message counts characters from 1, as people do."""
    return InvalidRule(f"{message} (character {position + 1})", position=position, field=field, remedy=remedy)


def tokenise(source: str, *, field: str) -> list[Token]:
    """Tokens of a rule, the last one of kind `end`; raises InvalidRule at what is no token."""
    if len(source) > MAX_LENGTH:
        raise refusal(
            f"the rule has {len(source)} characters", position=MAX_LENGTH, field=field,
            remedy=f"Keep it within {MAX_LENGTH} characters.",
        )  # fmt: skip
    if surrogate := _SURROGATE.search(source):
        raise refusal(
            "half of a surrogate pair is not a character", position=surrogate.start(), field=field,
            remedy="Encode the text as valid Unicode.",
        )  # fmt: skip
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            raise _strange_character(source[position], position, field)
        if found.lastgroup is not None:
            tokens.append(_token(found.lastgroup, found.group(), position))
        position = found.end()
    tokens.append(Token("end", "", len(source)))
    return tokens


def _token(kind: str, spelling: str, position: int) -> Token:
    match kind:
        case "text":
            return Token("text", _ESCAPE.sub(r"\1", spelling[1:-1]), position)
        case "number":
            return Token("number", spelling, position)
        case "word":
            return Token("word", spelling, position)
        case _:
            return Token("sign", spelling, position)


def _strange_character(character: str, position: int, field: str) -> InvalidRule:
    said = "a text is not closed" if character in "\"'" else f"{character!r} does not belong here"
    remedy = _REMEDIES.get(character, "Remove it, or put it into quotation marks if it is part of a text.")
    return refusal(said, position=position, field=field, remedy=remedy)
