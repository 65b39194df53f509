"""The gate, as a table: every law, purpose, answer and circumstance."""

import pytest

from features.markets import read_markets
from features.settings import Settings
from recommender.consent import PURPOSES
from recommender.consent_answers import SILENCE, Answer, answer_in, pack_answers, strictest
from recommender.consent_laws import Circumstances, Law, Verdict, judge
from recommender.errors import InvalidInput

MARKETS = read_markets(Settings(_env_file=None))
LAWS = list(MARKETS.laws.values())
ALL = set(PURPOSES)
BROWSING = {"personalisation", "analytics", "in_store_location"}
AMERICAN = {"personalisation", "analytics", "marketing_email"}
# Of each law: what it allows without an answer to an adult, what the signal stops, and the age from which one agrees
# alone.
TABLE = {
    "eu": (set[str](), BROWSING, 16), "uk": (set[str](), BROWSING, 13), "california": (AMERICAN, BROWSING, 16),
    "us_opt_out": (AMERICAN, BROWSING, 13), "brazil": ({"analytics"}, BROWSING, 18), "strict": (set[str](), ALL, 18),
}  # fmt: skip


def allowed(
    law: Law, answer: Answer, *, said: bool | None = None, signal: bool = False, age: int | None = 40
) -> set[str]:
    recorded = pack_answers(dict.fromkeys(PURPOSES, answer))
    words = {} if said is None else dict.fromkeys(PURPOSES, said)
    here = Circumstances(law=law, said=words, signal=signal, age=age)
    return {purpose for purpose in PURPOSES if judge(purpose, recorded, here).allows}


def test_the_laws_are_those_of_the_table() -> None:
    assert set(MARKETS.laws) == set(TABLE)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law_id)
def test_what_each_law_allows(law: Law) -> None:
    without_answer, stopped, alone_from = TABLE[law.law_id]
    assert allowed(law, Answer.NONE) == without_answer
    assert allowed(law, Answer.NONE, said=True) == ALL
    assert allowed(law, Answer.NONE, said=False) == set()
    assert allowed(law, Answer.GRANTED) == ALL
    assert allowed(law, Answer.GRANTED, said=False) == set()
    assert (
        allowed(law, Answer.REFUSED) == allowed(law, Answer.REFUSED, said=True) == set()
    )  # denied, withdrawn, expired
    for answer in (Answer.NONE, Answer.GRANTED, Answer.BY_GUARDIAN):
        assert allowed(law, answer, signal=True) == allowed(law, answer) - stopped
        assert allowed(law, answer, said=True, signal=True) == ALL - stopped
    for age in (0, alone_from - 1):
        assert allowed(law, Answer.NONE, said=True, age=age) == allowed(law, Answer.GRANTED, age=age) == set()
        assert allowed(law, Answer.BY_GUARDIAN, age=age) == ALL
    assert allowed(law, Answer.GRANTED, age=alone_from) == ALL
    assert allowed(law, Answer.GRANTED, age=None) == (set() if law.law_id == "strict" else ALL)


def test_the_reason_is_said() -> None:
    def why(answer: Answer, **call: object) -> Verdict:
        here = Circumstances(**({"law": MARKETS.laws["california"], "said": {}} | call))
        return judge("analytics", pack_answers({"analytics": answer}), here)

    assert why(Answer.REFUSED, said={"analytics": True}) is Verdict.REFUSED
    assert why(Answer.GRANTED, said={"analytics": False}) is Verdict.DECLINED
    assert why(Answer.GRANTED, signal=True) is Verdict.SIGNAL
    assert why(Answer.GRANTED, age=12) is Verdict.CHILD
    assert why(Answer.GRANTED) is Verdict.GRANTED
    assert why(Answer.NONE) is Verdict.LAWFUL
    assert why(Answer.NONE, law=MARKETS.laws["eu"]) is Verdict.UNASKED


def test_of_two_answers_the_stricter_holds_for_each_purpose() -> None:
    one = pack_answers({"personalisation": Answer.GRANTED, "marketing_sms": Answer.REFUSED})
    other = pack_answers({"personalisation": Answer.REFUSED, "analytics": Answer.GRANTED})
    both = strictest(one, other)
    assert both == strictest(other, one)
    assert [answer_in(both, purpose) for purpose in ("personalisation", "analytics", "marketing_sms")] == [
        Answer.REFUSED, Answer.GRANTED, Answer.REFUSED,
    ]  # fmt: skip
    assert strictest(one, SILENCE) == one


def test_an_unknown_market_is_refused_to_a_caller_and_strict_for_data() -> None:
    assert MARKETS.law_of(None).law_id == MARKETS.law_in(None).law_id == "eu"
    assert MARKETS.law_of("atlantis").law_id == "strict"
    with pytest.raises(InvalidInput, match="atlantis"):
        MARKETS.law_in("atlantis")


@pytest.mark.parametrize(
    ("file", "text", "field"),
    [
        ("markets.toml", "[default]\nlaw = 'moon'\ncurrency = 'EUR'\nlocale = 'en'", "markets.toml.default.law"),
        ("markets.toml", "[de]\nlaw = 'eu'\ncurrency = 'EUR'\nlocale = 'de'", "markets.toml.default"),
        ("markets.toml", "[default]\nlaw = 'eu'\ncurrency = 'euro'\nlocale = 'en'", "markets.toml.default.currency"),
        ("laws.toml", "[eu]\nalone_from = 'sixteen'", "laws.toml.eu.title"),
        ("laws.toml", "", "laws.toml.strict"),
        ("laws.toml", "[", "laws.toml"),
    ],
)
def test_a_file_that_does_not_fit_names_what_is_wrong(tmp_path, file: str, text: str, field: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(InvalidInput) as wrong:
        read_markets(Settings(config_dir=tmp_path, _env_file=None))
    assert wrong.value.field == field
