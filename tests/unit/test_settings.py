import pytest

from features.settings import read_settings
from recommender.errors import InvalidInput


def test_a_value_that_does_not_fit_names_its_variable(monkeypatch):
    monkeypatch.setenv("RECOMMENDER_WORKERS", "none")
    with pytest.raises(InvalidInput, match="none") as caught:
        read_settings()
    assert caught.value.field == "RECOMMENDER_WORKERS"


@pytest.mark.parametrize("given", ["postgres://u:p@h/d", "postgresql://u:p@h/d"])
def test_hosting_platforms_database_urls_are_understood(monkeypatch, given):
    monkeypatch.setenv("DATABASE_URL", given)
    assert read_settings().sql_url == "postgresql+psycopg://u:p@h/d"
