"""The FAISS index over the item embeddings: the only place that imports faiss."""


class EmbeddingIndex:
    """Placeholder until the index lands."""
