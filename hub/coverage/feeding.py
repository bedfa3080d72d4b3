"""Enrolments as the insurer feeds them: rows of a file or of a call, all of them or none.

A file is CSV with a header; columns in any order:

    certno name insutype psn_no psn_type area since      needed
    until state retired civil_servant aid employer account_credit      may be left out
    account_of relation proof consented_on shared_since shared_until   for who may pay from a relative's account

account_of is the owner's document number, relation what the person of the row is to the owner (parent, spouse,
child); without shared_since the sharing begins on the day of the consent. Flags are 1 or 0 (or 是, 否), days
2026-01-31, amounts yuan. Fed again, a row changes nothing; account_credit is booked once for a source.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import people, trust
from hub.coverage.enrolments import Enrolled, credit, enrol, enrolment_on, stands_so, wrong_in
from hub.coverage.sharing import Sharing, share_account
from hub.coverage.tables import AccountCredit
from hub.faults import Fault, Invalid, Missing
from hub.people import Demographics, Identification
from hub.trust import Caller
from hub.units import Money, day_of

CITIZEN = "certno/01"
NEEDED = ("certno", "name", "insutype", "psn_no", "psn_type", "area", "since")
SHARED = ("account_of", "relation", "proof", "consented_on", "shared_since", "shared_until")
OPTIONAL = ("until", "state", "retired", "civil_servant", "aid", "employer", "account_credit", *SHARED)
NAMED_AT_MOST = 20
LONGEST_NAME = 50
LONGEST_SOURCE = 100
_FLAGS = {"": False, "0": False, "否": False, "1": True, "是": True}
MOST_CREDIT = 10**9


class EnrolmentsWrong(Invalid):
    """`element` is the first that is wrong; `problems` has the first twenty, each with its row."""

    zh = "{count} 处有误，一行也没有写入：{found}"
    en = "{count} places are wrong and no row was written: {found}"

    def __init__(self, *, problems: Sequence[tuple[str, Fault]]) -> None:
        self.problems = problems
        super().__init__(element=problems[0][0], allowed="", count=len(problems))

    def sentence(self, language: str = "zh") -> str:
        named = [f"{place}: {fault.sentence(language)}" for place, fault in self.problems[:NAMED_AT_MOST]]
        return (self.zh if language == "zh" else self.en).format(**self.facts | {"found": " ".join(named)})


@dataclass(frozen=True, slots=True)
class SharedWith:
    """That the person of a row may pay from the account of another, known by document number."""

    account_of: str
    relation: str
    proof: str
    consented_on: date
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One person's enrolment as fed; account_credit (fen) is put into the personal account."""

    certno: str
    name: str
    enrolled: Enrolled
    account_credit: int = 0
    shared: SharedWith | None = None


