"""Which links of mails were followed just now, in Redis."""

import asyncio
from pathlib import Path

from features.online.connection import connect
from features.online.embedded import socket_path
from features.online.mail_clicks import MailClicks
from features.settings import Settings


def test_only_links_that_were_followed_within_seconds_of_each_other_are_a_burst(valkey_data_dir: Path) -> None:
    async def use() -> None:
        redis = connect(Settings(redis_url=f"unix://{socket_path(valkey_data_dir)}"))
        clicks = MailClicks(redis)
        for at, link in ((0.0, "a"), (3.4, "b"), (6.8, "c"), (7.0, "d"), (7.5, "e"), (7.9, "d")):
            await clicks.note("mail", link, 1_000 + at)
        assert await clicks.count([("mail", 1_000.0), ("mail", 1_003.4), ("mail", 1_007.0)]) == [1, 1, 3]
        for link in "abc":  # the same ones again, later
            await clicks.note("mail", link, 1_030)
        assert await clicks.count([("mail", 1_030.0), ("other", 1_030.0)]) == [3, 0]
        first = [
            await clicks.is_first_opening(mail, by) for mail, by in (("m", "person"), ("m", "person"), ("m", "bot"))
        ]
        assert first == [True, False, True]
        await redis.aclose()

    asyncio.run(use())
