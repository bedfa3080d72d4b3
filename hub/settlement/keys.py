"""Message keys: one row a message of a hospital, claimed before anything is done, so that the database decides."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from hub.db import Statement, run, run_together
from hub.faults import Conflict
from hub.settlement.charges import Stands

Name = tuple[str, str]
"""organisation_id and key: what a hospital calls one of its messages."""


class KeyTaken(Conflict):
    """`element` is where the two messages differ."""

    zh = "报文号 {key} 已用于结算 {settlement_id}，与本次的 {element} 不同。请换新的报文号，或用原内容重发。"
    en = "Key {key} stands for settlement {settlement_id} with another {element}. Use a new key, or send the same."


class KeyReversed(Conflict):
    zh = "报文号 {key} 已被冲正，不能再结算。请用新的报文号重新结算。"
    en = "Message key {key} was reversed before it arrived. Settle again under a new key."


class KeyUndone(Conflict):
    zh = "报文号 {key} 的结算 {settlement_id} 已撤销，不能再用这个报文号。要重新结算，请换新的报文号。"
    en = "Settlement {settlement_id}, made under key {key}, was undone. To settle again, use a new key."


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
            return KeyTaken(key=self.key, settlement_id=self.settlement_id, element="content")
        return Stands(self.settlement_id)


def claim(session: Session, names: Mapping[Name, bytes]) -> dict[Name, int]:
    """The names that are new, each with the id its settlement will have; a copy that runs is waited for."""
    return claimed_in(run(session, *claiming(names)))


def claiming(names: Mapping[Name, bytes]) -> Statement:
    """What `claim` runs."""
    rows = sorted(names.items())
    said = _named([name for name, _ in rows]) | {"h": [content_hash for _, content_hash in rows]}
    return _CLAIM, said


def claimed_in(rows: Iterable[Any]) -> dict[Name, int]:
    """What `claim` answers, from the rows of `claiming`."""
    return {(row.organisation_id, row.key): row.settlement_id for row in rows}


def known_keys(session: Session, names: Sequence[Name]) -> dict[Name, Known]:
    """The names that were seen before."""
    rows = run(session, _KNOWN, _named(names)) if names else []
    return {(row.organisation_id, row.key): Known(*row[1:]) for row in rows}


def letting_go(names: Sequence[Name]) -> list[Statement]:
    """A refused message leaves no key, so that it may come again."""
    return [(_LET_GO, _named(names))] if names else []


def point(session: Session, names: Mapping[Name, int]) -> None:
    """A new name for a settlement that stands already."""
    run_together(session, pointing(names))


def pointing(names: Mapping[Name, int]) -> list[Statement]:
    """What `point` runs."""
    return [(_POINT, _named(list(names)) | {"ids": list(names.values())})] if names else []


def _named(names: Sequence[Name]) -> dict[str, Any]:
    return {"o": [name[0] for name in names], "k": [name[1] for name in names]}


# Sorted, so that two batches with the same keys wait for each other instead of for ever.
_CLAIM = """
INSERT INTO settlement_key (organisation_id, key, content_hash, settlement_id)
SELECT o, k, h, nextval('settlement_serial')
  FROM unnest(%(o)s::text[], %(k)s::text[], %(h)s::bytea[]) AS said(o, k, h)
    ON CONFLICT DO NOTHING RETURNING organisation_id, key, settlement_id"""

_KNOWN = """
SELECT organisation_id, key, content_hash, settlement_id
  FROM unnest(%(o)s::text[], %(k)s::text[]) AS said(organisation_id, key)
  JOIN settlement_key USING (organisation_id, key)"""

_LET_GO = """
DELETE FROM settlement_key AS t USING unnest(%(o)s::text[], %(k)s::text[]) AS said(o, k)
 WHERE t.organisation_id = said.o AND t.key = said.k"""

_POINT = """
UPDATE settlement_key AS t SET settlement_id = said.stands
  FROM unnest(%(o)s::text[], %(k)s::text[], %(ids)s::bigint[]) AS said(o, k, stands)
 WHERE t.organisation_id = said.o AND t.key = said.k"""