@dataclass(slots=True)
class Fed:
    """What a feed came to, in rows."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    credited: int = 0
    shared: int = 0


def read_enrolments(text: str) -> list[Row]:
    """The rows of a CSV file. Refuses: Missing, Invalid for the header; EnrolmentsWrong, naming rows by their line."""
    reader = csv.DictReader(io.StringIO(text), restkey="more", strict=True)
    rows: list[Row] = []
    problems: list[tuple[str, Fault]] = []
    try:
        _check_header([name.strip() for name in reader.fieldnames or ()])
        for said in reader:
            where = f"第 {reader.line_num} 行 / line {reader.line_num}"
            try:
                rows.append(_row_of({(name or "").strip(): value for name, value in said.items()}))
            except Invalid as wrong:
                problems.append((f"{where} {wrong.element}", wrong))
    except csv.Error as error:
        raise Invalid(element=f"line {reader.line_num}", found=str(error), allowed="CSV") from None
    if problems:
        raise EnrolmentsWrong(problems=problems)
    if not rows:
        raise Missing(element="rows")
    return rows


def feed(
    session: Session,
    caller: Caller,
    *,
    rows: Sequence[Row],
    source: str,
    place: Callable[[int], str] = lambda number: f"第 {number + 1} 条 / row {number + 1} ",
) -> Fed:
    """Write enrolments, registering people not yet known; the source stands in every row and credit.

    Every row that is wrong is named, by `place`, and then nothing is written. Refuses: NotAllowed, Invalid,
    EnrolmentsWrong.
    """
    trust.require(caller, "coverage.write")
    if not source.strip() or len(source) > LONGEST_SOURCE or not source.isprintable():
        raise Invalid(element="source", found=source[:20], allowed=f"1 – {LONGEST_SOURCE}")
    fed = Fed()
    problems: list[tuple[str, Fault]] = []
    persons: dict[int, int] = {}

    def noted(number: int, found: Sequence[Fault]) -> None:
        for wrong in found:
            element = wrong.element if isinstance(wrong, Invalid) else ""
            problems.append((f"{place(number)}{element}".rstrip(" ."), wrong))

    for number, row in enumerate(rows):
        found: list[Fault] = [*wrong_in(row.enrolled), *_wrong_beside(row)]
        try:
            if not found and not problems:
                persons[number] = _write(session, caller, row, source, fed)
        except Fault as refusal:
            found = [refusal]
        noted(number, found)
    # Once all are enrolled: the owner of an account may come after the relative.
    for number, row in enumerate(rows):
        try:
            if row.shared is not None and not problems:
                fed.shared += _share(session, caller, row.shared, persons[number], source)
        except Fault as refusal:
            noted(number, [refusal])
    if problems:
        raise EnrolmentsWrong(problems=problems)
    return fed


def _share(session: Session, caller: Caller, said: SharedWith, relative_id: int, source: str) -> bool:
    """Whether this was new."""
    number = people.citizen_number(said.account_of, element="account_of", on=day_of(caller.at))
    sharing = Sharing(
        owner_id=people.resolve(session, system=CITIZEN, value=number).id,
        relative_id=relative_id,
        relation=said.relation,
        consented_on=said.consented_on,
        proof=said.proof,
        since=said.since or said.consented_on,
        until=said.until,
    )
    return share_account(session, caller, sharing, source=source).opened_at == caller.at


def _write(session: Session, caller: Caller, row: Row, source: str, fed: Fed) -> int:
    said = row.enrolled
    number = people.citizen_number(row.certno, element="certno", on=day_of(caller.at))
    born = people.birth_date_of(number)
    assert born is not None
    person_id = people.recognise(
        session,
        caller,
        demographics=Demographics(row.name, people.gender_of(number), born),
        identifiers=[Identification(CITIZEN, number, "certno"), Identification("psn_no", said.psn_no, "psn_no")],
    )
    stands = enrolment_on(session, person_id=person_id, insutype=said.insutype, day=said.since)
    if stands is not None and stands_so(stands, said):
        fed.unchanged += 1
    else:
        fed.new += stands is None
        fed.changed += stands is not None
        enrol(session, caller, person_id=person_id, source=source, **asdict(said))
    if row.account_credit:
        fed.credited += _credit_once(session, caller, person_id, row.account_credit, source)
    return person_id


def _credit_once(session: Session, caller: Caller, person_id: int, amount: int, source: str) -> bool:
    """Refuses: Invalid, when the source has credited another amount."""
    own = (AccountCredit.person_id == person_id, AccountCredit.source == source)
    before = session.scalar(select(AccountCredit.amount).where(*own))
    if before is not None and before != amount:
        raise Invalid(element="account_credit", found=Money(amount), allowed=f"{before} ({source})")
    if before is None:
        credit(session, caller, person_id=person_id, amount=amount, source=source)
    return before is None


def _wrong_beside(row: Row) -> Iterator[Invalid]:
    if not row.name.strip() or len(row.name) > LONGEST_NAME or not row.name.isprintable():
        yield Invalid(element="name", found=row.name[:20], allowed=f"1 – {LONGEST_NAME}")
    if not 0 <= row.account_credit <= MOST_CREDIT:
        yield Invalid(element="account_credit", found=Money(row.account_credit), allowed=f"0 – {Money(MOST_CREDIT)}")
    if row.account_credit and row.enrolled.insutype != "310":
        yield Invalid(element="account_credit", found=Money(row.account_credit), allowed="310")


def _check_header(names: Sequence[str]) -> None:
    for name in NEEDED:
        if name not in names:
            raise Missing(element=name, allowed=", ".join((*NEEDED, *OPTIONAL)))
    for name in names:
        if name not in (*NEEDED, *OPTIONAL) or names.count(name) > 1:
            raise Invalid(element="header", found=name[:40], allowed=", ".join((*NEEDED, *OPTIONAL)))


def _row_of(said: Mapping[str, Any]) -> Row:
    """One line of a file. Refuses: Missing, Invalid, naming the column."""
    if "more" in said or None in said.values():
        raise Invalid(element="columns", found="more" if "more" in said else "fewer", allowed="as the header")
    text = {name: value.strip() for name, value in said.items()}
    for name in NEEDED:
        if not text[name]:
            raise Missing(element=name)
    enrolled = Enrolled(
        insutype=text["insutype"],
        psn_no=text["psn_no"],
        psn_type=text["psn_type"],
        area=text["area"],
        since=_day("since", text["since"]),
        until=_day("until", text["until"]) if text.get("until") else None,
        state=text.get("state") or "active",
        retired=_flag("retired", text),
        civil_servant=_flag("civil_servant", text),
        aid=_flag("aid", text),
        employer=text.get("employer", ""),
    )
    for wrong in wrong_in(enrolled):
        raise wrong
    credited = _fen("account_credit", text.get("account_credit") or "0")
    row = Row(text["certno"], text["name"], enrolled, credited, _shared_of(text))
    for wrong in _wrong_beside(row):
        raise wrong
    return row


def _shared_of(text: Mapping[str, str]) -> SharedWith | None:
    """Refuses: Missing, when a part of it stands alone."""
    if not any(text.get(name) for name in SHARED):
        return None
    for name in SHARED[:4]:
        if not text.get(name):
            raise Missing(element=name)
    return SharedWith(
        account_of=text["account_of"],
        relation=text["relation"],
        proof=text["proof"],
        consented_on=_day("consented_on", text["consented_on"]),
        since=_day("shared_since", text["shared_since"]) if text.get("shared_since") else None,
        until=_day("shared_until", text["shared_until"]) if text.get("shared_until") else None,
    )


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError:
        raise Invalid(element=name, found=text[:20], allowed="2026-01-31") from None


def _flag(name: str, text: Mapping[str, str]) -> bool:
    said = text.get(name, "")
    if said not in _FLAGS:
        raise Invalid(element=name, found=said[:20], allowed="1, 0, 是, 否")
    return _FLAGS[said]


def _fen(name: str, text: str) -> int:
    try:
        return int(Money.yuan(text))
    except ValueError:
        raise Invalid(element=name, found=text[:20], allowed="1234.56") from None
