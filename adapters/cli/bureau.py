"""What `onecard packs` and `onecard enrolments` do."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.registry import in_the_house
from adapters.supervisor import CannotStart
from hub import coverage, settlement
from hub.trust import SCOPES, Caller
from hub.units import Money


def import_packs(files: Sequence[Path]) -> None:
    texts = [_text(file) for file in files]

    def work(session: Session) -> list[str]:
        names = [coverage.import_pack(session, _operator(), text=text).id for text in texts]
        states = {each.pack.id: each.release.state for each in coverage.packs(session)}
        return [f"{name} is {states[name]}" for name in names]

    for line in in_the_house(work):
        print(line)


def list_packs() -> None:
    def work(session: Session) -> list[str]:
        return [
            f"{each.pack.id:32} {each.pack.area}  {each.pack.valid_from} – {each.pack.valid_to or '':10}  "
            f"{each.release.state:9}  {each.pack.content_hash[:16]}"
            for each in coverage.packs(session)
        ]

    for line in in_the_house(work):
        print(line)


def replay_pack(pack_id: str, *, month: str, as_json: bool) -> None:
    first = settlement.month_of(month)

    def work(session: Session) -> dict[str, Any]:
        row = settlement.replay(session, _operator(), pack_id=pack_id, month=first, progress=_tell_progress)
        return {"pack": pack_id, "first_day": str(row.first_day), "last_day": str(row.last_day), **row.report}

    found = in_the_house(work)
    print(json.dumps(found, ensure_ascii=False) if as_json else _report(found))


def import_enrolments(file: Path, *, source: str) -> None:
    rows = coverage.read_enrolments(_table_text(file))
    fed = in_the_house(lambda session: coverage.feed(session, _operator(), rows=rows, source=source))
    print(f"{fed.new} new, {fed.changed} changed, {fed.unchanged} as they were, {fed.credited} accounts credited")


def _report(found: dict[str, Any]) -> str:
    head = "{first_day} – {last_day}: {settlements} settlements, {changed} otherwise; the patient pays more in "
    lines = [(head + "{pays_more}, less in {pays_less}; {refused} cannot be settled under it").format(**found)]
    funds_of_hospitals = {name: amounts["fund"] for name, amounts in found["hospitals"].items()}
    for title, rows in (
        ("fund", found["totals"]),
        ("hospital (funds)", funds_of_hospitals),
        ("class (funds)", found["classes"]),
    ):
        lines.append(f"\n{title:20} {'then':>18} {'under the pack':>18} {'difference':>18}")
        lines += [f"{n:20} {Money(a)!s:>18} {Money(b)!s:>18} {Money(b - a)!s:>18}" for n, (a, b) in rows.items()]
    lines += [f"\nsettlement {each['settlement']}: {each['en']}" for each in found["refusals"]]
    return "\n".join(lines)


def _tell_progress(done: int, whole: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {whole:,}", end="\n" if done == whole else "", file=sys.stderr, flush=True)


def _operator() -> Caller:
    """Who works at this machine: may take things in, but is no clerk and signs nothing."""
    return Caller(kind="job", id="onecard", at=door.now(), scopes=SCOPES, purpose="operation", trace="onecard")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CannotStart(f"{file}: {error}") from None


def _table_text(file: Path) -> str:
    """A table as an office program saves it: UTF-8, or else the Chinese national encoding."""
    content = file.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CannotStart(f"{file}: neither UTF-8 nor GB18030")
