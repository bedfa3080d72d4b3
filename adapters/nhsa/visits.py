"""2201 to 2203 and 2401 to 2405: registering an attendance or a stay, its diagnoses, changes, and taking them back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.extension import extension
from adapters.nhsa.filings import disease
from adapters.nhsa.funds import CHRONIC, EMERGENCY
from adapters.nhsa.identity import alive, by_psn_no, must_match, own_visit
from adapters.nhsa.verbs import Asked, Done
from hub import directory, journeys, people, records, settlement
from hub.faults import Invalid
from hub.records import Diagnosis, Visit
from hub.settlement import Registration
from hub.units import day_of

DIED = "5"
"""dscg_way."""


def register(session: Session, asked: Asked) -> Done:
    """2201: an out-patient registers; the visit the hospital's own number already stands for is answered again."""
    said = asked.nodes["data"]
    person = alive(session, said["psn_no"], day_of(said["begntime"]))
    must_match(person, said, "input.data")
    visit = journeys.admit(
        session,
        asked.caller,
        organisation_id=asked.institution,
        number=said["ipt_otp_no"],
        person_id=person.id,
        care="outpatient",
        begun_at=said["begntime"],
        department_id=_department(session, asked, said["dept_code"]),
        practitioner_id=_practitioner(session, said["atddr_no"]),
    )
    settlement.register(session, asked.caller, visit_id=visit.id, insutype=said["insutype"])
    answer = {"mdtrt_id": visit.id, "psn_no": said["psn_no"], "ipt_otp_no": visit.number}
    return Done({"data": answer}, person.id, f"visit/{visit.id}")


def admit(session: Session, asked: Asked) -> Done:
    """2401: an in-patient is admitted; after an ADT^A01 with the same number it is the same stay."""
    said, found = asked.nodes["mdtrtinfo"], asked.nodes["diseinfo"]
    person = alive(session, said["psn_no"], day_of(said["begntime"]))
    must_match(person, said, "input.mdtrtinfo")
    visit = journeys.admit(
        session,
        asked.caller,
        organisation_id=asked.institution,
        number=said["ipt_no"],
        person_id=person.id,
        care="inpatient",
        begun_at=said["begntime"],
        department_id=_department(session, asked, said["adm_dept_codg"]),
        practitioner_id=_practitioner(session, said["atddr_no"]),
        diagnoses=_diagnoses(found),
    )
    more = extension(said["exp_content"], "input.mdtrtinfo.exp_content")
    settlement.register(
        session,
        asked.caller,
        visit_id=visit.id,
        insutype=said["insutype"],
        med_type=said["med_type"],
        emergency=more.get("IPT_TYPE") == "2",
    )
    return Done({"result": {"mdtrt_id": visit.id}}, person.id, f"visit/{visit.id}")


def diagnoses(session: Session, asked: Asked) -> Done:
    """2203: what the attendance was for. A withdrawn diagnosis (vali_flag 0) is left out."""
    said = asked.nodes["mdtrtinfo"]
    visit = _visit_of(session, asked, said)
    records.amend_visit(session, asked.caller, visit_id=visit.id, diagnoses=_diagnoses(asked.nodes["diseinfo"]))
    more = extension(said["exp_content"], "input.mdtrtinfo.exp_content")
    chronic = said["med_type"] == CHRONIC
    settlement.register(
        session,
        asked.caller,
        visit_id=visit.id,
        med_type=said["med_type"],
        disease=disease(asked, said["dise_codg"], "input.mdtrtinfo.dise_codg") if chronic else None,
        emergency=said["med_type"] in EMERGENCY or more.get("OTP_ER_REFL_FLAG") in ("1", "3"),
    )
    return Done({}, visit.person_id, f"visit/{visit.id}")


