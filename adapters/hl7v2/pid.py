"""PID: who the message is about, as numbers and demographics of the hub."""

import contextlib
from collections.abc import Iterator
from datetime import date

from sqlalchemy.orm import Session

from adapters.hl7v2 import times
from adapters.hl7v2.er7 import Segment
from hub import db, people
from hub.faults import Missing
from hub.people import Demographics, Identification, Person, PersonUnknown, TelephoneWrong
from hub.trust import Caller

SYSTEMS = {
    "NI": "certno/01",
    "NNCHN": "certno/01",
    "PRC": "certno/07",
    "PPN": "certno/08",
    "BCT": "certno/990201",
    "HC": "card",
    "SN": "psn_no",
}
"""CX-5 (table 0203) to the hub's systems; MR, PI and nothing at all are the sender's own record number."""

_OWN = ("MR", "PI", "PT", "")


def register(session: Session, caller: Caller, pid: Segment) -> int:
    """Find or make the person of a PID and attach the numbers in it. Refuses: as people.register, and Missing."""
    numbers = identifications(caller, pid)
    if not numbers:
        raise Missing(element="PID-3", allowed="MR, NI, HC, SN, PPN")
    return people.recognise(session, caller, demographics=demographics(pid, numbers), identifiers=numbers)


def ask_ahead(session: Session, caller: Caller, pid: Segment) -> None:
    """Whom `register` will ask for, asked together with what is sent next."""
    if question := people.recognising(caller, identifications(caller, pid)):
        db.ask_ahead(session, question)


def known(session: Session, caller: Caller, pid: Segment) -> Person | None:
    """The person that a PID names, where the hub knows one of the numbers; nothing is written."""
    for number in identifications(caller, pid):
        with contextlib.suppress(PersonUnknown):
            return people.resolve(session, system=number.system, value=number.value)
    return None


def identifications(caller: Caller, pid: Segment) -> list[Identification]:
    """The numbers of PID-3 (and PID-19, where older senders put the citizen number).

    A record number belongs to the sender itself; one of another institution is not the sender's to state.
    """
    found = []
    for index, number in enumerate(pid.repetitions(3), start=1):
        system = system_of(caller, number.text(5), number.text(4))
        if number.text() and system:
            element = "PID-3.1" if index == 1 else f"PID-3[{index}].1"
            found.append(Identification(system, number.text(), element))
    if pid.text(19) and not any(item.system == "certno/01" for item in found):
        found.append(Identification("certno/01", pid.text(19), "PID-19"))
    return found


def demographics(pid: Segment, numbers: list[Identification]) -> Demographics:
    """What PID says about the person. Birth date and sex may be left out where the citizen number tells them."""
    certno = next((item.value for item in numbers if item.system == "certno/01"), "")
    born = times.day(pid.text(7), element="PID-7.1") or _born(certno)
    name = _name(pid)
    if not name:
        raise Missing(element="PID-5")
    if born is None:
        raise Missing(element="PID-7", allowed="YYYYMMDD")
    return Demographics(
        name=name,
        gender=_gender(pid.text(8), certno),
        birth_date=born,
        telephone=_telephone(pid) or None,
        address=_address(pid) or None,
    )


def system_of(caller: Caller, kind: str, authority: str) -> str | None:
    """The hub's system of a number by CX-5 and CX-4; None for one that is not known, or not the caller's to state."""
    if kind not in _OWN:
        return SYSTEMS.get(kind)
    foreign = len(authority) == 12 and authority.startswith("H") and authority != caller.organisation_id
    return None if foreign else f"mrn/{caller.organisation_id}"


def _name(pid: Segment) -> str:
    """The legal name, written in characters where there is a choice; a Chinese name is not torn in two."""
    names = [name for name in pid.repetitions(5) if name.text(1) or name.text(2)]
    if not names:
        return ""
    best = min(names, key=lambda name: (name.text(7) not in ("", "L"), name.text(8) not in ("", "I")))
    parts = [part for part in (best.text(1), best.text(2), best.text(3)) if part]
    return (" " if all(part.isascii() for part in parts) else "").join(parts).strip()


def _gender(sex: str, certno: str) -> str:
    if sex in ("M", "F"):
        return sex
    return people.gender_of(certno) if len(certno) == 18 and certno[:17].isdecimal() else "U"


def _born(certno: str) -> date | None:
    return people.birth_date_of(certno) if len(certno) == 18 else None


def uncallable(pid: Segment) -> tuple[int, str] | None:
    """The field and the text of a telephone that cannot be called ("无"), where PID has none that can."""
    written = list(_telephones(pid))
    return None if not written or _telephone(pid) else written[0]


def _telephone(pid: Segment) -> str:
    """The first that can be called, at home before at work; a message is never refused over a telephone."""
    for _, text in _telephones(pid):
        with contextlib.suppress(TelephoneWrong):
            return people.telephone_number(text)
    return ""


def _telephones(pid: Segment) -> Iterator[tuple[int, str]]:
    for field in (13, 14):
        for number in pid.repetitions(field):
            if text := number.text(1) or number.text(12) or number.text(6) + number.text(7):
                yield field, text.strip()


def _address(pid: Segment) -> str:
    return "".join(pid.text(11, part) for part in (4, 3, 1, 2))
