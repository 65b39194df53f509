"""Array types, so that a signature says what an array holds."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]  # item rows
Positions = NDArray[np.intp]  # places in another array
Scores = NDArray[np.float32]  # higher is better
Mask = NDArray[np.bool_]  # True: allowed
Codes = NDArray[np.int32]  # positions in a vocabulary; -1: missing
Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]  # two dimensions
Offsets = NDArray[np.int64]  # CSR: entries of row r lie in [offsets[r], offsets[r + 1])

EMPTY_ROWS: Rows = np.empty(0, dtype=np.int32)
EMPTY_SCORES: Scores = np.empty(0, dtype=np.float32)
EMPTY_ROWS.flags.writeable = False
EMPTY_SCORES.flags.writeable = False
