"""The benefit packs that the region has imported: the pack of the day of a bill decides it for ever.

    imported ---sign---> signed ---sign, by another clerk---> live
        \\__________________\\______withdraw______> withdrawn

Only a live pack decides bills. It is in force from its first day until its last, or until a later one begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub import trust
from hub.coverage.checking import check_neighbours, check_pack
from hub.coverage.packs import Pack, read_pack
from hub.coverage.tables import PACK, BenefitPack, PackRelease
from hub.db import run
from hub.faults import Conflict, Forbidden, Missing, Refused, Unknown
from hub.trust import Caller
from hub.units import day_of


class PackTaken(Conflict):
    zh = "待遇包 {pack_id} 已经导入过，内容不同。规则改变请用新的编号和生效日期。"
    en = "A benefit pack {pack_id} with other content stands. Changed rules need a new id and a new first day."


class PackWithdrawn(Conflict):
    zh = "待遇包 {pack_id} 已被 {by} 撤回。请改正后用新的编号导入。"
    en = "Benefit pack {pack_id} was withdrawn by {by}. Mend it and import it under a new id."


class PackUnknown(Unknown):
    zh = "没有编号为 {pack_id} 的待遇包。"
    en = "There is no benefit pack {pack_id}."


class PackMissing(Refused):
    zh = "参保地 {area} 在 {day} 没有生效的待遇包，不能结算。请联系医保局。"
    en = "No benefit pack of area {area} is in force on {day}, so nothing can be settled. Ask the bureau."


class PackBackdated(Refused):
    zh = "待遇包 {pack_id} 从 {valid_from} 起生效，但到今天为止的账单已由 {stands} 决定。请把生效日期改到明天或以后。"
    en = (
        "Pack {pack_id} begins on {valid_from}, but {stands} decides bills up to today. Let it begin tomorrow or later."
    )


class SameSignature(Refused):
    zh = "待遇包 {pack_id} 已由您签过，须由另一位经办人再签。"
    en = "You have signed pack {pack_id} already; another clerk has to sign it too."


class NotAClerk(Forbidden):
    zh = "待遇包只能由登录的医保局经办人签署或撤回。"
    en = "Only a clerk of the bureau who is signed in may sign or withdraw a pack."


@dataclass(frozen=True, slots=True)
class Imported:
    """A pack's text, and how far it is on its way to deciding bills."""

    pack: BenefitPack
    release: PackRelease


def import_pack(session: Session, caller: Caller, *, text: str) -> Pack:
    """Take in a pack's TOML, checked; the same text again changes nothing. It decides nothing until it is signed.

    Refuses: NotAllowed, PackWrong and what `check_pack` and `check_neighbours` refuse, PackTaken, PackWithdrawn.
    """
    trust.require(caller, "coverage.write")
    text = text.replace("\r\n", "\n").strip() + "\n"  # pasted or read from a file, it is the same text
    pack = read_pack(text)
    check_pack(pack)
    # Two may import at once: the key decides, and who comes second sees what stands.
    row = insert(BenefitPack).values(
        id=pack.id,
        area=pack.area,
        valid_from=pack.valid_from,
        valid_to=pack.valid_to,
        content_hash=pack.content_hash,
        text=text,
        imported_at=caller.at,
        imported_by=_name(caller),
    )
    if session.execute(row.on_conflict_do_nothing().returning(BenefitPack.id)).first() is None:
        return _stands(session, pack)
    release = insert(PackRelease).values(pack_id=pack.id, area=pack.area, valid_from=pack.valid_from, state=PACK.start)
    if session.execute(release.on_conflict_do_nothing().returning(PackRelease.pack_id)).first() is None:
        same_day = (PackRelease.area == pack.area) & (PackRelease.valid_from == pack.valid_from)
        raise PackTaken(pack_id=session.scalar(select(PackRelease.pack_id).where(same_day, _KEPT)))
    check_neighbours(pack, _kept(session, pack))
    return pack


def sign_pack(session: Session, caller: Caller, *, pack_id: str) -> PackRelease:
    """One clerk's signature; with the second, another clerk's, the pack decides the bills of its days.

    Refuses: NotAllowed, NotAClerk, PackUnknown, SameSignature, PackBackdated, what `check_neighbours` refuses,
    IllegalMove.
    """
    _require_clerk(caller)
    row = _release(session, pack_id)
    target = PACK.after(row.state, "sign")
    if row.state == PACK.start:
        row.first_by, row.first_at = _name(caller), caller.at
    else:
        if row.first_by == _name(caller):
            raise SameSignature(pack_id=pack_id)
        pack = pack_named(session, pack_id)
        check_neighbours(pack, _kept(session, pack))
        _check_not_backdated(session, pack, today=day_of(caller.at))
        row.second_by, row.second_at = _name(caller), caller.at
    row.state = target
    session.flush()
    return row


