"""What the doctor says of the Python that it runs on."""

import sys
import sysconfig
from pathlib import Path

import pytest

from features.settings import Settings
from recommender.cli.doctor import examine


@pytest.mark.parametrize(
    ("prefix", "arguments", "state"),
    [
        ("/home/a/.pyenv/versions/3.12.1", "'--enable-shared'", "note"),
        ("/home/a/.pyenv/versions/3.12.1", "'--enable-optimizations' '--with-lto'", "good"),
        ("/usr", "'--enable-shared'", "good"),  # Debian's, whose optimisations are switched on elsewhere
    ],
)
def test_a_python_that_was_built_without_optimisations_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, arguments: str, state: str
) -> None:
    monkeypatch.setattr(sys, "base_prefix", prefix)
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": arguments}.get)
    assert next(examine(Settings(data_dir=tmp_path))).state == state
