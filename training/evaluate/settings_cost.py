"""What the settings of a placement cost: its lists of held-out shoppers as it is, and with settings changed."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from features.progress import ProgressReport
from features.settings import Settings
from recommender.errors import InvalidInput
from recommender.ids import PlacementId
from recommender.placements import Placement, parse_placement
from training.config import read_training_config
from training.evaluate.baselines import LENGTH, buyers
from training.evaluate.bootstrap import Interval
from training.evaluate.held_out import HeldOut
from training.evaluate.measure import measure_pipeline
from training.evaluate.metrics import NO_ITEM, Lists, Quality, Relevant, difference, hits, ndcg, quality
from training.evaluate.time_split import time_split
from training.evaluate.trial import Wanted
from training.past import Past
from training.read import read_definitions, read_placements

AS_IT_IS = "as it is"
HEADLINE = "ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The lists of one variant of a placement.

    Attributes:
        lost: how much worse `HEADLINE` is than as it is (negative: it loses).
        categories: different categories in the first ten places, on average.
        share_popular: of the first ten places, share that holds best sellers.
        clicks: NDCG@10 of what those of the shoppers viewed or put into the cart who did; NaN: nobody did.
        margin: mean margin of the items in the first ten places that state one; NaN: none does.
        own_mix: of the first ten places, how much of a shopper's own mix of categories they follow, in [0, 1]: the sum
            over categories of the smaller of both shares; mean over shoppers with purchases.
        microseconds: median of a query.
    """

    name: str
    quality: Quality
    lost: Interval
    categories: float
    share_popular: float
    own_mix: float
    clicks: float
    margin: float
    microseconds: float


def evaluate_settings(
    settings: Settings,
    *,
    placement: str,
    changes: Sequence[str],
    progress: ProgressReport,
    wanted: Wanted | None = None,
    shoppers: int | None = None,
    visits: int = 1,
) -> Sequence[Cost]:
    """Measure a placement on the last weeks of our own data, as it is and with each of `changes`, and print it.

    Right is what was bought; where the placement as it is leaves out what a shopper has bought, what was new to them.

    Args:
        changes: each of settings as in `placements.toml`, parted by commas: "novelty = 0.3, calibration = 0.5".
        shoppers: how many held-out shoppers are asked about, drawn by the seed of the training; None: all.
        visits: on how many days; see `measure_pipeline`.

    Raises:
        InvalidInput: there is no such placement, or a change is not TOML.
        InvalidPlacement: a setting is unknown, or of the wrong type or range.
        NotEnoughData: as `time_split`.
    """
    variants = read_variants(settings, placement, changes)
    config = read_training_config(settings, None)
    past = time_split(settings, wanted or Wanted(), read_placements(settings), config, progress).past
    if shoppers is not None:
        past = replace(past, held_out=drawn(past.held_out, shoppers, config.seed))
    costs = measure_variants(past, variants, progress, config.seed, visits)
    show(placement, past, costs)
    return costs


def read_variants(settings: Settings, placement: str, changes: Sequence[str]) -> dict[str, Placement]:
    """The placement as it is, then with each change; by what is said of it."""
    definitions = read_definitions(settings)
    stated = definitions.get(PlacementId(placement))
    if stated is None:
        remedy = f"Use one of: {', '.join(definitions)}."
        raise InvalidInput(f"There is no placement {placement!r}.", field="placement", remedy=remedy)
    variants = {AS_IT_IS: parse_placement(placement, stated)}
    for change in changes:
        try:
            changed: dict[str, Any] = tomllib.loads(f"settings = {{{change}}}")["settings"]
        except tomllib.TOMLDecodeError as error:
            remedy = "Write settings as in placements.toml, parted by commas: novelty = 0.3, calibration = 0.5."
            raise InvalidInput(f"{change!r} is not TOML: {error}", field="set", remedy=remedy) from error
        variants[change] = parse_placement(placement, {**stated, **changed})
    return variants


def drawn(held_out: HeldOut, n: int, seed: int) -> HeldOut:
    """`n` of the shoppers, drawn by a seed, in their order; all if there are no more."""
    if n >= len(held_out):
        return held_out
    kept = np.sort(np.random.default_rng(seed).choice(len(held_out), n, replace=False))
    return HeldOut(
        user_ids=tuple(held_out.user_ids[shopper] for shopper in kept.tolist()),
        bought=_of_shoppers(held_out.bought, kept),
        new=_of_shoppers(held_out.new, kept),
    )


