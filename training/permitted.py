"""Which rows of the log may be learnt from: the one gate, asked once for everything that a row can be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import polars as pl

from features.identity import ANONYMOUS_ID, USER_ID, Identifier
from recommender.consent import PERSONALISATION
from recommender.consent_answers import Answer, pack_answers
from recommender.consent_laws import DEFAULT_MARKET, STRICT, Circumstances, Law, Markets, Verdict, judge

ALLOWING = [verdict.value for verdict in Verdict if verdict.allows]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What decides whether a row may be learnt from.

    Attributes:
        answers: on personalisation; who is not in it said nothing.
        markets: whose law counts.
        is_blocked: whether somebody was erased, or has the use of their data restricted.
    """

    answers: Mapping[Identifier, Answer]
    markets: Markets
    is_blocked: Callable[[Identifier], bool]

    def judge(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """Say of each row whether it may be learnt from: by what its shopper said, its purposes, its market's law.

        The shopper's answer is that of the user id; what the row's anonymous id refused counts as well, and what it
        granted does not. A row whose purposes lack personalisation has refused; one that was imported without purposes
        says nothing. A yes that came with an event was for its moment, so it is no answer here. Nobody's age is known.

        In:  EVENT_COLUMNS, and said_as str, as `of_persons` adds it.
        Out: the same rows, plus verdict str: a `Verdict`.
        """
        users = {value: answer for (kind, value), answer in self.answers.items() if kind == USER_ID}
        refusing = [
            value for (kind, value), answer in self.answers.items() if kind == ANONYMOUS_ID and answer is Answer.REFUSED
        ]
        devices = dict.fromkeys(refusing, Answer.REFUSED)
        laws = {market: found.law.law_id for market, found in self.markets.markets.items()}
        found = (
            events.join(_answers(users, "said_as", "_answer"), on="said_as", how="left")
            .join(_answers(devices, "anonymous_id", "_device"), on="anonymous_id", how="left")
            .with_columns(
                _answer=pl.max_horizontal("_answer", "_device").fill_null(Answer.NONE.value),
                _law=pl.col("market").fill_null(DEFAULT_MARKET).replace_strict(laws, default=STRICT),
                _declined=~pl.col("consent").list.contains(PERSONALISATION).fill_null(value=True),
            )
            .join(_verdicts(self.markets.laws), on=["_law", "_answer", "_declined"], how="left")
        )
        blocked = self._blocked("user_id", USER_ID) | self._blocked("said_as", USER_ID)
        blocked |= self._blocked("anonymous_id", ANONYMOUS_ID)
        verdict = pl.when(blocked).then(pl.lit(Verdict.SUPPRESSED.value)).otherwise("verdict")
        return found.with_columns(verdict=verdict).drop("_answer", "_device", "_law", "_declined")

    def _blocked(self, column: str, kind: str) -> pl.Expr:
        def ask(values: pl.Series) -> pl.Series:
            named = values.unique().drop_nulls().to_list()
            return values.is_in([value for value in named if self.is_blocked((kind, value))]).fill_null(value=False)

        return pl.col(column).map_batches(ask, return_dtype=pl.Boolean(), is_elementwise=True)


def _answers(said: Mapping[str, Answer], name: str, column: str) -> pl.LazyFrame:
    numbers = [answer.value for answer in said.values()]
    return pl.LazyFrame({name: list(said), column: numbers}, schema={name: pl.String(), column: pl.UInt8()})


def _verdicts(laws: Mapping[str, Law]) -> pl.LazyFrame:
    rows = [
        (law_id, answer.value, declined, _verdict(law, answer, declined=declined).value)
        for (law_id, law), answer, declined in product(laws.items(), Answer, (False, True))
    ]
    schema = {"_law": pl.String(), "_answer": pl.UInt8(), "_declined": pl.Boolean(), "verdict": pl.String()}
    return pl.LazyFrame(rows, schema=schema, orient="row")


def _verdict(law: Law, answer: Answer, *, declined: bool) -> Verdict:
    said = {PERSONALISATION: False} if declined else {}
    return judge(PERSONALISATION, pack_answers({PERSONALISATION: answer}), Circumstances(law=law, said=said))
