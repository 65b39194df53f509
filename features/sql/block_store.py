"""Blocks of emails in SQL: each is written once, and read as it was written."""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

import orjson
from msgspec import json
from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from features.contacts import NewContact, forget_old, lock_people, write_contacts
from features.mails import Chosen, FoundBlock, MailBlock, Message, block_ref
from features.sql.addressees import read_addressees
from features.sql.bulk import insert_rows
from features.sql.engine import exclusive, reading
from features.sql.identity_rows import text_of
from features.sql.mail_refusals import contacted_since, judged_otherwise
from features.sql.tables.email import email_blocks, email_specs, email_swaps
from recommender.email.holding import MESSAGE
from recommender.errors import Conflict

BLOCKS, SPECS, SWAPS = email_blocks.c, email_specs.c, email_swaps.c
COLUMNS = [column.name for column in email_blocks.columns]
OF_USERS = BLOCKS.user_id.in_(bindparam("users", expanding=True))
OF_SEND = select(email_blocks).where(OF_USERS, BLOCKS.send_id == bindparam("send"))
EARLIER = (
    select(BLOCKS.user_id, BLOCKS.send_id, BLOCKS.chosen)
    .where(OF_USERS, BLOCKS.send_id != bindparam("send"), BLOCKS.made_at > bindparam("since"))
    .order_by(BLOCKS.made_at.desc(), BLOCKS.block_ref)
)
REFS = select(BLOCKS.user_id, BLOCKS.block_ref, BLOCKS.personal).where(OF_USERS, BLOCKS.send_id == bindparam("send"))
FIND = (
    select(email_blocks, SPECS.spec)
    .join(email_specs, (SPECS.send_id == BLOCKS.send_id) & (SPECS.block_id == BLOCKS.block_id))
    .where(BLOCKS.block_ref == bindparam("ref"))
)
SENDS_COUNT_FOR = timedelta(days=90)  # what was mailed longer ago may be mailed again
FASTEST = 1  # of zlib: half the time of its default, for a tenth more bytes
FIRST_WINS = {
    "sqlite": sqlite.insert(email_swaps).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(email_swaps).on_conflict_do_nothing(),
}

Spec = Mapping[str, object]


