"""Signatures of webhook messages, as the Standard Webhooks specification writes them."""

import base64
import hmac
from datetime import datetime
from hashlib import sha256

PREFIX = "whsec_"


def webhook_secret(secret: bytes, webhook_id: str) -> str:
    """What a receiver checks signatures with; made from the deployment's `secret`, so no table holds it."""
    return PREFIX + base64.b64encode(_key(secret, webhook_id)).decode()


def signed_headers(secret: bytes, webhook_id: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that name, date and sign a message; the same message is dated anew each time it is sent."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(_key(secret, webhook_id), signed, sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def _key(secret: bytes, webhook_id: str) -> bytes:
    return hmac.new(secret, f"webhook:{webhook_id}".encode(), sha256).digest()
