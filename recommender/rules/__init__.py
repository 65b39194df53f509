"""The one rule language: placements, campaigns, segments and request filters are written in it."""
