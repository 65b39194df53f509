"""The index finds what an exact scan finds."""

import numpy as np
import pytest

from recommender.retrieval.index import build_index, deserialise, serialise


def skewed(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 16)) * (1.0 + np.arange(n))[:, None] ** -0.7).astype(np.float32)


@pytest.mark.parametrize("n", [1, 50, 6_000])
def test_the_index_reaches_the_gate_on_the_embeddings_it_was_built_for(n: int):
    embeddings, queries = skewed(n), skewed(30, seed=1)
    index, report = build_index(embeddings, queries, k=20)
    assert report.recall >= 0.99
    for query in queries:
        truth = np.argsort(-(embeddings @ query))[:20]
        rows, scores = index.search(query, 20)
        assert len(np.intersect1d(rows, truth)) >= min(n, 20) - 3
        np.testing.assert_allclose(scores, embeddings[rows] @ query, rtol=1e-4, atol=1e-5)
        assert (np.diff(scores) <= 0).all()


def test_only_the_scan_of_everything_passes_a_gate_that_no_head_reaches():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(5_000, 16)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    _, report = build_index(embeddings, embeddings[:20], k=50, recall_gate=1.0)
    assert (report.kind, report.recall) == ("flat", 1.0)


def test_an_index_survives_its_bytes():
    embeddings, queries = skewed(3_000), skewed(5, seed=1)
    index, report = build_index(embeddings, queries, k=10)
    again = deserialise(serialise(index), report.kind)
    for query in queries:
        np.testing.assert_array_equal(again.search(query, 10)[0], index.search(query, 10)[0])


def test_an_empty_catalogue_has_an_index_that_finds_nothing():
    index, report = build_index(np.empty((0, 16), np.float32), np.empty((0, 16), np.float32))
    assert report.recall == 1.0
    assert len(index.search(np.ones(16, np.float32), 10)[0]) == 0


def test_asking_for_more_than_there_is_gives_all():
    index, _ = build_index(skewed(3), skewed(2, seed=1), k=10)
    assert sorted(index.search(np.ones(16, np.float32), 10)[0].tolist()) == [0, 1, 2]
