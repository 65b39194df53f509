"""Sources of candidates: each finds items in the running for one shopper and one placement."""
