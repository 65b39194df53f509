"""Posts a webhook message to where it goes, through the one way out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from features.outgoing import OutgoingFailed, call, check_url
from features.webhooks.deliver import NotDelivered
from recommender.errors import InvalidInput

TIMEOUT_SECONDS = 10.0
MOST_ANSWER_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Post:
    """Posts; the URL is checked anew each time, since names move."""

    allowed_hosts: Collection[str]
    timeout_seconds: float = TIMEOUT_SECONDS

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post a message; any status but 2xx, a redirect too, is no delivery. Raises NotDelivered."""
        try:
            target = check_url(url, self.allowed_hosts)
            answer = call(
                target, "POST", body, headers, timeout_seconds=self.timeout_seconds, max_bytes=MOST_ANSWER_BYTES
            )
        except (InvalidInput, OutgoingFailed) as error:
            raise NotDelivered(str(error)) from error
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"{target.host} answered {answer.status}")
