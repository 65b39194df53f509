"""How a list came about, kept for a while for people who ask why."""
