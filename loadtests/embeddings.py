"""What the fit of the embeddings alone takes, at a size that is asked for; prints it, and appends it to RESULTS.

    ITEMS=100000 SHOPPERS=1000000 ROWS=20000000 FACTORS=64 ITERATIONS=15 python -m loadtests.embeddings

The interactions are those that loadtests.scale imports. Each weighs 1: the age of an order changes no cost.
"""

import os
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from rich.console import Console
from scipy.sparse import csr_matrix

from features.progress import peak_memory_mib
from features.settings import Settings
from loadtests.big_shop import Size, size_from_environment, write_orders
from training.config import read_training_config
from training.models.als import fit_embeddings


def main() -> None:
    """Draw the interactions, fit, print."""
    size = size_from_environment()
    usual = read_training_config(Settings(), None).embedding
    config = replace(
        usual,
        factors=int(os.environ.get("FACTORS", usual.factors)),
        iterations=int(os.environ.get("ITERATIONS", usual.iterations)),
    )
    matrix = interactions(size)
    before, started, used = peak_memory_mib(), time.perf_counter(), time.process_time()
    embeddings, _ = fit_embeddings(matrix, config, seed=1)
    figures: dict[str, float] = {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - used,
        "peak_memory_mib": peak_memory_mib(),
        "peak_memory_before_mib": before,
        "entries": matrix.nnz,
        "factors": embeddings.shape[1],
        "iterations": config.iterations,
    }
    console = Console()
    console.print(f"{size.items:,} items, {size.shoppers:,} shoppers, {size.rows:,} lines of orders")
    for what, value in figures.items():
        console.print(f"{what}: {value:,.1f}")
    if results := os.environ.get("RESULTS"):
        with Path(results).open("ab") as file:
            file.write(orjson.dumps({"size": asdict(size), "embeddings": figures}) + b"\n")


def interactions(size: Size) -> csr_matrix:
    """(shoppers, items) float32: how often each shopper bought each item; repeats are summed up."""
    users, items = list[np.ndarray](), list[np.ndarray]()
    with tempfile.TemporaryDirectory(prefix="embeddings-", dir=os.environ.get("SCALE_DIR")) as folder:
        for file in write_orders(size, Path(folder)):
            numbers = pl.read_parquet(file, columns=["user_id", "item_id"]).select(pl.all().str.slice(1).cast(pl.Int32))
            users.append(numbers["user_id"].to_numpy())
            items.append(numbers["item_id"].to_numpy())
            file.unlink()
    n = sum(map(len, users))
    entries = np.ones(n, dtype=np.float32), (np.concatenate(users), np.concatenate(items))
    return csr_matrix(entries, shape=(size.shoppers, size.items))


if __name__ == "__main__":
    main()
