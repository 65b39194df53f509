"""Boosted trees, evaluated for all candidates of a request in one call."""


class Trees:
    """Placeholder until the evaluator lands."""
