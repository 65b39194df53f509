"""Takes out of texts what must not be shown again: keys and tokens in the wrong place; in logs, people as well."""

import re

HIDDEN = "[hidden]"
SECRETS = re.compile(
    r"\b(?:pk|rk|sk|whsec)_[A-Za-z0-9+/=_-]{6,}"  # our keys, also cut short
    r"|\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,2}"  # the head of a JWT is a JSON object
    r"|(?<=Bearer )\S+|(?<=Basic )\S+",
    re.IGNORECASE,
)
PEOPLE = re.compile(
    r"[\w.!#$&'*+/=?^`{|}~-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"  # addresses of mail
    r"|(?<=://)[^/\s@]{1,200}(?=@)"  # user and password of a URL
    r"|(?<=DETAIL:)[^\n]*"  # in which PostgreSQL quotes the row
    r"|(?<=input_value=).*?(?=, input_type=)"  # in which pydantic quotes what was sent
)


def redacted(text: str) -> str:
    """The text without what looks like a key or a token."""
    return SECRETS.sub(HIDDEN, text)


def fit_for_logs(text: str) -> str:
    """The text without keys and tokens, addresses of mail, and what databases and validators quote of their input."""
    return PEOPLE.sub(HIDDEN, redacted(text))
