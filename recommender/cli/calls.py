"""Calls of the service that this machine runs, by the demo and the walk."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any


def post(url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout: float) -> tuple[int, dict[str, Any]]:
    """Send JSON; returns the status and the JSON that came back. Raises HTTPError for a status of 400 and above."""
    sent = {"content-type": "application/json", **headers}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=sent)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=timeout) as reply:  # noqa: S310 - the same
        return reply.status, json.load(reply)


def must_be_ready(base: str, timeout: float) -> None:
    """Make sure that the service can recommend; raises OSError, of which HTTPError and URLError are kinds."""
    with urllib.request.urlopen(f"{base}/readyz", timeout=timeout):  # noqa: S310 - our own address
        pass
