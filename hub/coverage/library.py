"""The benefit packs that the region has imported: the pack of the day of a bill decides it for ever."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import trust
from hub.coverage.packs import Pack, read_pack
from hub.coverage.tables import BenefitPack
from hub.db import run
from hub.faults import Conflict, Refused, Unknown
from hub.trust import Caller


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
    return in_force(packs_of(session, [area]), area=area, day=day)


def packs(session: Session) -> Sequence[BenefitPack]:
    """Every pack imported, newest first."""
    return session.scalars(select(BenefitPack).order_by(BenefitPack.valid_from.desc())).all()


def packs_of(session: Session, areas: Iterable[str]) -> list[Pack]:
    """Every pack of some areas, newest first."""
    return [_read(row.text) for row in run(session, _PACKS, {"areas": list(areas)})]


def in_force(packs: Iterable[Pack], *, area: str, day: date) -> Pack:
    """Of packs, newest first, the one of an area that decides a day. Refuses: PackMissing."""
    begun = next((pack for pack in packs if pack.area == area and pack.valid_from <= day), None)
    if begun is None or not begun.covers(day):
        raise PackMissing(area=area, day=day)
    return begun


def pack_named(session: Session, pack_id: str) -> Pack:
    """A pack that stands. Refuses: PackUnknown."""
    text = session.scalars(select(BenefitPack.text).where(BenefitPack.id == pack_id)).first()
    if text is None:
        raise PackUnknown(pack_id=pack_id)
    return _read(text)


# The text decides, so a process may keep what it has read.
_read = lru_cache(maxsize=64)(read_pack)

_PACKS = "SELECT text FROM benefit_pack WHERE area = ANY(%(areas)s::text[]) ORDER BY valid_from DESC"
