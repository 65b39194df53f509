"""The secret of a deployment is made once, whoever asks first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from features.identity import SECRET_FILE, read_secret
from features.settings import Settings


def test_threads_that_ask_at_once_get_one_secret(tmp_path: Path) -> None:
    for attempt in range(20):
        settings = Settings(data_dir=tmp_path / str(attempt))
        with ThreadPoolExecutor(8) as threads:
            secrets = set(threads.map(lambda _, of=settings: read_secret(of), range(8)))
        assert len(secrets) == 1
        assert [file.name for file in settings.data_dir.iterdir()] == [SECRET_FILE]
