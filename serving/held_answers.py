"""What everybody answered, small enough to hold for all: eighteen bytes an identifier, however long its name."""

from array import array
from bisect import bisect_left
from hashlib import blake2b
from os import urandom
from struct import Struct

from features.identity import Identifier
from recommender.consent_answers import SILENCE, Answers

N_SHARDS = 1_024  # so that with ten million names a new one moves no more than 80 KB aside
_TWO_WORDS = Struct("<QQ")


class _Shard:
    """Parallel columns, ascending by `firsts`."""

    __slots__ = ("answers", "firsts", "seconds")

    def __init__(self) -> None:
        self.firsts, self.seconds, self.answers = array("Q"), array("Q"), array("H")

    def find(self, first: int, second: int) -> tuple[int, bool]:
        """The place of a name, or where it would go, and whether it is there."""
        place = bisect_left(self.firsts, first)
        while place < len(self.firsts) and self.firsts[place] == first:
            if self.seconds[place] == second:
                return place, True
            place += 1
        return place, False


class HeldAnswers:
    """The answers on record of each identifier; of who never said anything nothing is held.

    A name is held as a keyed hash of 128 bits, which no two share in practice, and whose key nobody can know.
    """

    def __init__(self) -> None:
        self._key = urandom(16)
        self._shards = [_Shard() for _ in range(N_SHARDS)]

    def __len__(self) -> int:
        return sum(len(shard.firsts) for shard in self._shards)

    def of(self, identifier: Identifier) -> Answers:
        """What is on record of an identifier."""
        first, second = self._hash(identifier)
        shard = self._shards[first % N_SHARDS]
        place, is_there = shard.find(first, second)
        return shard.answers[place] if is_there else SILENCE

    def put(self, identifier: Identifier, answers: Answers) -> None:
        """State what is on record of an identifier."""
        first, second = self._hash(identifier)
        shard = self._shards[first % N_SHARDS]
        place, is_there = shard.find(first, second)
        if is_there and answers == SILENCE:
            del shard.firsts[place], shard.seconds[place], shard.answers[place]
        elif is_there:
            shard.answers[place] = answers
        elif answers != SILENCE:
            shard.answers.insert(place, answers)  # the only one that may refuse
            shard.firsts.insert(place, first)
            shard.seconds.insert(place, second)

    def _hash(self, identifier: Identifier) -> tuple[int, int]:
        kind, value = identifier
        name = f"{kind}\0{value}".encode(errors="surrogatepass")
        first, second = _TWO_WORDS.unpack(blake2b(name, digest_size=16, key=self._key).digest())
        return first, second
