"""What a settlement moves in a year's accumulators, and moving it: there and, when it is undone, back."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from hub.coverage.tables import Account, Accumulator, ChronicUse


class Movement(NamedTuple):
    """Fen by accumulator, and admissions; `account` is what the personal account paid."""

    admissions: int
    pool: int
    large: int
    serious: int
    aid: int
    own_in_scope: int
    outpatient_deductible: int
    outpatient_pool: int
    chronic: int
    account: int


_OF_ACCUMULATOR = Movement._fields.index("chronic")
ACCUMULATORS = Movement._fields[:_OF_ACCUMULATOR]
"""The columns of Accumulator."""


class Moved(NamedTuple):
    """A movement and the rows it belongs to; undoing a settlement moves the negative."""

    person_id: int
    year: int
    insutype: str
    disease: str | None
    movement: Movement


def move(session: Session, moves: Sequence[Moved]) -> None:
    """Add the movements to accumulators, chronic quotas and accounts, whose rows the caller holds locked."""
    amounts = [_accumulator_row(moved) for moved in moves if any(moved.movement[:_OF_ACCUMULATOR])]
    if amounts:
        session.connection().execute(_MOVE_ACCUMULATOR, amounts)
    quotas = [moved for moved in moves if moved.movement.chronic]
    if quotas:
        session.execute(insert(ChronicUse).on_conflict_do_nothing(), [_empty_quota(moved) for moved in quotas])
        moves_by = [_named(moved) | {"of_disease": moved.disease, "by": moved.movement.chronic} for moved in quotas]
        session.connection().execute(_MOVE_CHRONIC, moves_by)
    accounts = [
        {"of_person": moved.person_id, "by": -moved.movement.account} for moved in moves if moved.movement.account
    ]
    if accounts:
        session.connection().execute(_MOVE_ACCOUNT, accounts)


_MOVE_ACCUMULATOR = (
    update(Accumulator.__table__)  # type: ignore[arg-type]
    .where(
        Accumulator.person_id == bindparam("of_person"),
        Accumulator.year == bindparam("of_year"),
        Accumulator.insutype == bindparam("of_insutype"),
    )
    .values({name: getattr(Accumulator, name) + bindparam(f"by_{name}") for name in ACCUMULATORS})
)
_MOVE_CHRONIC = (
    update(ChronicUse.__table__)  # type: ignore[arg-type]
    .where(
        ChronicUse.person_id == bindparam("of_person"),
        ChronicUse.year == bindparam("of_year"),
        ChronicUse.insutype == bindparam("of_insutype"),
        ChronicUse.disease == bindparam("of_disease"),
    )
    .values(paid=ChronicUse.paid + bindparam("by"))
)
_MOVE_ACCOUNT = (
    update(Account.__table__)  # type: ignore[arg-type]
    .where(Account.person_id == bindparam("of_person"))
    .values(balance=Account.balance + bindparam("by"))
)


def _accumulator_row(moved: Moved) -> dict[str, object]:
    by = zip(ACCUMULATORS, moved.movement, strict=False)
    return {f"by_{name}": amount for name, amount in by} | _named(moved)


def _named(moved: Moved) -> dict[str, object]:
    return {"of_person": moved.person_id, "of_year": moved.year, "of_insutype": moved.insutype}


def _empty_quota(moved: Moved) -> dict[str, object]:
    return {
        "person_id": moved.person_id,
        "year": moved.year,
        "insutype": moved.insutype,
        "disease": moved.disease,
        "paid": 0,
    }
