"""Training and evaluation know the placements that were saved, as the service does."""

from pathlib import Path

from features.audit import Author
from features.settings import Settings
from features.sql.engine import open_engine
from features.sql.placement_store import PlacementStore
from recommender.ids import PlacementId
from tests.unit.training.small_shop import open_shop, orders, small_config
from training.evaluate.settings_cost import AS_IT_IS, read_variants
from training.inputs import describe_inputs
from training.read import read_definitions, read_placements, read_training_data

HOME, HALL, BROKEN = PlacementId("home"), PlacementId("hall"), PlacementId("discover")


def save(settings: Settings, name: PlacementId, **definition: object) -> None:
    engine = open_engine(settings)
    PlacementStore(engine).put(name, definition, by=Author("a person", None))
    engine.dispose()


def test_what_was_saved_takes_the_place_of_the_configuration_and_stands_among_the_inputs(tmp_path: Path):
    settings = open_shop(tmp_path, orders(n_users=3, n_days=14))
    data, config = read_training_data(settings, None), small_config()
    shipped = read_placements(settings)
    before = describe_inputs(data, read_definitions(settings), config, forced=False)
    save(settings, HOME, title="Mine", sources=["popular"], novelty=0.5)
    save(settings, HALL, title="Hall", sources=["popular"])
    save(settings, BROKEN, title="Of another release", sources=["psychic"])
    placements = read_placements(settings)
    assert (placements[HOME].title, placements[HOME].novelty, placements[HALL].title) == ("Mine", 0.5, "Hall")
    assert placements[BROKEN] == shipped[BROKEN]
    assert describe_inputs(data, read_definitions(settings), config, forced=False) != before
    tried = read_variants(settings, "hall", ["novelty = 0.3"])
    assert (tried[AS_IT_IS].novelty, tried["novelty = 0.3"].novelty, tried["novelty = 0.3"].title) == (0.0, 0.3, "Hall")
