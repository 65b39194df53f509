"""Replies of the routes of emails; a block goes out as the bytes that are kept."""

from collections.abc import AsyncIterator
from datetime import datetime

import orjson

from recommender.email.themes import head_of_mail
from recommender.errors import InvalidInput, RecommenderError
from serving.email.orders import SendOrder
from serving.email.use_cases import FillBlocks, Outcome

LINES = "application/x-ndjson"
MOST_BYTES = 64 * 2**20  # of HTML, by the budgets of the blocks, that one piece may hold


def message_of(outcome: Outcome) -> dict[str, object]:
    """One recipient's message, ready for orjson."""
    to = outcome.recipient
    if outcome.why is not None:
        return {"user_id": to.user_id, "status": "suppressed", "reason": outcome.why.value}
    if outcome.error is not None:
        return {"user_id": to.user_id, "status": "failed", "reason": str(outcome.error)}
    return {
        "user_id": to.user_id, "status": "ready", "headers": outcome.headers,
        "blocks": [orjson.Fragment(block.reply) for block in outcome.blocks],
    }  # fmt: skip


def refuse_too_much(order: SendOrder) -> None:
    """Raises InvalidInput for an order whose messages may be too much to be answered in one piece."""
    each = sum(block.spec.byte_budget for block in order.blocks)
    if each * len(order.recipients) > MOST_BYTES:
        raise InvalidInput(
            f"the blocks of these recipients may come to more than {MOST_BYTES // 2**20} MiB of HTML",
            field="recipients",
            remedy=f"Ask with Accept: {LINES} for a line each, or for at most {MOST_BYTES // each} recipients at once.",
        )


def heads_of(order: SendOrder) -> dict[str, str]:
    """What each block's theme wants in the head of the mail."""
    return {block.spec.block_id: head_of_mail(block.spec.theme, block.spec.accent) for block in order.blocks}


async def whole(fill: FillBlocks, order: SendOrder, now: datetime) -> dict[str, object]:
    """All messages in one reply."""
    recipients = [message_of(outcome) async for outcomes in fill(order, now) for outcome in outcomes]
    return {"send_id": order.send_id, "heads": heads_of(order), "recipients": recipients}


async def lines(fill: FillBlocks, order: SendOrder, now: datetime) -> AsyncIterator[bytes]:
    """A line that begins, one for each recipient, how far it is after some of them, and one that ends."""
    done, of = 0, len(order.recipients)
    yield _line("begin", {"send_id": order.send_id, "heads": heads_of(order), "of": of})
    try:
        async for outcomes in fill(order, now):
            done += len(outcomes)
            said = [_line("recipient", message_of(outcome)) for outcome in outcomes]
            yield b"".join([*said, _line("progress", {"done": done, "of": of})])
    except RecommenderError as error:
        yield _line("error", {"code": error.code, "detail": str(error), "remedy": error.remedy, "done": done})
    else:
        yield _line("end", {"done": done})


def _line(kind: str, content: dict[str, object]) -> bytes:
    return orjson.dumps({"kind": kind} | content, option=orjson.OPT_APPEND_NEWLINE)
