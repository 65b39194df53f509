"""What long work says where nobody watches a terminal."""

import pytest

from features.progress import Terminal


def test_a_step_says_what_it_took_when_it_ends(capsys: pytest.CaptureFixture[str]):
    with Terminal().step("Count", 3) as step:
        step.advance(3)
        assert capsys.readouterr().err == ""
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("Count: 0.0 s (processor 0.0 s, peak ")
    assert said.endswith(" MiB)")
