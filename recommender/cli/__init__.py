"""The command `recommender`: the one place that wires everything, importing each part only when it is asked for."""

from recommender.cli.app import main

__all__ = ["main"]