def change(session: Session, asked: Asked) -> Done:
    """2403: what the admission said, said anew: time, department, doctor, kind of care, diagnoses by their numbers.

    The stay's own number names it and is not changed. Refuses: Invalid, VisitEnded, BatchSettled.
    """
    said = asked.nodes["adminfo"]
    visit = _visit_of(session, asked, said)
    _same_stay(said, asked.nodes["diseinfo"], visit)
    registered = session.get(Registration, visit.id)
    if said["begntime"] != visit.begun_at or registered is None or said["med_type"] != registered.med_type:
        settlement.require_unsettled(session, asked.caller, visit_id=visit.id)
    found = _diagnoses(asked.nodes["diseinfo"])
    records.change_stay(
        session,
        asked.caller,
        visit_id=visit.id,
        begun_at=said["begntime"],
        department_id=_department(session, asked, said["adm_dept_codg"]),
        practitioner_id=_practitioner(session, said["atddr_no"]),
        diagnoses=found,
        main=next((row["diag_srt_no"] for row in asked.nodes["diseinfo"] if row["maindiag_flag"] == "1"), None),
    )
    more = extension(said["exp_content"], "input.adminfo.exp_content")
    kind = more.get("IPT_TYPE")
    settlement.register(
        session,
        asked.caller,
        visit_id=visit.id,
        med_type=said["med_type"],
        emergency=None if kind is None else kind == "2",
    )
    return Done({}, visit.person_id, f"visit/{visit.id}")


def discharge(session: Session, asked: Asked) -> Done:
    """2402; a patient who has died in the stay is recorded as dead."""
    said = asked.nodes["dscginfo"]
    visit = _visit_of(session, asked, said)
    journeys.discharge(
        session,
        asked.caller,
        visit_id=visit.id,
        ended_at=said["endtime"],
        diagnoses=_diagnoses(asked.nodes["diseinfo"]),
    )
    if said["dscg_way"] == DIED or said["die_date"] is not None:
        day = said["die_date"] or day_of(said["endtime"])
        if day > day_of(said["endtime"]):
            raise Invalid(element="input.dscginfo.die_date", found=day, allowed=f"{day_of(said['endtime'])} 或以前")
        people.record_death(session, asked.caller, person_id=visit.person_id, died_on=day, source=f"visit/{visit.id}")
    return Done({}, visit.person_id, f"visit/{visit.id}")


def cancel(session: Session, asked: Asked) -> Done:
    """2202 and 2404: the registration or admission was a mistake; fees or a settlement on it must go first."""
    visit = _visit_of(session, asked, asked.nodes["data"])
    settlement.require_no_charges(session, asked.caller, visit_id=visit.id)
    journeys.cancel_admission(session, asked.caller, visit_id=visit.id)
    return Done({}, visit.person_id, f"visit/{visit.id}")


def cancel_discharge(session: Session, asked: Asked) -> Done:
    """2405: the stay goes on, and who was said to have died in it has not; a settlement must be undone first."""
    visit = _visit_of(session, asked, asked.nodes["data"])
    settlement.require_unsettled(session, asked.caller, visit_id=visit.id)
    records.reopen_visit(session, asked.caller, visit_id=visit.id)
    people.take_back_death(session, asked.caller, source=f"visit/{visit.id}")
    return Done({}, visit.person_id, f"visit/{visit.id}")


def _visit_of(session: Session, asked: Asked, said: Mapping[str, Any]) -> Visit:
    return own_visit(session, asked, said["mdtrt_id"], by_psn_no(session, said["psn_no"]))


def _diagnoses(rows: Sequence[Mapping[str, Any]]) -> list[Diagnosis]:
    """In their order, the main one first."""
    valid = [row for row in rows if row.get("vali_flag", "1") == "1"]
    valid.sort(key=lambda row: (row.get("maindiag_flag") != "1", row["diag_srt_no"]))
    return [Diagnosis(code=row["diag_code"], name=row["diag_name"], number=row["diag_srt_no"]) for row in valid]


def _same_stay(said: Mapping[str, Any], found: Sequence[Mapping[str, Any]], visit: Visit) -> None:
    """Everything of a change is about one stay. Refuses: Invalid."""
    if said["ipt_otp_no"] != visit.number:
        raise Invalid(element="input.adminfo.ipt_otp_no", found=said["ipt_otp_no"], allowed=visit.number)
    for place, row in enumerate(found):
        for item in ("mdtrt_id", "psn_no"):
            if row[item] != said[item]:
                element = f"input.diseinfo[{place}].{item}"
                raise Invalid(element=element, found=row[item], allowed=f"与 adminfo.{item} 相同（{said[item]}）")


def _department(session: Session, asked: Asked, code: str) -> str | None:
    """Hospitals name a department by their own code or by the region's; one the region does not list is left open."""
    known = {d.code: d.id for d in directory.departments(session, asked.institution)}
    return known.get(code) or (code if code in known.values() else None)


def _practitioner(session: Session, code: str | None) -> str | None:
    if code is None:
        return None
    try:
        return directory.practitioner(session, code).id
    except directory.PractitionerUnknown:
        return None
