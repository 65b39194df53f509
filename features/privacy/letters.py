"""Takes people out of the dead letters: their lines are blanked where they stand, while others append."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.identity import ANONYMOUS_ID, EMAIL_HASH, LOYALTY_CARD, PHONE_HASH, USER_ID, Contacts, Identifier

ADDRESS = re.compile(r"[^\s\"'<>,;:{}\[\]()\\]+@[^\s\"'<>,;:{}\[\]()\\]+")
NUMBER = re.compile(r"(?:\+|00)[0-9][0-9 ()./-]{5,24}[0-9]")


class LetterMatch:
    """Whether a text, broken as it may be, names one of these identifiers; in doubt it does."""

    def __init__(self, named: Sequence[Identifier], secret: bytes) -> None:
        plain = [value for kind, value in named if kind in {USER_ID, ANONYMOUS_ID, LOYALTY_CARD}]
        spelled = {form for value in plain for form in (value, json.dumps(value)[1:-1])}
        parts = "|".join(re.escape(value) for value in sorted(spelled, key=len, reverse=True))
        # As a whole word: the id "7" is not in "17".
        self._plain = (
            re.compile(rf"(?<![0-9A-Za-z]){'(?:' + parts + ')'}(?![0-9A-Za-z])", re.IGNORECASE) if parts else None
        )
        self._hashed = {value for kind, value in named if kind in {EMAIL_HASH, PHONE_HASH}}
        self._contacts = Contacts(lambda: secret, lambda _: False)

    def __call__(self, text: str) -> bool:
        """Whether it names one of them, also by a contact whose hash it is."""
        return any(self._names(form) for form in {text, _unescaped(text)})

    def _names(self, text: str) -> bool:
        if self._plain is not None and self._plain.search(text):
            return True
        if not self._hashed:
            return False
        contacts = [self._contacts.identifier("email", found) for found in ADDRESS.findall(text)]
        contacts += [self._contacts.identifier("phone", found) for found in NUMBER.findall(text)]
        return any(contact is not None and contact[1] in self._hashed for contact in contacts) or any(
            value in text for value in self._hashed
        )


def erase_letters(folder: Path, names_them: LetterMatch) -> int:
    """Blank all letters that name somebody; returns how many. Cut off anywhere, it is repeated."""
    count = 0
    for file in sorted(folder.glob("*.jsonl")):
        descriptor = os.open(file, os.O_RDWR)
        try:
            at = 0
            for line in file.read_bytes().split(b"\n"):
                if line.strip() and names_them(line.decode("utf-8", "replace")):
                    os.pwrite(descriptor, b" " * len(line), at)  # as long as it was: other lines stay where they are
                    count += 1
                at += len(line) + 1
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return count


def find_letters(folder: Path, names_them: LetterMatch) -> list[Any]:
    """The letters that name somebody, as JSON."""
    found: list[Any] = []
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text("utf-8", "replace").split("\n"):
            if line.strip() and names_them(line):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    found.append({"text": line})
    return found


def _unescaped(text: str) -> str:
    """What JSON escapes stand for, twice over: a letter is JSON in JSON."""
    for _ in range(2):
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text.replace('\\"', '"'))
        text = text.replace("\\/", "/").replace("\\\\", "\\")
    return text
