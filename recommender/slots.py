"""Putting what was chosen into the slots: pins, boosts, and what fills up a list that would be short."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recommender.arrays import EMPTY_ROWS, Rows, Scores
from recommender.hard_rules import allowed
from recommender.situation import Situation

FIRST_CHUNK = 256  # rows of a ranking that are looked at first; each further chunk is four times as long


def pinned_rows(situation: Situation) -> dict[int, int]:
    """Row of each slot (from 1, up to the limit) that a pin takes; a pin that a hard rule forbids takes none.

    Of two pins of one group, the one of the earlier slot stands.
    """
    if not situation.placement.pins:
        return {}
    row_of = situation.catalogue.row_of
    pins = sorted((pin.slot, row_of(pin.item_id)) for pin in situation.placement.pins)
    pins = [(slot, row) for slot, row in pins if row >= 0 and slot <= situation.query.limit]
    if not pins:
        return {}
    rows = np.array([row for _, row in pins], dtype=np.int32)
    groups = situation.catalogue.text["group"].codes
    standing: dict[int, int] = {}
    for (slot, row), is_allowed in zip(pins, allowed(situation, rows).tolist(), strict=True):
        if is_allowed and all(groups[row] != groups[other] for other in standing.values()):
            standing[slot] = row
    return standing


def boost(situation: Situation, rows: Rows, scores: Scores) -> Scores:
    """Multiply the score of each candidate by the factor of every boost that is true for it.

    Args:
        scores: (n,) above 0, so that a factor above 1 always lifts.
    """
    for lift in situation.placement.boosts:
        applies = lift.when.mask(situation.catalogue, situation.facts, rows)
        scores = np.where(applies, scores * np.float32(lift.factor), scores)
    return scores


@dataclass(frozen=True, slots=True)
class Fillers:
    """Rows that fill up a short list: from the ranking by popularity, then from all that is allowed."""

    popular: Rows
    others: Rows


NO_FILLERS = Fillers(EMPTY_ROWS, EMPTY_ROWS)


def fillers(situation: Situation, chosen: Rows, pinned: Rows, limit: int) -> Fillers:
    """Find what is missing to `limit`: allowed items of groups that are not listed yet, what is popular first."""
    missing = limit - len(chosen) - len(pinned)
    if missing <= 0:
        return NO_FILLERS
    listed = np.concatenate([chosen, pinned])
    ranking, catalogue = situation.model.popularity.ranking, situation.catalogue
    every = np.arange(catalogue.n, dtype=np.int32) if situation.fitting_rows is None else situation.fitting_rows
    popular = _first_allowed(situation, _popular(situation, ranking), listed, missing)
    if len(popular) == missing:
        return Fillers(popular, EMPTY_ROWS)
    listed = np.concatenate([listed, popular])
    return Fillers(popular, _first_allowed(situation, every, listed, missing - len(popular)))


def fill_slots(chosen: Rows, fill_up: Fillers, pins: Mapping[int, int], limit: int) -> Rows:
    """The rows of all slots: pins in theirs, what was chosen and what fills up in order in the others.

    A pin whose slot lies beyond the end of a short list comes last.
    """
    rows = chosen if fill_up is NO_FILLERS else np.concatenate([chosen, fill_up.popular, fill_up.others])
    if not pins:
        return rows
    rest = iter(rows.tolist())
    slots = [pins[slot] if slot in pins else next(rest, None) for slot in range(1, limit + 1)]
    return np.array([row for row in slots if row is not None], dtype=np.int32)


def _popular(situation: Situation, ranking: Rows) -> Rows:
    return ranking if situation.fitting is None else ranking[situation.fitting[ranking]]


def _first_allowed(situation: Situation, ranking: Rows, listed: Rows, missing: int) -> Rows:
    """The first `missing` allowed rows of a ranking, no two of one group, none of a group that is listed."""
    groups = situation.catalogue.text["group"].codes
    used = set(groups[listed].tolist())
    found: list[int] = []
    for chunk in _chunks(ranking):
        for row in chunk[allowed(situation, chunk)].tolist():
            group = int(groups[row])
            if group not in used:
                used.add(group)
                found.append(row)
                if len(found) == missing:
                    return np.array(found, dtype=np.int32)
    return np.array(found, dtype=np.int32)


def _chunks(ranking: Rows) -> Iterator[Rows]:
    start, size = 0, FIRST_CHUNK
    while start < len(ranking):
        yield ranking[start : start + size]
        start, size = start + size, 4 * size
