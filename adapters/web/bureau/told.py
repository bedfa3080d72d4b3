"""A difference as a clerk reads it: why, what to do, whose it is, how old it is, and what this clerk may do now."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from adapters.statement_text import lines_with
from adapters.web import sessions
from adapters.web.operations import anatomy
from hub import directory, reconciliation, trust
from hub.reconciliation import ADVICE, BREAK, USUAL_ACTION, WORDS, Break, Evidence, Kind
from hub.units import day_of, masked_number


@dataclass(frozen=True)
class Told:
    """A difference as a clerk reads it. `may` are the events that this clerk may cause now."""

    row: Break
    hospital: directory.Organisation
    cause: tuple[str, str]
    advice: tuple[str, str]
    usual: str
    age: int
    may: tuple[str, ...]
    mine: bool

    @property
    def off(self) -> int:
        """Insurer minus hospital, what the fund paid, in fen."""
        return (self.row.insurer_fund or 0) - (self.row.hospital_fund or 0)


def told_of(session: Session, clerk: sessions.Clerk, row: Break) -> Told:
    kind = Kind(row.kind)
    return Told(
        row=row,
        hospital=directory.organisation(session, row.organisation_id),
        cause=reconciliation.cause(row),
        advice=ADVICE[kind],
        usual=USUAL_ACTION[kind],
        age=reconciliation.working_days(day_of(row.found_at), day_of(clerk.at)),
        may=_may(clerk, row),
        mine=row.owner == clerk.caller.id,
    )


def own_books(clerk: sessions.Clerk) -> str | None:
    """A hospital sees its own books; the bureau all."""
    return None if clerk.organisation.tier == "bureau" else clerk.organisation_id


def audit_opened(session: Session, clerk: sessions.Clerk, verb: str, found: Evidence) -> None:
    """Who opened what was sealed, about whom."""
    subject = f"break/{found.difference.id}"
    trust.audit(session, clerk.caller, verb=verb, subject=subject, person_id=found.person_id)


def hospital_text(found: Evidence) -> list[str]:
    """The hospital's lines as they stand in its file; of lines that came otherwise, what they say."""
    if found.file is not None and (written := lines_with(found.file.content, found.difference.setl_id)):
        return written
    return ["\t".join(line.items) for line in found.lines]


def masked_line(text: str, found: Evidence) -> str:
    """A line without the person's number in it."""
    for line in found.lines:
        if line.psn_no:
            text = text.replace(line.psn_no, masked_number(line.psn_no))
    return anatomy.masked_text(text)


def names_of(session: Session, rows: Collection[Told]) -> dict[str, str]:
    """What the people named in differences are called."""
    named = {
        n for told in rows for n in (told.row.owner, told.row.proposed_by, told.row.approved_by, told.row.assigned_by)
    }
    return trust.staff_names(session, {name for name in named if name})


def kinds_in_words() -> dict[str, tuple[str, str]]:
    return {kind.value: said for kind, said in WORDS.items()}


def _may(clerk: sessions.Clerk, row: Break) -> tuple[str, ...]:
    """What this person may do with a difference now: nobody approves what they proposed."""
    if "reconciliation.write" not in clerk.caller.scopes:
        return ()
    events = BREAK.allowed(row.state)
    bureau = clerk.organisation.tier == "bureau"
    shown = [event for event in ("approve", "propose", "resolve", "send-back") if event in events]
    may = [e for e in shown if e != "approve" or (bureau and row.proposed_by != clerk.caller.id)]
    if bureau and row.state not in reconciliation.CLOSED:
        may += ["assign"] if row.owner else ["take", "assign"]
    return tuple(may)
