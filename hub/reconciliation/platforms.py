"""The insurer's side where a platform further up settles: its own file, told in the numbers that hospitals know."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.reconciliation.matching import Line
from hub.settlement import Settlement
from hub.settlement.upstream import PlatformLine


def in_our_numbers(session: Session, lines: Sequence[PlatformLine], *, area: str) -> list[Line]:
    """A platform's lines as those of a statement.

    What this hub has recorded carries our setl_id and mdtrt_id, by which the hospital lists it; what it has not keeps
    the platform's, and stands on one side only.
    """
    named = Settlement.platform["setl_id"].as_string()
    own = select(named, Settlement.id, Settlement.visit_id).where(
        Settlement.undoes.is_(None),
        Settlement.platform["area"].as_string() == area,
        named.in_({line.setl_id for line in lines}),
    )
    ours = {setl_id: (str(number), str(visit_id)) for setl_id, number, visit_id in session.execute(own)}
    told = []
    for line in lines:
        setl_id, mdtrt_id = ours.get(line.setl_id, (line.setl_id, line.mdtrt_id))
        told.append(Line(setl_id, mdtrt_id, line.psn_no, line.total, line.fund, line.account, line.refund, line.msgid))
    return told
