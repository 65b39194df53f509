"""Load on a running service, and what it takes: figures and ratios, never assertions."""
