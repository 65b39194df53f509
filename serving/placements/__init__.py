"""Placements as configuration: those that ship, and those saved over them."""
