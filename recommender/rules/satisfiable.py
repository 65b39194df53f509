"""Finds rules that can never be true, so that they are refused with the reason instead of showing nothing for ever."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from recommender.rules.compiled import Rule
from recommender.rules.scalar import truth
from recommender.rules.syntax import And, Condition, Known, Leaf, Not, Or, operands, without_not
from recommender.rules.wording import spell
from recommender.rules.worlds import subject, worlds

MAX_BRANCHES = 200  # ways to make a rule true that are looked at before the answer is "it might be"


def find_contradiction(*rules: Rule) -> str | None:
    """Why the rules can never be true together, as a sentence without its full stop; None if they might be.

    It is sure when it names a reason, and may miss contradictions: it looks at each fact, each count and each pair of
    facts by itself, and gives up on a rule with very many `or`. A hostile rule can take it a second, so it is for rules
    that are saved, not for those of a request.
    """
    search = _Search()
    reason = search.reason([without_not(rule.condition) for rule in rules], [])
    return None if search.gave_up else reason


class _Search:
    """Goes through the ways to make a rule true, one part of each `or` at a time."""

    def __init__(self) -> None:
        self._branches = 0

    @property
    def gave_up(self) -> bool:
        return self._branches > MAX_BRANCHES

    def reason(self, conditions: Iterable[Condition], chosen: Sequence[Leaf]) -> str | None:
        """Why no way to make `conditions` true goes with the leaves chosen so far; the reason of the first way."""
        self._branches += 1
        if self.gave_up:
            return None
        found, alternatives = _flatten(conditions)
        leaves = [*chosen, *found]
        reason = _clash(leaves)
        if reason is not None or not alternatives:
            return reason
        first, *others = alternatives
        reasons = (self.reason([part, *others], leaves) for part in first.parts)
        for part_reason in reasons:
            if part_reason is None:
                return None
            reason = reason or part_reason
        return reason


def _flatten(conditions: Iterable[Condition]) -> tuple[list[Leaf], list[Or]]:
    """What must all be true, with each `and` taken apart: the leaves, and the alternatives still to choose from."""
    leaves: list[Leaf] = []
    alternatives: list[Or] = []
    pending = list(conditions)
    while pending:
        match pending.pop(0):
            case And(parts):
                pending = [*parts, *pending]
            case Or() as alternative:
                alternatives.append(alternative)
            case Not():
                raise ValueError("negations are moved into the leaves before contradictions are looked for")
            case leaf:
                leaves.append(leaf)
    return leaves, alternatives


def _clash(leaves: Sequence[Leaf]) -> str | None:
    """Why these leaves cannot all be true, in as few of them as show it; None if they might be."""
    about: dict[object, list[Leaf]] = {}
    for leaf in dict.fromkeys(leaves):
        about.setdefault(subject(leaf), []).append(leaf)
    for same in about.values():
        if _impossible(same):
            return _worded(_fewest(same))
    return _unknown_but_used(leaves)


def _impossible(leaves: Sequence[Leaf]) -> bool:
    """Whether no world makes all these leaves of one subject true."""
    scenes = worlds(leaves)
    return scenes is not None and not any(all(truth(leaf, scene) for leaf in leaves) for scene in scenes)


def _fewest(leaves: Sequence[Leaf]) -> Sequence[Leaf]:
    few = (few for size in (1, 2) for few in combinations(leaves, size) if _impossible(few))
    return next(few, leaves)


def _unknown_but_used(leaves: Sequence[Leaf]) -> str | None:
    unknown = {leaf.fact: leaf for leaf in leaves if isinstance(leaf, Known) and leaf.negated}
    for leaf in leaves:
        for operand in operands(leaf):
            if operand in unknown and leaf != unknown[operand]:
                return _worded([unknown[operand], leaf])
    return None


def _worded(leaves: Sequence[Leaf]) -> str:
    spelt = [spell(leaf) for leaf in leaves]
    if len(spelt) == 1:
        return f"{spelt[0]} is never true"
    return f"{', '.join(spelt[:-1])} and {spelt[-1]} are never true together"
