"""The FAISS index over the item embeddings: the only place that imports faiss.

Raw factors of matrix factorisation have very different norms, and the largest inner products fall to few items: an
exact scan of those with the largest norms is cheap and finds them, where graphs and cells lose many. So every kind is
tried on the embeddings that ship, and the cheapest that finds enough is taken. Nothing is normalised: the inner product
is the score.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, EMPTY_SCORES, Matrix, Rows, Scores
from recommender.retrieval.selection import best_rows

HEADS = (2_000, 4_000, 8_000, 16_000, 32_000, 64_000)  # items of the largest norm that are scanned
LARGE = 200_000  # items; below this, cells and graphs are not worth their build
TIMED_QUERIES = 50
FaissIndex = Any  # faiss ships no types


class EmbeddingIndex:
    """Finds the items of the largest inner products with a vector; `kind` says how."""

    def __init__(self, index: FaissIndex, kind: str) -> None:
        self._index = index  # a faiss index whose ids are item rows
        self._head = _vectors_of(index) if kind.startswith("head-") else None
        self.kind = kind

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Rows, Scores]:
        """The rows of the (up to) `k` largest inner products with `vector` (d,), best first, and those products."""
        if self._head is not None:
            rows, vectors = self._head
            return best_rows(rows, vectors @ vector, k)  # faiss takes longer to keep a few hundred of a few thousand
        if not len(self):
            return EMPTY_ROWS, EMPTY_SCORES
        vector, k = np.ascontiguousarray(vector, dtype=np.float32), min(k, len(self))
        scores, rows = np.empty(k, dtype=np.float32), np.empty(k, dtype=np.int64)
        # What faiss's own `search` calls after checks that cost as much as the scan of a small head.
        self._index.search_c(1, faiss.swig_ptr(vector), k, faiss.swig_ptr(scores), faiss.swig_ptr(rows))
        found = rows >= 0  # approximate kinds leave slots empty
        return rows[found].astype(np.int32), scores[found]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one kind of index was measured to do on the embeddings that ship.

    Attributes:
        kind: "head-N" (exact scan of the N largest norms), "flat" (exact scan of all), "ivf-sq8", "hnsw".
        recall: share of the true `k` best that were found, an empty slot counted as a miss; mean over the queries.
        microseconds: median time of one search.
    """

    kind: str
    k: int
    recall: float
    microseconds: float


def build_index(
    embeddings: Matrix, queries: Matrix, k: int = 100, recall_gate: float = 0.99
) -> tuple[EmbeddingIndex, IndexReport]:
    """Build the fastest index that finds at least `recall_gate` of the true `k` best.

    Args:
        embeddings: (n, d) float32, as they ship.
        queries: (m, d) float32, vectors of shoppers like those who will ask; m at least 1 where n is.
        k: how many items a search asks for.
        recall_gate: in [0, 1]; the scan of everything reaches 1.

    Returns:
        The index and its measurement.
    """
    if not len(embeddings):
        return EmbeddingIndex(faiss.IndexFlatIP(embeddings.shape[1]), "flat"), IndexReport("flat", k, 1.0, 0.0)
    flat = EmbeddingIndex(_scan(embeddings, np.arange(len(embeddings))), "flat")
    truth = [flat.search(query, k)[0] for query in queries]
    best, best_report = flat, _measure(flat, queries, truth, k)
    for index in _contenders(embeddings, recall_gate, queries, truth, k):
        report = _measure(index, queries, truth, k)
        if report.recall >= recall_gate and report.microseconds < best_report.microseconds:
            best, best_report = index, report
    return best, best_report


def serialise(index: EmbeddingIndex) -> bytes:
    """The index as bytes, in faiss's own format."""
    return faiss.serialize_index(index._index).tobytes()  # pyright: ignore[reportPrivateUsage] -- its own module


def deserialise(data: bytes, kind: str) -> EmbeddingIndex:
    """The index back from its bytes; `kind` as it was reported when built.

    Raises:
        RuntimeError: the bytes are not a faiss index.
    """
    return EmbeddingIndex(faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)), kind)


def use_one_thread() -> None:
    """Keep faiss on the calling thread, as a service with one worker per core wants it."""
    faiss.omp_set_num_threads(1)


def _contenders(
    embeddings: Matrix, recall_gate: float, queries: Matrix, truth: list[Rows], k: int
) -> Iterator[EmbeddingIndex]:
    """The smallest head that finds enough; where none does in a large catalogue, cells and a graph, slow to build."""
    by_norm = np.argsort(-np.einsum("nd,nd->n", embeddings, embeddings), kind="stable")
    for size in HEADS:
        if size >= len(embeddings):
            break
        head = EmbeddingIndex(_scan(embeddings, by_norm[:size]), f"head-{size}")
        if _recall(head, queries, truth, k) >= recall_gate:
            yield head
            return
    if len(embeddings) >= LARGE:
        yield EmbeddingIndex(_cells(embeddings), "ivf-sq8")
        yield EmbeddingIndex(_graph(embeddings), "hnsw")


def _scan(embeddings: Matrix, rows: NDArray[np.int64]) -> FaissIndex:
    index = faiss.IndexIDMap(faiss.IndexFlatIP(embeddings.shape[1]))
    index.add_with_ids(np.ascontiguousarray(embeddings[rows]), rows.astype(np.int64))
    return index


def _vectors_of(scan: FaissIndex) -> tuple[Rows, Matrix]:
    """Item rows of what `_scan` made, and their embeddings."""
    inside: FaissIndex = faiss.downcast_index(scan.index)
    rows = faiss.vector_to_array(scan.id_map).astype(np.int32)
    return rows, faiss.vector_to_array(inside.codes).view(np.float32).reshape(len(rows), scan.d)


def _cells(embeddings: Matrix) -> FaissIndex:
    """Inverted lists of 8-bit codes; about 4 sqrt(n) cells, an eighth of them visited."""
    n_cells = int(4 * np.sqrt(len(embeddings)))
    index: FaissIndex = faiss.index_factory(embeddings.shape[1], f"IVF{n_cells},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(embeddings)
    index.add(embeddings)
    index.nprobe = max(1, n_cells // 8)
    return index


def _graph(embeddings: Matrix) -> FaissIndex:
    index = faiss.IndexHNSWFlat(embeddings.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efSearch = 300
    index.add(embeddings)
    return index


def _measure(index: EmbeddingIndex, queries: Matrix, truth: list[Rows], k: int) -> IndexReport:
    seconds = [_timed(lambda query=query: index.search(query, k)) for query in queries[:TIMED_QUERIES]]
    return IndexReport(index.kind, k, _recall(index, queries, truth, k), 1e6 * float(np.median(seconds)))


def _recall(index: EmbeddingIndex, queries: Matrix, truth: list[Rows], k: int) -> float:
    shares = [
        len(np.intersect1d(index.search(query, k)[0], best)) / len(best)
        for query, best in zip(queries, truth, strict=True)
    ]
    return float(np.mean(shares))


def _timed(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started
