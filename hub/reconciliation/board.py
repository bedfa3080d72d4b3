"""The bureau's morning: hospitals by days, and the sheet on which total A + named differences = total B."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from hub import directory
from hub.reconciliation import books
from hub.reconciliation.books import Bucket
from hub.reconciliation.causes import WORDS
from hub.reconciliation.matching import Kind
from hub.reconciliation.statements import NOTHING, Amounts, amounts_of, require_books
from hub.reconciliation.tables import Break, Comparison, Statement
from hub.trust import Caller, require

NOT_RECEIVED = ("not-received", "没收到医院的账", "The hospital's statement has not come")
LINES_AWAITED = ("lines-awaited", "总账不平，明细还没到", "Totals differ; lines have not come")
SINCE_THEN = ("since-then", "对账之后又发生的结算", "Settled after the statement was drawn up")


@dataclass(frozen=True, slots=True)
class Cell:
    """One hospital's day. `hospital` is None until it has sent anything; `difference` is insurer minus hospital.

    state: "none" (nothing to compare), "awaited", "balanced", "unbalanced".
    """

    organisation_id: str
    name: str
    name_en: str
    day: date
    hospital: Amounts | None
    insurer: Amounts
    difference: Amounts
    open_breaks: int
    state: str
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the bridge: what it is, and by how much it takes A towards B (fen and lines)."""

    kind: str
    zh: str
    en: str
    amounts: Amounts
    break_id: int | None = None
    setl_id: str = ""
    state: str = ""
    note: str = ""
    difference: Break | None = None


@dataclass(frozen=True, slots=True)
class Bridge:
    """A is the hospital's word, B the insurer's ledger; `received` are the hospital's statements it rests on."""

    organisation_id: str
    day: date
    hospital: Amounts
    entries: tuple[Entry, ...]
    insurer: Amounts
    received: tuple[Statement, ...]

    @property
    def foots(self) -> bool:
        reached = self.hospital
        for entry in self.entries:
            reached += entry.amounts
        return reached == self.insurer


@dataclass(slots=True)
class Position:
    """What stands for one hospital's day: the newest comparison of every bucket."""

    hospital: Amounts = NOTHING
    compared: list[tuple[Comparison, Statement, Statement]] = field(default_factory=list)
    covered: set[Bucket] = field(default_factory=set)


def day_board(session: Session, caller: Caller, day_from: date, day_to: date) -> list[Cell]:
    """Every institution's days in the period, institutions in their order, days ascending.

    The bureau sees all, an institution itself. Refuses: NotAllowed.
    """
    require(caller, "reconciliation.read")
    own = own_of(session, caller)
    standing = positions(session, day_from, day_to, own)
    ledger = books.totals(session, day_from, day_to, own)
    opened = _open_breaks(session, day_from, day_to)
    cells = []
    for row in directory.organisations(session, tiers=("tertiary", "county", "community", "village")):
        if own is not None and row.id != own:
            continue
        for number in range((day_to - day_from).days + 1):
            day = date.fromordinal(day_from.toordinal() + number)
            key = (row.id, day)
            cells.append(_cell(row, day, standing.get(key), ledger.get(key, {}), opened.get(key, 0)))
    return cells


def bridge(session: Session, caller: Caller, *, organisation_id: str, day: date) -> Bridge:
    """The day of one hospital on one sheet; it always foots. Refuses: NotAllowed, ForeignBooks."""
    require(caller, "reconciliation.read")
    require_books(session, caller, organisation_id)
    key = (organisation_id, day)
    position = positions(session, day, day, organisation_id).get(key, Position())
    ledger = books.totals(session, day, day, organisation_id).get(key, {})
    entries: list[Entry] = []
    for comparison, hospital, insurer in position.compared:
        if insurer.has_lines:
            entries += _named(session, comparison)
        elif amounts_of(insurer) != amounts_of(hospital):
            entries.append(
                Entry(*LINES_AWAITED, amounts_of(insurer) - amounts_of(hospital), note=_bucket_name(insurer))
            )
        later = _of_statement(ledger, insurer) - amounts_of(insurer)
        if later != NOTHING:
            entries.append(Entry(*SINCE_THEN, later, note=_bucket_name(insurer)))
    for bucket, amounts in sorted(ledger.items()):
        if bucket not in position.covered:
            note = f"insutype {bucket.insutype}, clr_type {bucket.clr_type}"
            entries.append(Entry(*NOT_RECEIVED, amounts, note=note))
    total = sum(ledger.values(), NOTHING)
    received = tuple(hospital for _, hospital, _ in position.compared)
    return Bridge(organisation_id, day, position.hospital, tuple(entries), total, received)


