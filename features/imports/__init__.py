"""Files of retailers: reading their rows, and saying what became of each."""