class BlockStore:
    """What each message shows; every call blocks, and raises StoreUnavailable when the database is not there."""

    def __init__(self, engine: Engine, secret: Callable[[], bytes]) -> None:
        self._engine, self._secret = engine, secret

    def keep_specs(self, send_id: str, specs: Mapping[str, Spec], now: datetime) -> None:
        """State what the blocks of a send are to be; those known already must be the same.

        Raises:
            Conflict: one is not; the field is `blocks[i].name` as the caller lists them.
        """
        if self._kept_specs(send_id, specs) == set(specs):
            return
        with exclusive(self._engine, _lock_of(send_id)) as connection:
            known = _check_specs(connection, send_id, specs)
            new = [
                {"send_id": send_id, "block_id": name, "spec": _json(spec), "made_at": text_of(now)}
                for name, spec in specs.items()
                if name not in known
            ]
            if new:
                connection.execute(insert(email_specs), new)

    def read(self, send_id: str, user_ids: Sequence[str], sends_back: int, now: datetime) -> dict[str, Message]:
        """What is kept of people's messages of a send, and what the `sends_back` sends before it showed them."""
        whose = {"users": list(user_ids), "send": send_id}
        blocks = dict[str, dict[str, MailBlock]]()
        sends, shown = dict[str, dict[str, None]](), dict[str, set[str]]()
        with reading(self._engine) as connection:
            to = read_addressees(connection, user_ids, self._secret(), now)
            for row in connection.execute(OF_SEND, whose):
                blocks.setdefault(row.user_id, {})[row.block_id] = _block_of(row)
            if sends_back:
                since = text_of(now - SENDS_COUNT_FOR)
                for user_id, send, chosen in connection.execute(EARLIER, whose | {"since": since}):
                    theirs = sends.setdefault(user_id, {})
                    theirs.setdefault(send)
                    if list(theirs).index(send) < sends_back:
                        shown.setdefault(user_id, set()).update(_chosen_of(chosen).shown_ids)
        return {user: Message(blocks.get(user, {}), frozenset(shown.get(user, ())), to[user]) for user in user_ids}

    def keep(
        self,
        send_id: str,
        decided: Mapping[str, Sequence[MailBlock]],
        seen: Mapping[str, Message],
        judged_at: int,
        now: datetime,
    ) -> set[str]:
        """Write what was decided for people, by user id, in one transaction; on disk when it returns.

        A message whose first blocks these are is counted as a contact.

        Args:
            decided: their new blocks. One that takes the place of an older one has its `block_ref`.
            seen: what was known of their messages when that was decided.
            judged_at: the change number as of which all of them may be written to and known as in their blocks.

        Returns:
            Whose message or wishes are others by now, who was contacted meanwhile, or may not be written to or not be
            known any more: nothing of theirs was written; judge, read and decide anew.
        """
        first = {user: seen[user].to for user in decided if not seen[user].blocks}
        with exclusive(self._engine, _lock_of(send_id)) as connection:
            changed = judged_otherwise(connection, decided, seen, self._secret(), judged_at, now)
            lock_people(connection, [to.person for to in first.values()])
            changed |= contacted_since(connection, first, now)
            now_there = dict[str, dict[str, bool]]()  # whether it is personal, by user and reference
            for user_id, ref, personal in connection.execute(REFS, {"users": list(decided), "send": send_id}):
                now_there.setdefault(user_id, {})[ref] = bool(personal)
            changed |= {
                user for user in decided
                if now_there.get(user, {}) != {one.block_ref: one.personal for one in seen[user].blocks.values()}
            }  # fmt: skip
            new = [block for user, theirs in decided.items() if user not in changed for block in theirs]
            replaced = [one.block_ref for one in new if one.block_ref in now_there.get(one.user_id, {})]
            if replaced:
                _delete(connection, replaced)
            insert_rows(connection, email_blocks, COLUMNS, [_row_of(block) for block in new])
            sent = {user: to.person for user, to in first.items() if user not in changed}
            write_contacts(connection, [(to, self._contact_of(send_id, user)) for user, to in sent.items()], now)
        return changed

    def find(self, ref: str) -> FoundBlock | None:
        """A block as it stands; None: there is none, or no more."""
        with reading(self._engine) as connection:
            row = connection.execute(FIND, {"ref": ref}).one_or_none()
            if row is None:
                return None
            return FoundBlock(_block_of(row), orjson.loads(row.spec), _swaps(connection, ref))

    def swap(self, block_ref: str, position: int, spares: Sequence[str], now: datetime) -> dict[int, str]:
        """Let the first free one of `spares` take a position, unless something has; returns all swaps of the block."""
        with exclusive(self._engine) as connection:
            there = connection.execute(
                select(BLOCKS.block_ref).where(BLOCKS.block_ref == block_ref).with_for_update()
            ).one_or_none()
            swaps = _swaps(connection, block_ref)
            free = [item for item in spares if item not in swaps.values()]
            if there is None or position in swaps or not free:
                return swaps
            row = {"block_ref": block_ref, "position": position, "item_id": free[0], "made_at": text_of(now)}
            connection.execute(FIRST_WINS[connection.dialect.name], row)
            return _swaps(connection, block_ref)

    def forget(self, kept: timedelta, now: datetime, most: int = 500) -> int:
        """Delete up to `most` blocks that were kept for so long, with their swaps, and as many contacts of old.

        Returns the larger of the two counts; while it is not 0, there may be more to delete.
        """
        before = now - kept
        with exclusive(self._engine) as connection:
            n_contacts = forget_old(connection, now, most)
            old = select(BLOCKS.block_ref).where(BLOCKS.made_at < text_of(before)).limit(most)
            refs = list(connection.execute(old).scalars())
            _delete(connection, refs)
            if len(refs) < most:
                in_use = select(BLOCKS.block_ref).where(BLOCKS.send_id == SPECS.send_id).exists()
                connection.execute(delete(email_specs).where(SPECS.made_at < text_of(before), ~in_use))
            return max(len(refs), n_contacts)

    def _contact_of(self, send_id: str, user_id: str) -> NewContact:
        ref = block_ref(self._secret(), send_id, user_id, "")
        return NewContact(contact_id=f"send_{ref}", about=MESSAGE)

    def _kept_specs(self, send_id: str, specs: Mapping[str, Spec]) -> set[str]:
        with reading(self._engine) as connection:
            return _check_specs(connection, send_id, specs)


