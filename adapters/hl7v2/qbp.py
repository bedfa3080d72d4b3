"""QBP: what the hub knows of a patient, asked by demographics (Q22, IHE PDQ) or by a number (Q23, IHE PIX).

A hospital is answered about the persons it has to do with; of others it is told that there are none.
"""

import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from adapters.hl7v2 import parts, pid, times
from adapters.hl7v2.acknowledgements import Reply
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Line, Message, Raw
from hub import people, trust
from hub.faults import Invalid, Missing, Problem, Unknown
from hub.people import Identification, Person
from hub.trust import Caller

ELEMENTS = {"name": "QPD-3"}
_PARAMETER = re.compile(r"@PID\.(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_ASKED = {(3, 1): "number", (3, 5): "type", (3, 4): "authority", (5, 1): "family", (5, 2): "given", (7, 1): "born"}
_ALLOWED = "@PID.3.1, @PID.3.4, @PID.3.5, @PID.5.1, @PID.5.2, @PID.7.1, @PID.8"


class NumberUnknown(Unknown):
    zh = "QPD-3 的号码“{shown}”在平台查不到，或贵院无权查询。"
    en = "The number '{shown}' in QPD-3 is not known here, or you may not ask about it."


def find(session: Session, caller: Caller, message: Message) -> Done:
    """Q22: by a number, or by the whole name together with the day of birth. Nobody is an answer too (QAK-2 NF).

    Refuses: NotAllowed, Missing, Invalid.
    """
    asked = _parameters(message)
    if "number" in asked:
        number = _identification(caller, asked["number"], asked.get("type", ""), asked.get("authority", ""))
        known = people.sought(session, caller, system=number.system, value=number.value) if number else None
        found = [known] if known else []
    else:
        name = asked.get("family", "") + asked.get("given", "")
        born = times.day(asked.get("born", ""), element="QPD-3")
        if not name or born is None:
            raise Missing(element="QPD-3", allowed="@PID.3.1 / @PID.5.1 + @PID.7.1")
        found = people.named(session, caller, name=name, birth_date=born)
    return _answer(session, caller, message, found)


def cross_reference(session: Session, caller: Caller, message: Message) -> Done:
    """Q23: the other numbers of whom a number means. Refuses: NotAllowed, Missing, NumberUnknown."""
    written = message["QPD"].repetitions(3)
    if not written or not written[0].text(1):
        raise Missing(element="QPD-3")
    number = _identification(caller, written[0].text(1), written[0].text(5), written[0].text(4))
    known = people.sought(session, caller, system=number.system, value=number.value) if number else None
    if known is None:
        raise NumberUnknown(shown=written[0].text(1)[-4:].rjust(8, "*"))
    return _answer(session, caller, message, [known])


def refusal(message: Message) -> Reply:
    """The answer to a question that was refused: QAK-2 is AE, the question stands below it."""
    return _reply(message, "AE", 0, [])


def _answer(session: Session, caller: Caller, message: Message, found: Sequence[Person]) -> Done:
    """Everybody whom the answer tells of has a row in the audit; the first one's is that of the message itself."""
    assert caller.organisation_id is not None
    for person in found[1:]:
        trust.audit(session, caller, verb="qbp.find", person_id=person.id)
    told = [
        parts.pid(people.snapshot(session, row.id, caller.organisation_id), caller.organisation_id) for row in found
    ]
    numbered: list[Line] = [(name, fields | {1: place}) for place, (name, fields) in enumerate(told, start=1)]
    reply = _reply(message, "OK" if found else "NF", len(found), numbered)
    return Done(person_id=found[0].id if found else None, reply=reply)


def _reply(message: Message, status: str, hits: int, lines: Sequence[Line]) -> Reply:
    question = message["QPD"]
    asked: Line = ("QPD", {number: Raw(text) for number, text in enumerate(question.fields) if number})
    tag: Line = ("QAK", {1: Raw(question.field(2)), 2: status, 3: Raw(question.field(1)), 4: hits})
    kind = ("RSP", "K23", "RSP_K23") if message.event == "Q23" else ("RSP", "K22", "RSP_K21")
    return Reply(kind, (tag, asked, *lines))


def _parameters(message: Message) -> dict[str, str]:
    """QPD-3 of Q22: `@PID.5.1^name`, repeated. Refuses: Invalid for a field that cannot be asked by."""
    asked = {}
    for repetition in message["QPD"].repetitions(3):
        match = _PARAMETER.fullmatch(repetition.text(1))
        place = (int(match[1]), int(match[2] or 1)) if match else (0, 0)
        if place == (8, 1):  # sex narrows nothing that name and birth have not
            continue
        if place not in _ASKED:
            raise Invalid(element="QPD-3", found=repetition.text(1)[:20], allowed=_ALLOWED, problem=Problem.CODE)
        asked[_ASKED[place]] = repetition.text(2)
    return asked


def _identification(caller: Caller, value: str, kind: str, authority: str) -> Identification | None:
    system = pid.system_of(caller, kind, authority)
    return Identification(system, value, "QPD-3") if system else None
