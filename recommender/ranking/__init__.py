"""Ordering of candidates: their features and the learned ranker."""