def erase_blocks(connection: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """Delete all that is kept of people's messages; counts by table."""
    refs = list(connection.execute(select(BLOCKS.block_ref).where(BLOCKS.user_id.in_(user_ids))).scalars())
    return _delete(connection, refs)


def _delete(connection: Connection, refs: Sequence[str]) -> dict[str, int]:
    counts = {email_swaps.name: 0, email_blocks.name: 0}
    for start in range(0, len(refs), 500):
        some = refs[start : start + 500]
        counts[email_swaps.name] += connection.execute(delete(email_swaps).where(SWAPS.block_ref.in_(some))).rowcount
        counts[email_blocks.name] += connection.execute(delete(email_blocks).where(BLOCKS.block_ref.in_(some))).rowcount
    return counts


def _check_specs(connection: Connection, send_id: str, specs: Mapping[str, Spec]) -> set[str]:
    """Which of the blocks are known; raises Conflict for one that is another."""
    rows = connection.execute(select(email_specs).where(SPECS.send_id == send_id, SPECS.block_id.in_(list(specs))))
    known = {row.block_id: row.spec for row in rows}
    for place, (block_id, spec) in enumerate(specs.items()):
        if block_id not in known or (text := _json(spec)) == known[block_id]:
            continue
        before, asked = orjson.loads(known[block_id]), orjson.loads(text)
        name = next((name for name in asked if asked[name] != before.get(name)), "block_id")
        raise Conflict(
            f"Block {block_id!r} of send {send_id!r} was asked for with another {name}, and a send is decided once.",
            field=f"blocks[{place}].{name}",
            remedy="Repeat the block as it was; for another one use a new block_id, or a new send_id.",
        )
    return set(known)


def _lock_of(send_id: str) -> int:
    """The number under which writers of a send follow one another."""
    return int.from_bytes(blake2b(f"email:{send_id}".encode(), digest_size=8).digest(), signed=True)


def _swaps(connection: Connection, block_ref: str) -> dict[int, str]:
    rows = connection.execute(select(SWAPS.position, SWAPS.item_id).where(SWAPS.block_ref == block_ref))
    return {row.position: row.item_id for row in rows}


def _json(spec: Spec) -> str:
    return orjson.dumps(spec, option=orjson.OPT_SORT_KEYS).decode()


def _chosen_of(text: str) -> Chosen:
    return json.decode(text, type=Chosen)


def _block_of(row: Row[*tuple[object, ...]]) -> MailBlock:
    return MailBlock(
        block_ref=row.block_ref, send_id=row.send_id, user_id=row.user_id, block_id=row.block_id,
        made_at=datetime.fromisoformat(row.made_at), personal=bool(row.personal), chosen=_chosen_of(row.chosen),
        reply=zlib.decompress(row.reply),
    )  # fmt: skip


def _row_of(block: MailBlock) -> Sequence[object]:
    return (
        block.block_ref, block.send_id, block.user_id, block.block_id, text_of(block.made_at), block.personal,
        json.encode(block.chosen).decode(), zlib.compress(block.reply, FASTEST),
    )  # fmt: skip
