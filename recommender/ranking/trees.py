"""Boosted trees, evaluated for all candidates of a request in one call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Matrix, Offsets, Scores
from recommender.derived import derived
from recommender.native import F32, F64, I32, I64, NOTHING, U32, compiled, reads, writes

MAX_LEAVES = 32  # one bit per leaf
ALL_LEAVES = (1 << MAX_LEAVES) - 1
DE_BRUIJN = 0x077CB531  # times a power of two, its top five bits tell which power: a place for each of 32 leaves


@dataclass(frozen=True)
class Trees:
    """An ensemble of regression trees, as bit masks over leaves.

    The inner nodes of tree t are [nodes[t], nodes[t + 1]); its leaves are numbered from left to right. An item fails a
    node when its feature is above the threshold; then all leaves of the node's left subtree are out of reach. The
    lowest leaf still in reach after all nodes is the one it falls into.

    Attributes:
        nodes: (n_trees + 1,) int64.
        feature: (n_nodes,) int32, column of the feature matrix.
        threshold: (n_nodes,) float32, the largest value that still goes left.
        reach: (n_nodes,) uint32, bits of the leaves that stay in reach of an item that fails the node.
        value: (n_trees * 32,) float64; leaf l of tree t is at 32 * t + leaf_place(l).

    Source: Lucchese et al., QuickScorer, SIGIR 2015, doi:10.1145/2766462.2767733.
    """

    nodes: Offsets
    feature: NDArray[np.int32]
    threshold: Floats
    reach: NDArray[np.uint32]
    value: NDArray[np.float64]

    def look_at(self, columns: Iterable[int]) -> bool:
        """Whether any node asks for one of these columns."""
        return not self.asked.isdisjoint(columns)

    @derived
    def asked(self) -> frozenset[int]:
        """Columns that a node asks for."""
        return frozenset(self.feature.tolist())

    def score(self, features: Matrix) -> Scores:
        """Sum the trees for each item.

        Args:
            features: (n_items, n_features) float32 without NaN; fastest when its columns are contiguous.

        Returns:
            (n_items,) float32, equal to LightGBM's raw score but for rounding.
        """
        columns = np.ascontiguousarray(features.T)
        totals = np.zeros(columns.shape[1], dtype=np.float64)
        _score(totals, columns, self.nodes, self.feature, self.threshold, self.reach, self.value)
        return totals.astype(np.float32)


def trees_from_lightgbm(dump: Mapping[str, Any]) -> Trees:
    """Lay out a LightGBM model for `Trees.score`; `dump` is what `Booster.dump_model()` returns.

    Raises:
        ValueError: a tree has more than 32 leaves, or splits on a category, or treats zero as missing.
    """
    trees = [_flatten(tree["tree_structure"]) for tree in dump["tree_info"]]
    nodes = [node for tree_nodes, _ in trees for node in tree_nodes]
    value = np.zeros(len(trees) * MAX_LEAVES)
    for tree, (_, leaves) in enumerate(trees):
        for leaf, leaf_value in enumerate(leaves):
            value[tree * MAX_LEAVES + leaf_place(leaf)] = leaf_value
    return Trees(
        nodes=np.cumsum([0, *(len(tree_nodes) for tree_nodes, _ in trees)], dtype=np.int64),
        feature=np.array([feature for feature, _, _ in nodes], dtype=np.int32),
        threshold=_round_down(np.array([threshold for _, threshold, _ in nodes], dtype=np.float64)),
        reach=np.array([reach for _, _, reach in nodes], dtype=np.uint32),
        value=value,
    )


def leaf_place(leaf: int) -> int:
    """Where the value of a leaf stands among the 32 of its tree."""
    return ((DE_BRUIJN << leaf) & ALL_LEAVES) >> 27


def _flatten(root: Mapping[str, Any]) -> tuple[list[tuple[int, float, int]], list[float]]:
    """Nodes (feature, threshold, reach) and leaf values from left to right, of one tree."""
    nodes: list[tuple[int, float, int]] = []
    leaves: list[float] = []

    def visit(node: Mapping[str, Any]) -> None:
        if "split_feature" not in node:
            leaves.append(float(node["leaf_value"]))
            return
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise ValueError(f"cannot evaluate a split of type {node['decision_type']}, missing {node['missing_type']}")
        first = len(leaves)
        visit(node["left_child"])
        left_leaves = (1 << len(leaves)) - (1 << first)
        nodes.append((int(node["split_feature"]), float(node["threshold"]), ALL_LEAVES & ~left_leaves))
        visit(node["right_child"])

    visit(root)
    if len(leaves) > MAX_LEAVES:
        raise ValueError(f"a tree has {len(leaves)} leaves, at most {MAX_LEAVES} fit")
    return nodes, leaves


def _round_down(thresholds: NDArray[np.float64]) -> Floats:
    """The largest float32 that is not above each threshold: comparing a float32 with either gives the same."""
    with np.errstate(over="ignore"):  # beyond float32 lies infinity, on which the same holds
        rounded = thresholds.astype(np.float32)
        below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > thresholds, below, rounded).astype(np.float32)


@compiled(NOTHING, writes(F64), reads(F32, 2), reads(I64), reads(I32), reads(F32), reads(U32), reads(F64))
def _score(
    totals: NDArray[np.float64],
    columns: Matrix,
    nodes: Offsets,
    feature: NDArray[np.int32],
    threshold: Floats,
    reach: NDArray[np.uint32],
    value: NDArray[np.float64],
) -> None:
    """Add the trees to `totals`."""
    n = columns.shape[1]
    in_reach = np.empty(n, dtype=np.uint32)
    for tree in range(len(nodes) - 1):
        in_reach[:] = np.uint32(0xFFFFFFFF)
        for node in range(nodes[tree], nodes[tree + 1]):
            column, limit, remaining = columns[feature[node]], threshold[node], reach[node]
            for i in range(n):  # no branch, so that it becomes vector instructions
                in_reach[i] &= remaining if column[i] > limit else np.uint32(0xFFFFFFFF)
        for i in range(n):
            lowest = np.uint32(in_reach[i] & (~in_reach[i] + np.uint32(1)))
            place = np.uint32(lowest * np.uint32(DE_BRUIJN)) >> np.uint32(27)
            totals[i] += value[tree * MAX_LEAVES + np.int64(place)]