def withdraw_pack(session: Session, caller: Caller, *, pack_id: str, reason: str) -> PackRelease:
    """Take back a pack that is not live yet. Refuses: NotAllowed, NotAClerk, Missing, PackUnknown, IllegalMove."""
    _require_clerk(caller)
    if not reason.strip():
        raise Missing(element="reason")
    row = _release(session, pack_id)
    PACK.move(row, "withdraw")
    row.withdrawn_by, row.withdrawn_at, row.withdrawal_reason = _name(caller), caller.at, reason
    session.flush()
    return row


def pack_of(session: Session, *, area: str, day: date) -> Pack:
    """The pack of an insured area in force on a day. Refuses: PackMissing."""
    return in_force(packs_of(session, [area]), area=area, day=day)


def packs(session: Session) -> Sequence[Imported]:
    """Every pack imported, newest first."""
    wanted = select(BenefitPack, PackRelease).join(PackRelease, PackRelease.pack_id == BenefitPack.id)
    newest = wanted.order_by(BenefitPack.valid_from.desc(), BenefitPack.imported_at.desc(), BenefitPack.id)
    return [Imported(pack, release) for pack, release in session.execute(newest)]


def packs_of(session: Session, areas: Iterable[str]) -> list[Pack]:
    """Every live pack of some areas, newest first."""
    return packs_in(run(session, _PACKS, {"areas": list(areas)}))


def packs_in(rows: Iterable[Any]) -> list[Pack]:
    """The packs of rows that have a `text`."""
    return [_read(row.text) for row in rows]


def in_force(packs: Iterable[Pack], *, area: str, day: date) -> Pack:
    """Of packs, newest first, the one of an area that decides a day. Refuses: PackMissing."""
    begun = next((pack for pack in packs if pack.area == area and pack.valid_from <= day), None)
    if begun is None or not begun.covers(day):
        raise PackMissing(area=area, day=day)
    return begun


def pack_named(session: Session, pack_id: str) -> Pack:
    """A pack by its id, whatever its state. Refuses: PackUnknown."""
    text = session.scalars(select(BenefitPack.text).where(BenefitPack.id == pack_id)).first()
    if text is None:
        raise PackUnknown(pack_id=pack_id)
    return _read(text)


# The text decides, so a process may keep what it has read.
_read = lru_cache(maxsize=64)(read_pack)

_PACKS = """
SELECT p.text FROM benefit_pack AS p JOIN benefit_pack_release AS r ON r.pack_id = p.id
 WHERE p.area = ANY(%(areas)s::text[]) AND r.state = 'live' ORDER BY p.valid_from DESC"""

PACKS_OF_PERSONS = """
SELECT p.text FROM benefit_pack AS p JOIN benefit_pack_release AS r ON r.pack_id = p.id
 WHERE p.area IN (SELECT area FROM enrolment WHERE person_id = ANY(%(persons)s::bigint[]) AND state = 'active')
   AND r.state = 'live' ORDER BY p.valid_from DESC"""

_KEPT = PackRelease.state != "withdrawn"


def _stands(session: Session, pack: Pack) -> Pack:
    """The pack was imported before, word for word. Refuses: PackTaken, PackWithdrawn."""
    same_text = (BenefitPack.id == pack.id) | (BenefitPack.content_hash == pack.content_hash)
    stands = session.scalars(select(BenefitPack).where(same_text)).one()
    if stands.content_hash != pack.content_hash:
        raise PackTaken(pack_id=stands.id)
    release = session.get_one(PackRelease, stands.id)
    if release.state == "withdrawn":
        raise PackWithdrawn(pack_id=stands.id, by=release.withdrawn_by)
    return pack


def _kept(session: Session, pack: Pack) -> list[Pack]:
    """The other packs of its area that were not withdrawn, oldest first."""
    wanted = select(BenefitPack.text).join(PackRelease, PackRelease.pack_id == BenefitPack.id)
    wanted = wanted.where(BenefitPack.area == pack.area, BenefitPack.id != pack.id, _KEPT)
    return [_read(text) for text in session.scalars(wanted.order_by(BenefitPack.valid_from))]


def _check_not_backdated(session: Session, pack: Pack, *, today: date) -> None:
    """A day that has begun keeps its pack: bills of it may be settled already."""
    if pack.valid_from > today:
        return
    earlier = next((live for live in packs_of(session, [pack.area]) if live.valid_from < pack.valid_from), None)
    if earlier is not None and earlier.covers(pack.valid_from):
        raise PackBackdated(pack_id=pack.id, valid_from=pack.valid_from, stands=earlier.id)


def _release(session: Session, pack_id: str) -> PackRelease:
    """The row, locked: two signatures at once are one after the other."""
    wanted = select(PackRelease).where(PackRelease.pack_id == pack_id).with_for_update()
    row = session.scalars(wanted.execution_options(populate_existing=True)).first()
    if row is None:
        raise PackUnknown(pack_id=pack_id)
    return row


def _require_clerk(caller: Caller) -> None:
    trust.require(caller, "coverage.write")
    if caller.kind != "staff":
        raise NotAClerk()


def _name(caller: Caller) -> str:
    return f"{caller.kind}/{caller.id}"
