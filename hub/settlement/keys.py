"""Message keys: one row a message of a hospital, claimed before anything is done, so that the database decides."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.orm import Session

from hub.db import run
from hub.faults import Conflict
from hub.settlement.charges import Stands
from hub.settlement.tables import SettlementKey

Name = tuple[str, str]
"""organisation_id and key: what a hospital calls one of its messages."""


class KeyTaken(Conflict):
    zh = "报文号 {key} 已用于结算 {settlement_id}，内容与本次不同。请换新的报文号，或用原内容重发。"
    en = "Message key {key} stands for settlement {settlement_id} with other content. Use a new key, or send the same."


class KeyReversed(Conflict):
    zh = "报文号 {key} 已被冲正，不能再结算。请用新的报文号重新结算。"
    en = "Message key {key} was reversed before it arrived. Settle again under a new key."


class Known(NamedTuple):
    """A key that was seen before."""

    key: str
    content_hash: bytes | None
    settlement_id: int | None

    def repeat(self, content_hash: bytes) -> Stands | KeyReversed | KeyTaken:
        """What a message under this key gets: the settlement that stands, or a Fault as a value."""
        if self.settlement_id is None:
            return KeyReversed(key=self.key)
        if self.content_hash != content_hash:
            return KeyTaken(key=self.key, settlement_id=self.settlement_id)
        return Stands(self.settlement_id)


# Sorted, so that two batches with the same keys wait for each other instead of for ever.
_CLAIM = """
INSERT INTO settlement_key (organisation_id, key, content_hash, settlement_id)
SELECT o, k, h, nextval('settlement_serial')
  FROM unnest(%(o)s::text[], %(k)s::text[], %(h)s::bytea[]) AS said(o, k, h)
    ON CONFLICT DO NOTHING RETURNING organisation_id, key, settlement_id"""


def claim(session: Session, names: Mapping[Name, bytes]) -> dict[Name, int]:
    """The names that are new, each with the id its settlement will have; a copy that runs is waited for."""
    rows = sorted(names.items())
    said = {"o": [name[0] for name, _ in rows], "k": [name[1] for name, _ in rows], "h": [h for _, h in rows]}
    return {(row[0], row[1]): row[2] for row in run(session, _CLAIM, said)}


def known_keys(session: Session, names: Sequence[Name]) -> dict[Name, Known]:
    """The names that were seen before."""
    if not names:
        return {}
    t = SettlementKey
    wanted = select(t.organisation_id, t.key, t.content_hash, t.settlement_id)
    rows = session.execute(wanted.where(tuple_(t.organisation_id, t.key).in_(names)))
    return {(row[0], row[1]): Known(*row[1:]) for row in rows}


def let_go(session: Session, names: Iterable[Name]) -> None:
    """A refused message leaves no key, so that it may come again."""
    named = list(names)
    if named:
        t = SettlementKey
        gone = delete(t).where(tuple_(t.organisation_id, t.key).in_(named))
        session.execute(gone.execution_options(synchronize_session=False))


def point(session: Session, names: Mapping[Name, int]) -> None:
    """A new name for a settlement that stands already."""
    if names:
        t = SettlementKey
        moved = update(t.__table__).where(t.organisation_id == bindparam("o"), t.key == bindparam("k"))  # type: ignore[arg-type]
        rows = [{"o": o, "k": k, "stands": settlement_id} for (o, k), settlement_id in names.items()]
        session.connection().execute(moved.values(settlement_id=bindparam("stands")), rows)
