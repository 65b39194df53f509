"""The page of metrics while processes come and go."""

from pathlib import Path

import pytest

from serving.metrics import Metrics


def test_a_process_that_has_only_made_its_file_does_not_spoil_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter_17.db").touch()  # as it lies there between its making and its first bytes
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    page, _ = Metrics().page()
    assert page == b""
