"""The file that the figures of an evaluation are written to."""

from pathlib import Path

from recommender.errors import InvalidInput


def check_folder(file: Path) -> None:
    """Raise InvalidInput where the file's folder is not there: said at once, not after minutes of work."""
    if not file.parent.is_dir():
        raise _not_writable(file, "there is no such folder")


def write_text(text: str, file: Path) -> None:
    """Write a file anew; raises InvalidInput where that is not possible."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_writable(file, error.strerror or str(error)) from error


def _not_writable(file: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{file} cannot be written: {why}.", field="json", remedy="Name a file in a folder that exists."
    )
