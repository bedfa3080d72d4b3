"""The day of the whole region: exported, matched, every difference named and kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.orm import Session

from adapters import door
from adapters.reconciling import journal
from adapters.reconciling.exporting import export
from adapters.reconciling.matching import Matched, match
from hub import reconciliation
from hub.reconciliation import Amounts, Compared, Journal, Side, Statement
from hub.trust import SCOPES, Caller
from hub.units import Money

Progress = Callable[[str, int, int], None]
"""What is being done, how many of how many statements are done."""


@dataclass
class Day:
    """What came of it: every statement compared, what is still awaited, and where the seconds went."""

    day: date
    compared: list[tuple[Statement, Compared]] = field(default_factory=list)
    awaited: dict[str, Amounts] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    seconds: dict[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            "day": self.day.isoformat(),
            "statements": [_statement(row, found) for row, found in self.compared],
            "awaited": {organisation: _amounts(amounts) for organisation, amounts in sorted(self.awaited.items())},
            "journal": {
                "settlements": self.journal.settlements,
                "answers": self.journal.answers,
                "differing": [
                    {"settlement_id": number, "msgid": msgid, "element": one.element}
                    | {"said": str(Money(one.said)), "stands": str(Money(one.summed))}
                    for number, msgid, one in self.journal.differing
                ],
            },
            "seconds": {step: round(taken, 2) for step, taken in self.seconds.items()},
        }


def reconcile(dsn: str, day: date, *, progress: Progress = lambda *_: None) -> Day:
    """Compare every statement with lines that stands for a day; run again, it changes nothing that was decided."""
    done, caller = Day(day), Caller(kind="job", id="reconcile", at=door.now(), scopes=SCOPES, door="job")

    def standing(session: Session) -> list[Statement]:
        rows = reconciliation.standing(session, caller, day=day)
        done.awaited = reconciliation.awaited(session, caller, day=day, answered=rows)
        return rows

    rows = door.transact(standing)
    began = time.perf_counter()
    done.journal = journal.compare(caller, day)
    done.seconds["journal"] = time.perf_counter() - began
    if not rows:
        return done
    with TemporaryDirectory(prefix="onecard-reconcile-") as name:
        matched = _matched(dsn, Path(name), [row.id for row in rows], done.seconds, progress)
    began = time.perf_counter()
    for number, row in enumerate(rows, start=1):
        found = door.transact(lambda session, row=row: _named(session, caller, row, matched))  # type: ignore[misc]
        done.compared.append((row, found))
        progress("naming", number, len(rows))
    done.seconds["naming"] = time.perf_counter() - began
    return done


def _matched(dsn: str, folder: Path, standing: list[int], seconds: dict[str, float], progress: Progress) -> Matched:
    began = time.perf_counter()
    hospital, insurer = folder / "hospital.parquet", folder / "insurer.parquet"
    progress("exporting", 0, 2)
    export(dsn, reconciliation.HOSPITAL_LINES, standing, hospital)
    progress("exporting", 1, 2)
    export(dsn, reconciliation.INSURER_LINES, standing, insurer)
    progress("exporting", 2, 2)
    seconds["exporting"] = time.perf_counter() - began
    began = time.perf_counter()
    progress("matching", 0, 1)
    matched = match(folder, hospital, insurer)
    progress("matching", 1, 1)
    seconds["matching"] = time.perf_counter() - began
    return matched


def _named(session: Session, caller: Caller, row: Statement, matched: Matched) -> Compared:
    hospital = Side(matched.hospital.get(row.id, Amounts()), matched.hospital_suspects.get(row.id, ()))
    insurer = Side(matched.insurer.get(row.id, Amounts()), matched.insurer_suspects.get(row.id, ()))
    return reconciliation.compare_standing(session, caller, statement_id=row.id, hospital=hospital, insurer=insurer)


def _statement(row: Statement, found: Compared) -> dict[str, Any]:
    return {
        "organisation_id": row.organisation_id,
        "clr_type": row.clr_type,
        "office": row.office,
        "insutypes": row.insutypes,
        "statement_id": row.id,
        "hospital": _amounts(found.hospital),
        "insurer": _amounts(found.insurer),
        "balanced": found.balanced,
        "breaks": [
            {"break_id": each.id, "setl_id": each.setl_id, "kind": each.kind, "state": each.state, "note": each.note}
            for each in found.breaks
        ],
    }


def _amounts(amounts: Amounts) -> dict[str, Any]:
    yuan = {"fee": amounts.fee, "fund": amounts.fund, "account": amounts.account}
    return {name: str(Money(fen)) for name, fen in yuan.items()} | {"count": amounts.count}
