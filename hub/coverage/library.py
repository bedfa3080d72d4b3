"""The benefit packs that the region has imported: the pack of the day of a bill decides it for ever."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import trust
from hub.coverage.packs import Pack, read_pack
from hub.coverage.tables import BenefitPack
from hub.faults import Conflict, Refused, Unknown
from hub.trust import Caller


class Issued(NamedTuple):
    """A pack's row without its text."""

    id: str
    area: str
    content_hash: str
    valid_from: date
    valid_to: date | None


class PackTaken(Conflict):
    zh = "待遇包 {pack_id} 已经导入过，内容不同。规则改变请用新的编号和生效日期。"
    en = "A benefit pack {pack_id} with other content stands. Changed rules need a new id and a new first day."


class PackUnknown(Unknown):
    zh = "没有编号为 {pack_id} 的待遇包。"
    en = "There is no benefit pack {pack_id}."


class PackMissing(Refused):
    zh = "参保地 {area} 在 {day} 没有生效的待遇包，不能结算。请联系医保局。"
    en = "No benefit pack of area {area} is in force on {day}, so nothing can be settled. Ask the bureau."


def import_pack(session: Session, caller: Caller, *, text: str) -> Pack:
    """Take in a pack's TOML; the same text again changes nothing. Refuses: NotAllowed, PackWrong, PackTaken."""
    trust.require(caller, "operations")
    pack = read_pack(text)
    stands = session.scalars(
        select(BenefitPack).where(
            (BenefitPack.id == pack.id)
            | ((BenefitPack.area == pack.area) & (BenefitPack.valid_from == pack.valid_from))
        )
    ).first()
    if stands is not None:
        if stands.content_hash != pack.content_hash:
            raise PackTaken(pack_id=stands.id)
        return pack
    session.add(
        BenefitPack(
            id=pack.id,
            area=pack.area,
            valid_from=pack.valid_from,
            valid_to=pack.valid_to,
            content_hash=pack.content_hash,
            text=text,
            imported_at=caller.at,
            imported_by=f"{caller.kind}/{caller.id}",
        )
    )
    session.flush()
    return pack


def pack_of(session: Session, *, area: str, day: date) -> Pack:
    """The pack of an insured area in force on a day. Refuses: PackMissing."""
    issued = select(
        BenefitPack.id, BenefitPack.area, BenefitPack.content_hash, BenefitPack.valid_from, BenefitPack.valid_to
    )
    rows = session.execute(issued.order_by(BenefitPack.valid_from.desc()))
    return in_force(read_issued(session, [Issued(*row) for row in rows]), area=area, day=day)


def in_force(packs: Iterable[Pack], *, area: str, day: date) -> Pack:
    """Of packs, newest first, the one of an area that decides a day. Refuses: PackMissing."""
    begun = next((pack for pack in packs if pack.area == area and pack.valid_from <= day), None)
    if begun is None or not begun.covers(day):
        raise PackMissing(area=area, day=day)
    return begun


def pack_named(session: Session, pack_id: str) -> Pack:
    """A pack that stands. Refuses: PackUnknown."""
    wanted = select(BenefitPack.content_hash, BenefitPack.text).where(BenefitPack.id == pack_id)
    found = session.execute(wanted).one_or_none()
    if found is None:
        raise PackUnknown(pack_id=pack_id)
    return _read(*found)


def packs(session: Session) -> Sequence[BenefitPack]:
    """Every pack imported, newest first."""
    return session.scalars(select(BenefitPack).order_by(BenefitPack.valid_from.desc())).all()


def read_issued(session: Session, issued: Sequence[Issued]) -> list[Pack]:
    """The packs of some rows, read from their text where this process has not read them yet."""
    new = [row.id for row in issued if row.content_hash not in _packs_read]
    if new:
        for row in session.execute(select(BenefitPack.content_hash, BenefitPack.text).where(BenefitPack.id.in_(new))):
            _read(*row)
    return [_packs_read[row.content_hash] for row in issued]


# A text never changes under its hash, so a process keeps what it has read.
_packs_read: dict[str, Pack] = {}


def _read(content_hash: str, text: str) -> Pack:
    if content_hash not in _packs_read:
        _packs_read[content_hash] = read_pack(text)
    return _packs_read[content_hash]
