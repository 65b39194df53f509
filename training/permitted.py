"""Which rows of the log may be learnt from: the one gate, asked once for everything that a row can be."""

from collections.abc import Callable, Mapping, Sequence
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
        users = [(value, answer.value) for (kind, value), answer in self.answers.items() if kind == USER_ID]
        refused = Answer.REFUSED.value
        devices = [
            (value, refused)
            for (kind, value), answer in self.answers.items()
            if kind == ANONYMOUS_ID and answer is Answer.REFUSED
        ]
        laws = [(market, found.law.law_id) for market, found in self.markets.markets.items()]
        found = (
            events.join(table(users, said_as=pl.String(), _answer=pl.UInt8()), on="said_as", how="left")
            .join(table(devices, anonymous_id=pl.String(), _device=pl.UInt8()), on="anonymous_id", how="left")
            .with_columns(_market=pl.col("market").fill_null(DEFAULT_MARKET))
            .join(table(laws, _market=pl.String(), _law=pl.String()), on="_market", how="left")
            .with_columns(
                _answer=pl.max_horizontal("_answer", "_device").fill_null(Answer.NONE.value),
                _law=pl.col("_law").fill_null(STRICT),
                _declined=~pl.col("consent").list.contains(PERSONALISATION).fill_null(value=True),
            )
            .join(_verdicts(self.markets.laws), on=["_law", "_answer", "_declined"], how="left")
        )
        blocked = self._blocked(events, "user_id", USER_ID) | self._blocked(events, "said_as", USER_ID)
        blocked |= self._blocked(events, "anonymous_id", ANONYMOUS_ID)
        verdict = pl.when(blocked).then(pl.lit(Verdict.SUPPRESSED.value)).otherwise("verdict")
        return found.with_columns(verdict=verdict).drop("_answer", "_device", "_market", "_law", "_declined")

    def _blocked(self, events: pl.LazyFrame, column: str, kind: str) -> pl.Expr:
        """Whether a row names somebody who is blocked; each is asked about once, however many rows there are."""
        named = events.select(pl.col(column).drop_nulls().unique()).collect(engine="streaming").to_series()
        return pl.col(column).is_in([value for value in named if self.is_blocked((kind, value))]).fill_null(value=False)


def table(rows: Sequence[tuple[object, ...]], **columns: pl.DataType) -> pl.LazyFrame:
    """For a join: `replace_strict` would hold the whole log, for it does not stream."""
    return pl.LazyFrame(rows, schema=columns, orient="row")


def _verdicts(laws: Mapping[str, Law]) -> pl.LazyFrame:
    rows = [
        (law_id, answer.value, declined, _verdict(law, answer, declined=declined).value)
        for (law_id, law), answer, declined in product(laws.items(), Answer, (False, True))
    ]
    return table(rows, _law=pl.String(), _answer=pl.UInt8(), _declined=pl.Boolean(), verdict=pl.String())


def _verdict(law: Law, answer: Answer, *, declined: bool) -> Verdict:
    said = {PERSONALISATION: False} if declined else {}
    return judge(PERSONALISATION, pack_answers({PERSONALISATION: answer}), Circumstances(law=law, said=said))
