"""2501 to 2504, 5301, 5304: what is told to the insurer before care, taken back, and looked up."""

from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.identity import about, alive, by_psn_no, own_visit, today
from adapters.nhsa.verbs import Asked, Done
from hub import coverage, directory
from hub.coverage import Filing
from hub.faults import Invalid, Problem
from hub.people import Person
from hub.units import Code, day_of

ICD10 = "icd-10"
BY_INSTITUTION = "01"


def file_referral(session: Session, asked: Asked) -> Done:
    """2501: a patient is sent to another institution; from now on the stay there counts as referred."""
    said = asked.nodes["refmedin"]
    person = alive(session, said["psn_no"], said["begndate"] or said["refl_date"])
    filed = coverage.file_referral(
        session,
        asked.caller,
        person_id=person.id,
        sender_id=asked.institution,
        sender_visit=_sending_visit(session, asked, person, said["refl_old_mdtrt_id"]),
        receiver_id=said["reflin_medins_no"],
        diagnosis=Code(ICD10, said["diag_code"]),
        diagnosis_name=said["diag_name"],
        reason=said["refl_rea"],
        since=said["begndate"] or said["refl_date"],
        until=said["enddate"],
        source=f"nhsa/{asked.request.msgid}",
        insutype=said["insutype"],
    )
    return _filed(filed, person)


def file_chronic(session: Session, asked: Asked) -> Done:
    """2503. Refuses: Invalid for a disease that the region's benefit packs have no quota for."""
    said = asked.nodes["data"]
    person = alive(session, said["psn_no"], said["begndate"])
    filed = coverage.file_chronic(
        session,
        asked.caller,
        person_id=person.id,
        insutype=said["insutype"],
        disease=disease(asked, said["opsp_dise_code"], "input.data.opsp_dise_code"),
        diagnosis=Code(ICD10, said["opsp_dise_code"]),
        diagnosis_name=said["opsp_dise_name"],
        since=said["begndate"],
        until=said["enddate"],
        source=f"nhsa/{asked.request.msgid}",
    )
    return _filed(filed, person)


def withdraw(session: Session, asked: Asked) -> Done:
    """2502 and 2504. Refuses: FilingUnknown."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    row = coverage.withdraw(
        session, asked.caller, number=said["trt_dcla_detl_sn"], person_id=person.id, reason=said["memo"] or ""
    )
    return Done({}, person.id, f"filing/{row.id}")


def chronic_filings(session: Session, asked: Asked) -> Done:
    """5301: the chronic diseases that are filed today."""
    person = by_psn_no(session, asked.nodes["data"]["psn_no"])
    day = today(asked)
    codes = {word: code for code, word in asked.region.diseases.items()}
    rows = [
        {
            "opsp_dise_code": codes.get(row.disease or "", row.disease),
            "opsp_dise_name": row.diagnosis_name,
            "begndate": row.since,
            "enddate": row.until,
        }
        for row in coverage.filings(session, person.id, kind="chronic", since=day, until=day)
    ]
    return Done({"feedetail": rows}, person.id, f"person/{person.id}")


def referral_filings(session: Session, asked: Asked) -> Done:
    """5304: the referrals filed for a person by or to this institution, in a period."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    until = day_of(said["endtime"]) if said["endtime"] else None
    found = coverage.filings(session, person.id, kind="referral", since=day_of(said["begntime"]), until=until)
    own = [row for row in found if asked.institution in (row.sender_id, row.receiver_id)]
    rows = [_referral(session, asked, person, row) for row in own]
    return Done({"refmedin": rows}, person.id, f"person/{person.id}")


def disease(asked: Asked, code: str, element: str) -> str:
    """The benefit pack's word for a code of the national catalogue of chronic diseases. Refuses: Invalid."""
    word = asked.region.diseases.get(code)
    if word is None:
        allowed = "、".join(asked.region.diseases)
        raise Invalid(element=element, found=code, allowed=f"本地区的门诊慢特病病种：{allowed}", problem=Problem.CODE)
    return word


def _sending_visit(session: Session, asked: Asked, person: Person, mdtrt_id: str | None) -> str | None:
    """The stay before the referral, by the number the hospital itself gave it."""
    return own_visit(session, asked, mdtrt_id, person).number if mdtrt_id else None


def _filed(row: Filing, person: Person) -> Done:
    return Done({"result": {"trt_dcla_detl_sn": row.number}}, person.id, f"filing/{row.id}")


def _referral(session: Session, asked: Asked, person: Person, row: Filing) -> dict[str, Any]:
    receiver = directory.organisation(session, row.receiver_id) if row.receiver_id else None
    return about(person, psn_no=asked.nodes["data"]["psn_no"], on=today(asked)) | {
        "insutype": row.insutype,
        "dcla_souc": BY_INSTITUTION,
        "tel": person.telephone,
        "insu_optins": asked.region.area,
        "diag_code": row.diagnosis_code,
        "diag_name": row.diagnosis_name,
        "reflin_medins_no": row.receiver_id,
        "reflin_medins_name": receiver.name if receiver else "",
        "out_flag": receiver is not None and receiver.district[:4] != asked.region.area[:4],
        "refl_date": row.since,
        "refl_rea": row.reason,
        "begndate": row.since,
        "enddate": row.until,
        "hosp_agre_refl_flag": True,
        "opt_time": row.filed_at,
    }