def measure_variants(
    past: Past, variants: Mapping[str, Placement], progress: ProgressReport, seed: int, visits: int = 1
) -> Sequence[Cost]:
    """Ask every variant, the first of which the others are compared with, about all shoppers of `past`."""
    costs, as_it_is = list[Cost](), next(iter(variants.values()))
    right = past.held_out.new if "bought" in as_it_is.exclude else past.held_out.bought
    for name, placement in variants.items():
        measured = measure_pipeline(
            past.model, past.catalogue, placement, past.held_out, now_day=past.cut_day, limit=LENGTH, progress=progress,
            visits=visits,
        )  # fmt: skip
        n_assortment = int(np.count_nonzero(past.purchases.for_sale))
        found = quality(measured.lists, right, popularity=buyers(past.purchases), n_assortment=n_assortment)
        first = costs[0].quality if costs else found
        rng = np.random.default_rng(seed)
        costs.append(
            Cost(
                name=name,
                quality=found,
                lost=difference(found.per_shopper[HEADLINE], first.per_shopper[HEADLINE], rng),
                categories=_categories(past, measured.lists),
                share_popular=_share_popular(past, measured.lists),
                own_mix=_own_mix(past, measured.lists),
                clicks=_clicks(past, measured.lists),
                margin=_margin(past, measured.lists),
                microseconds=float(np.median(measured.microseconds)),
            )
        )
    return costs


def show(placement: str, past: Past, costs: Sequence[Cost]) -> None:
    """Print the variants side by side."""
    console = Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=180)
    title = f"{placement}, {len(past.held_out)} shoppers"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in (
        "NDCG@10", "change", "95 %", "NDCG@20", "cover@20", "pop. rank", "categories", "best sellers", "own mix",
        "clicks", "margin", "µs",
    ):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in costs:
        means, lost = cost.quality.means(), cost.lost
        table.add_row(
            cost.name, f"{means[HEADLINE]:.4f}", f"{lost.mean:+.4f}", f"{lost.low:+.4f} to {lost.high:+.4f}",
            f"{means['ndcg@20']:.4f}", f"{means['coverage@20']:.4f}", f"{means['popularity_rank@20']:.0f}",
            f"{cost.categories:.2f}", f"{cost.share_popular:.1%}", f"{cost.own_mix:.3f}", _known(cost.clicks, ".4f"),
            _known(cost.margin, ".1%"), f"{cost.microseconds:.0f}",
        )  # fmt: skip
    console.print(table)


def _of_shoppers(relevant: Relevant, kept: np.ndarray[Any, np.dtype[np.int64]]) -> Relevant:
    offsets = np.concatenate([[0], np.cumsum(relevant.sizes[kept])])
    parts = [relevant.of(shopper) for shopper in kept.tolist()]
    return Relevant(offsets=offsets, rows=np.concatenate(parts).astype(np.int32))


def _categories(past: Past, lists: Lists) -> float:
    codes = past.catalogue.text["category"].codes
    return float(np.mean([len(np.unique(codes[shown[shown != NO_ITEM]])) for shown in lists[:, :10]]))


def _share_popular(past: Past, lists: Lists) -> float:
    shown = lists[:, :10]
    return float(past.model.best_sellers[shown[shown != NO_ITEM]].mean())


def _own_mix(past: Past, lists: Lists) -> float:
    codes, histories = past.catalogue.text["category"].codes, past.model.histories
    n_codes, found = len(past.catalogue.text["category"].words), list[float]()
    for user_id, shown in zip(past.held_out.user_ids, lists[:, :10], strict=True):
        purchases = histories.of(user_id)
        if purchases is not None and len(purchases):
            own = _shares(codes[purchases.rows], purchases.decayed_long, n_codes)
            theirs = _shares(codes[shown[shown != NO_ITEM]], None, n_codes)
            found.append(float(np.minimum(own, theirs).sum()))
    return float(np.mean(found)) if found else float("nan")


def _clicks(past: Past, lists: Lists) -> float:
    place_of = {user_id: place for place, user_id in enumerate(past.held_out.user_ids)}
    numbers = [number for number, user_id in enumerate(past.touched.user_ids) if user_id in place_of]
    if not numbers:
        return float("nan")
    places = [place_of[past.touched.user_ids[number]] for number in numbers]
    right = _of_shoppers(past.touched.items, np.array(numbers, dtype=np.int64))
    return float(np.nanmean(ndcg(hits(lists[places], right), right, 10)))


def _margin(past: Past, lists: Lists) -> float:
    shown = lists[:, :10]
    stated = past.catalogue.number["margin"][shown[shown != NO_ITEM]]
    known = stated[~np.isnan(stated)]
    return float(known.mean()) if len(known) else float("nan")


def _known(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)


def _shares(codes: np.ndarray[Any, Any], weights: np.ndarray[Any, Any] | None, n: int) -> np.ndarray[Any, Any]:
    known = codes >= 0
    counts = np.bincount(codes[known], None if weights is None else weights[known], minlength=n)
    return counts / max(float(counts.sum()), 1e-9)
