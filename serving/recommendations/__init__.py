"""Recommendations: for one placement, for all placements of a page, for an item, for a basket."""
