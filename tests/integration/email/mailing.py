"""A shop with campaigns that sends mails."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from features.online.embedded import socket_path
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client

BROWSER = {"user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15", "accept": "text/html,*/*"}
BOTH = "marketing_email", "personalisation"
CODE = re.compile(r'<p class="code">([A-Z2-7-]{19})</p>')


class MailShop(Aisle):
    """A shop with campaigns that sends mails."""

    def __init__(self, data_dir: Path, valkey_data_dir: Path) -> None:
        super().__init__(
            data_dir, redis_url=f"unix://{socket_path(valkey_data_dir)}", public_url="http://shop",
            shop_url="https://shop.example/",
        )  # fmt: skip
        self.catalogue.upsert_many(
            [replace(item, url=f"https://shop.example/p/{item.item_id}") for item in self.catalogue.read_all()]
        )
        self.publish("a1")

    async def agree(self, client: Client, *users: str, state: str = "granted", purposes: Sequence[str] = BOTH) -> None:
        said = [
            {"user_id": user, "purpose": purpose, "state": state, "source": {"channel": "web"}}
            for user in users
            for purpose in purposes
        ]
        reply = await client.post("/v1/consents", json={"consents": said}, headers=self.secret_headers())
        assert reply.status_code == 200

    async def wish(self, client: Client, user: str, **wish: Any) -> None:
        """Write down what somebody said in the preference centre."""
        said = [{"user_id": user, "source": {"channel": "web"}} | wish]
        reply = await client.post("/v1/preferences", json={"preferences": said}, headers=self.secret_headers())
        assert reply.status_code == 200, reply.text

    async def messages(
        self, client: Client, *to: dict[str, Any], send: str = "s1", **block: Any
    ) -> list[dict[str, Any]]:
        """The messages of a send with one block."""
        blocks = [{"block_id": "top", "placement": "home", "images": "none"} | block]
        body = {"send_id": send, "recipients": list(to), "blocks": blocks}
        reply = await client.post("/v1/email/blocks", json=body, headers=self.secret_headers())
        assert reply.status_code == 200, reply.text
        return reply.json()["recipients"]

    async def send(self, client: Client, *to: dict[str, Any], send: str = "s1", **offer: Any) -> list[dict[str, Any]]:
        """The blocks of a send that offers "bread" unless `offer` says otherwise."""
        messages = await self.messages(client, *to, send=send, offer={"campaign_id": "bread"} | offer)
        return [one["blocks"][0] for one in messages]


def to(*users: str) -> list[dict[str, Any]]:
    return [{"user_id": user} for user in users]
