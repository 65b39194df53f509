"""Who is one person: a part of the graph of identifiers in memory, and what an event may add to it.

Pure: `features/sql/identity_store.py` reads the part that some events touch, and writes what was added.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from features.identity import ANONYMOUS_ID, USER_ID, Identifier, Presented
from features.identity_rules import IdentityRules
from recommender.ids import UserId

Strength = Literal["same", "seen"]
Pair = tuple[int, int]  # numbers of two identifiers, the smaller first


@dataclass(frozen=True, slots=True)
class Node:
    """One identifier; `profile` is the smallest number of its person's identifiers."""

    number: int
    identifier: Identifier
    profile: int
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Who is behind an event.

    Attributes:
        profile: its number; None: none is kept.
        users: the user ids, the canonical one first.
        owns_anonymous_id: whether the anonymous id of the event is theirs, too.
    """

    profile: int | None
    users: tuple[UserId, ...] = ()
    owns_anonymous_id: bool = False


NOBODY = Person(None)


@dataclass(kw_only=True)
class People:
    """A part of the graph: whole profiles, and all edges of the identifiers that will be asked about.

    Attributes:
        edges: by pair; None where it was removed.
        merges_of: edges of each profile that do not end in an anonymous id.
        added: edges added here.
    """

    rules: IdentityRules
    now: datetime
    nodes: dict[Identifier, Node]
    edges: dict[Pair, Strength | None]
    merges_of: dict[int, int]
    added: dict[Pair, Strength] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._members = dict[int, set[Identifier]]()
        self._of_number = {node.number: identifier for identifier, node in self.nodes.items()}
        self._near = dict[int, set[int]]()  # numbers that an edge, removed or not, links with a number
        for identifier, node in self.nodes.items():
            self._members.setdefault(node.profile, set()).add(identifier)
        for a, b in self.edges:
            self._note(a, b)

    def members(self, profile: int) -> list[Node]:
        """The identifiers of a profile, the oldest first."""
        return sorted((self.nodes[one] for one in self._members[profile]), key=lambda node: node.number)

    def link(self, presented: Presented) -> list[Pair]:
        """Take an event's word that its identifiers are one person, as far as the rules allow; returns what is new."""
        links = links_of(presented, self.rules)
        return [pair for first, other in links if (pair := self._link(first, other)) is not None]

    def merge(self, named: Sequence[Identifier]) -> list[Pair]:
        """Take the shop's word for it, whatever the limits of a kind, and though it was taken back before.

        Raises:
            ValueError: the profile would be too large; or an anonymous id would make two known people one.
        """
        new = list[Pair]()
        for other in named[1:]:
            pair = self._pair(named[0], other)
            if self.edges.get(pair) == "same":
                continue
            if not self._is_one(named[0], other) and self._is_taken(other):
                raise ValueError(f"the anonymous id {other[1]!r} belongs to another person")
            if not self._fits(named[0], other, limits=False):
                raise ValueError("the profile would be too large")
            new.append(self._add(pair, "same"))
        return new

    def who(self, presented: Presented) -> Person:
        """Who is behind an event."""
        named = self.rules.in_order(presented.identifiers())
        if not named:
            return NOBODY
        first = named[0]
        node = self.nodes.get(first)
        if node is None:
            return Person(None, (UserId(first[1]),)) if first[0] == USER_ID else NOBODY
        if first[0] == ANONYMOUS_ID and self._is_shared(node):
            return NOBODY
        users = (one.identifier[1] for one in self.members(node.profile) if one.identifier[0] == USER_ID)
        last = self.nodes.get(named[-1])
        owns = named[-1][0] == ANONYMOUS_ID and last is not None and last.profile == node.profile
        return Person(node.profile, tuple(map(UserId, users)), owns_anonymous_id=owns)

    def _link(self, first: Identifier, other: Identifier) -> Pair | None:
        pair = self._pair(first, other)
        if pair in self.edges:
            return None  # known already, or taken back: an event does not bring it again
        if not self._is_one(first, other) and self._is_taken(other):
            return self._add(pair, "seen")  # another person on the same device
        return self._add(pair, "same") if self._fits(first, other, limits=True) else None

    def _add(self, pair: Pair, strength: Strength) -> Pair:
        a, b = (self.nodes[self._of_number[number]] for number in pair)
        self.edges[pair] = self.added[pair] = strength
        self._note(*pair)
        if strength == "same":
            if a.profile != b.profile:
                self._join(a.profile, b.profile)
            if ANONYMOUS_ID not in {a.identifier[0], b.identifier[0]}:
                profile = min(a.profile, b.profile)
                self.merges_of[profile] = self.merges_of.get(profile, 0) + 1
        return pair

    def _note(self, a: int, b: int) -> None:
        self._near.setdefault(a, set()).add(b)
        self._near.setdefault(b, set()).add(a)

    def _join(self, one: int, other: int) -> None:
        kept, gone = min(one, other), max(one, other)
        for identifier in self._members.pop(gone):
            node = self.nodes[identifier]
            self.nodes[identifier] = Node(node.number, identifier, kept, node.linked_at)
            self._members[kept].add(identifier)
        self.merges_of[kept] = self.merges_of.get(kept, 0) + self.merges_of.pop(gone, 0)

    def _fits(self, first: Identifier, other: Identifier, *, limits: bool) -> bool:
        profiles = {self.nodes[first].profile, self.nodes[other].profile}
        merges = sum(self.merges_of.get(profile, 0) for profile in profiles) + (other[0] != ANONYMOUS_ID)
        n_together = sum(len(self._members[profile]) for profile in profiles)
        if n_together > self.rules.most_identifiers or merges > self.rules.most_merges:
            return False
        return not limits or len(profiles) == 1 or all(self._within(kind, *profiles) for kind in self.rules.limits)

    def _within(self, kind: str, one: int, two: int) -> bool:
        """Whether two profiles together keep the limit of a kind, or one of them has none of it to add."""
        limit = self.rules.limits[kind]
        since = None if limit.window is None else self.now - limit.window
        counts = [
            sum(
                node.identifier[0] == kind and (since is None or node.linked_at > since)
                for node in self.members(profile)
            )
            for profile in (one, two)
        ]
        return sum(counts) <= limit.most or not all(counts)

    def _is_one(self, first: Identifier, other: Identifier) -> bool:
        return self.nodes[first].profile == self.nodes[other].profile

    def _is_taken(self, identifier: Identifier) -> bool:
        """Whether it is an anonymous id that was given to somebody before, be it taken back since."""
        return identifier[0] == ANONYMOUS_ID and bool(self._near.get(self.nodes[identifier].number))

    def _is_shared(self, node: Node) -> bool:
        """Whether different people were seen with this anonymous id."""
        return any(
            self.edges[min(node.number, other), max(node.number, other)] == "seen"
            and self.nodes[self._of_number[other]].profile != node.profile
            for other in self._near.get(node.number, ())
        )

    def _pair(self, first: Identifier, other: Identifier) -> Pair:
        one, two = self.nodes[first].number, self.nodes[other].number
        return min(one, two), max(one, two)


def links_of(presented: Presented, rules: IdentityRules) -> list[tuple[Identifier, Identifier]]:
    """Which identifiers an event says to be one person's: each with the one that counts most.

    An anonymous id is somebody's after a login only: with a card it may be that of a till.
    """
    named = rules.in_order(presented.identifiers())
    return [(named[0], other) for other in named[1:] if other[0] != ANONYMOUS_ID or presented.user_id is not None]


def partition(numbers: Iterable[int], pairs: Iterable[Pair]) -> Mapping[int, int]:
    """The smallest number of everything that is linked with it, of each number."""
    parent = {number: number for number in numbers}

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for a, b in pairs:
        one, two = root(a), root(b)
        parent[max(one, two)] = min(one, two)
    return {number: root(number) for number in parent}
