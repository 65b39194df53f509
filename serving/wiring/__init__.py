"""How a worker is put together: one file for what many parts share, one for each part that takes several."""
