"""The made-up shop of the scale runs is one that the importers take as it is."""

import polars as pl

from features.consent_import import import_consents
from features.events.importer import import_events
from features.events.log import scan_events
from features.progress import Silent
from features.settings import Settings
from features.sql.importer import import_catalogue
from loadtests.big_shop import Size, write_catalogue, write_consents, write_orders

SIZE = Size(items=300, shoppers=100, rows=3_000)


def test_every_row_is_taken_and_a_shop_of_the_size_asked_for_comes_of_it(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    reports = [
        import_catalogue(settings, write_catalogue(SIZE, tmp_path), Silent()),
        import_consents(settings, write_consents(SIZE, tmp_path), Silent()),
        *(import_events(settings, file, Silent()) for file in write_orders(SIZE, tmp_path)),
    ]
    assert [(one.accepted, one.rejected) for one in reports] == [(300, 0), (100, 0), (3_000, 0)]
    bought = scan_events(settings).group_by("item_id").len().sort("len").collect()["len"]
    assert bought.tail(30).sum() > 3 * bought.head(30).sum()  # a head and a tail
    repeats = scan_events(settings).group_by("user_id", "item_id").len().select((pl.col("len") > 1).mean())
    assert repeats.collect().item() > 0.1  # people buy again
