"""A shopper's embedding from everything known now, without training anew."""

import numpy as np

from recommender.arrays import Floats, Matrix, Rows
from recommender.model import FoldIn
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from recommender.shopper import Purchases

MOST_ITEMS = 256  # of one shopper; the strongest are kept
AT_HAND_WEIGHT = 1.0  # of the item in view, of each item of the cart and session: as an order of today
STEPS = 8  # of conjugate gradients: within some thousandths of the exact solution, in tens of microseconds


def known_weights(purchases: Purchases, at_hand: Rows, n_items: int) -> tuple[Rows, Floats]:
    """Items that say something of a shopper, and how much, as training weighs them.

    Args:
        at_hand: rows in view, in the cart or session; one that was also bought counts twice.
        n_items: rows that training saw; others are left out.
    """
    most = len(at_hand) + len(purchases)
    rows, weights = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.float32)
    n = _known(rows, weights, at_hand, purchases.rows, purchases.decayed_long, n_items)
    rows, weights = rows[:n], weights[:n]
    if n > MOST_ITEMS:
        strongest = np.argpartition(-weights, MOST_ITEMS)[:MOST_ITEMS]
        rows, weights = rows[strongest], weights[strongest]
    return rows, weights


@compiled(I64, writes(I32), writes(F32), reads(I32), reads(I32), reads(F32), I64)
def _known(rows: Rows, weights: Floats, at_hand: Rows, bought: Rows, decayed_long: Floats, n_items: int) -> int:
    """Fill in what training saw; returns how many there are."""
    n = 0
    for row in at_hand:
        if row < n_items:
            rows[n], weights[n] = row, AT_HAND_WEIGHT
            n += 1
    for i in range(len(bought)):
        if bought[i] < n_items:
            rows[n], weights[n] = bought[i], decayed_long[i]
            n += 1
    return n


def fold_in(embeddings: Matrix, fold: FoldIn, rows: Rows, weights: Floats) -> Floats:
    """The vector that explains these interactions best, as one half step of alternating least squares finds it.

    Solves (Y'Y + r I + sum_i alpha w_i y_i y_i') x = sum_i (1 + alpha w_i) y_i, r of `FoldIn.regularization_of`, by
    conjugate gradients, preconditioned with the inverse of the first two terms where nothing is known.

    Args:
        rows: (n,) item rows that training saw, n at least 1; a repeat counts twice.
        weights: (n,) interaction weights, at least 0.

    Returns:
        (d,) float32; its inner product with an item's embedding is the score.

    Source: Takács, Pilászy & Tikk, RecSys 2011, doi:10.1145/2043932.2043987.
    """
    solution = np.empty(embeddings.shape[1], dtype=np.float32)
    ridge = fold.regularization_of(float(weights.sum()), len(embeddings)) - fold.regularization
    solve_half_step(solution, embeddings, rows, weights, fold.alpha, fold.inverse, ridge, STEPS)
    return solution


# Loops in place of expressions on arrays: each of those takes most of a second to compile, and allocates.
@compiled(NOTHING, writes(F32), reads(F32), F32)
def _add(vector: Floats, part: Floats, factor: float) -> None:
    for i in range(len(vector)):
        vector[i] += factor * part[i]


@compiled(NOTHING, writes(F32), reads(F32), F32)
def _turn(along: Floats, towards: Floats, factor: float) -> None:
    for i in range(len(along)):
        along[i] = towards[i] + factor * along[i]


@compiled(NOTHING, writes(F32), reads(F32, 2), reads(I32), reads(F32), F32, reads(F32, 2), F32, I64)
def solve_half_step(
    solution: Floats, embeddings: Matrix, rows: Rows, weights: Floats, alpha: float, inverse: Matrix, ridge: float,
    steps: int,
) -> None:  # fmt: skip
    """Write the solution; `ridge` is the regularisation beyond that in `inverse`.

    `along_plain` is the matrix without the shopper, times `along`.
    """
    solution[:] = 0.0
    items = np.empty((len(rows), len(solution)), dtype=np.float32)
    surplus, confidence = np.empty(len(rows), dtype=np.float32), np.empty(len(rows), dtype=np.float32)
    for i in range(len(rows)):
        items[i] = embeddings[rows[i]]
        surplus[i] = alpha * weights[i]
        confidence[i] = surplus[i] + np.float32(1.0)
    residual = np.dot(confidence, items)
    towards = np.dot(inverse, residual)
    along, along_plain = towards.copy(), residual.copy()
    closeness = np.dot(residual, towards)
    for _ in range(steps):
        if closeness <= np.float32(1e-12):
            break
        shares = np.dot(items, along)
        for i in range(len(shares)):
            shares[i] *= surplus[i]
        image = np.dot(shares, items)
        _add(image, along_plain, 1.0)
        _add(image, along, ridge)
        step = closeness / np.dot(along, image)
        _add(solution, along, step)
        _add(residual, image, -step)
        towards = np.dot(inverse, residual)
        before, closeness = closeness, np.dot(residual, towards)
        _turn(along, towards, closeness / before)
        _turn(along_plain, residual, closeness / before)
