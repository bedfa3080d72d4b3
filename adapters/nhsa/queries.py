"""5201 and 5303: a person's visits here, and who is in the house."""

from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.identity import about, by_psn_no, psn_no_of, today
from adapters.nhsa.verbs import Asked, Done
from hub import coverage, directory, people, records
from hub.people import Person
from hub.records import Visit
from hub.settlement import Registration


def visits(session: Session, asked: Asked) -> Done:
    """5201: the visits of a person at this institution that began in the period."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    own = [
        visit
        for visit in records.visits(session, asked.caller, person_id=person.id)
        if visit.organisation_id == asked.institution
        and said["begntime"] <= visit.begun_at <= said["endtime"]
        and said["mdtrt_id"] in (None, str(visit.id))
    ]
    rows = [_visit(session, asked, person, visit, said["psn_no"]) for visit in own]
    wanted = [row for row in rows if said["med_type"] in (None, row["med_type"])]
    return Done({"mdtrtinfo": wanted}, person.id, f"person/{person.id}")


def in_patients(session: Session, asked: Asked) -> Done:
    """5303: who is in this hospital now, admitted in the period."""
    said = asked.nodes["data"]
    found = records.stays(session, asked.caller, admitted_from=said["begntime"], admitted_until=said["endtime"])
    rows = []
    for visit in found:
        person = people.person(session, visit.person_id)
        psn_no = psn_no_of(session, person)
        if said["psn_no"] in (None, psn_no):
            rows.append(_visit(session, asked, person, visit, psn_no) | {"begndate": visit.begun_at})
    return Done({"data": rows}, None, f"organisation/{asked.institution}")


def _visit(session: Session, asked: Asked, person: Person, visit: Visit, psn_no: str) -> dict[str, Any]:
    registered = session.get(Registration, visit.id)
    enrolled = coverage.enrolments(session, person.id, today(asked))
    insutype = registered.insutype if registered and registered.insutype else (enrolled[0].insutype if enrolled else "")
    department = directory.department(session, visit.department_id) if visit.department_id else None
    return about(person, psn_no=psn_no, on=today(asked)) | {
        "mdtrt_id": visit.id,
        "insutype": insutype,
        "psn_type": next((row.psn_type for row in enrolled if row.insutype == insutype), "99"),
        "begntime": visit.begun_at,
        "endtime": visit.ended_at,
        "med_type": (registered.med_type if registered else None) or ("21" if visit.care == "inpatient" else "11"),
        "ipt_otp_no": visit.number,
        "adm_dept_codg": department.code if department else None,
        "adm_dept_name": department.name if department else None,
        "out_flag": False,
    }
