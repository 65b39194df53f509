"""The catalogue: its routes, and the copy that every worker keeps current."""