def _cell(
    row: directory.Organisation, day: date, position: Position | None, ledger: dict[Bucket, Amounts], opened: int
) -> Cell:
    insurer = sum(ledger.values(), NOTHING)
    hospital = position.hospital if position else None
    missing = ledger.keys() - (position.covered if position else set())
    if hospital is None:
        state = "awaited" if ledger else "none"
    elif opened:
        state = "unbalanced"  # also while another bucket is awaited: what is found is worked on first
    elif missing:
        state = "awaited"
    else:
        state = "balanced" if hospital == insurer else "unbalanced"
    received = max((h.received_at for _, h, _ in position.compared), default=None) if position else None
    difference = insurer - (hospital or NOTHING)
    return Cell(row.id, row.name, row.name_en, day, hospital, insurer, difference, opened, state, received)


def _named(session: Session, comparison: Comparison) -> list[Entry]:
    rows = session.scalars(select(Break).where(Break.comparison_id == comparison.id).order_by(Break.id)).all()
    return [
        Entry(
            row.kind,
            *WORDS[Kind(row.kind)],
            Amounts(
                (row.insurer_fee or 0) - (row.hospital_fee or 0),
                (row.insurer_fund or 0) - (row.hospital_fund or 0),
                (row.insurer_account or 0) - (row.hospital_account or 0),
                row.insurer_count - row.hospital_count,
            ),
            break_id=row.id,
            setl_id=row.setl_id,
            state=row.state,
            note=row.note,
            difference=row,
        )
        for row in rows
    ]


def positions(
    session: Session, day_from: date, day_to: date, organisation_id: str | None
) -> dict[tuple[str, date], Position]:
    """For every hospital's day the comparisons that stand, newest first; a bucket counts once.

    Totals that only repeat what the lines of the same bucket already said do not push the lines aside.
    """
    found: dict[tuple[str, date], Position] = {}
    rows = list(_comparisons(session, day_from, day_to, organisation_id))
    for comparison, hospital, insurer in rows:
        buckets = _buckets(hospital)
        position = found.setdefault((hospital.organisation_id, hospital.day_from), Position())
        if buckets & position.covered or _said_again(hospital, comparison, rows):
            continue
        position.covered |= buckets
        position.compared.append((comparison, hospital, insurer))
        position.hospital += amounts_of(hospital)
    return found


def _said_again(
    hospital: Statement, comparison: Comparison, rows: Sequence[tuple[Comparison, Statement, Statement]]
) -> bool:
    if hospital.has_lines or comparison.balanced:
        return False
    return any(
        other.has_lines
        and other.organisation_id == hospital.organisation_id
        and other.day_from == hospital.day_from
        and _buckets(other) == _buckets(hospital)
        and amounts_of(other) == amounts_of(hospital)
        for _, other, _ in rows
    )


def _comparisons(
    session: Session, day_from: date, day_to: date, organisation_id: str | None
) -> list[tuple[Comparison, Statement, Statement]]:
    hospital, insurer = aliased(Statement), aliased(Statement)
    wanted = (
        select(Comparison, hospital, insurer)
        .join(hospital, hospital.id == Comparison.hospital_id)
        .join(insurer, insurer.id == Comparison.insurer_id)
        .where(hospital.day_from >= day_from, hospital.day_to <= day_to, hospital.day_from == hospital.day_to)
        .order_by(Comparison.id.desc())
    )
    if organisation_id is not None:
        wanted = wanted.where(hospital.organisation_id == organisation_id)
    return [(c, h, i) for c, h, i in session.execute(wanted)]


def _open_breaks(session: Session, day_from: date, day_to: date) -> dict[tuple[str, date], int]:
    wanted = select(Break.organisation_id, Break.day_from).where(
        Break.day_from >= day_from, Break.day_to <= day_to, Break.state.not_in(("resolved", "healed"))
    )
    counts: dict[tuple[str, date], int] = {}
    for organisation_id, day in session.execute(wanted):
        counts[organisation_id, day] = counts.get((organisation_id, day), 0) + 1
    return counts


def _buckets(row: Statement) -> set[Bucket]:
    return {Bucket(insutype, row.clr_type, row.office) for insutype in row.insutypes or [""]}


def _of_statement(ledger: dict[Bucket, Amounts], row: Statement) -> Amounts:
    return sum((amounts for bucket, amounts in ledger.items() if bucket in _buckets(row)), NOTHING)


def _bucket_name(row: Statement) -> str:
    return f"insutype {'/'.join(row.insutypes)}, clr_type {row.clr_type}"


def own_of(session: Session, caller: Caller) -> str | None:
    """The only institution whose books a caller sees; None for the bureau, which sees all."""
    own = caller.organisation_id
    return None if own is not None and directory.organisation(session, own).tier == "bureau" else own
