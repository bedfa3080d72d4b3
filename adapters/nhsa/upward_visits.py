"""What a platform must know before it can settle: the visit, its charges, that it is over. From what the hub knows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.nhsa.identity import about
from hub.settlement import STAY, FeeLine
from hub.settlement.upstream import Subject
from hub.units import day_of

UNSAID = "未填"
"""A field the interface requires and no hospital has told this hub."""
WESTERN_MEDICINE = "1"
DISCHARGED_ON_ADVICE = "1"
BY_NUMBER = "02"
ALL = "0000"


def registration(subject: Subject) -> dict[str, Any]:
    """2201."""
    return {
        "data": _who(subject)
        | {
            "begntime": subject.visit.begun_at,
            "psn_cert_type": subject.person.cert_type or "99",
            "ipt_otp_no": subject.visit.number,
            "atddr_no": subject.visit.practitioner_id,
            "dr_name": subject.practitioner.name if subject.practitioner else None,
            "dept_code": _department(subject)[0],
            "dept_name": _department(subject)[1],
            "caty": _department(subject)[0][:10],
        }
    }


def admission(subject: Subject, med_type: str) -> dict[str, Any]:
    """2401."""
    main = _diagnoses(subject)[0]
    doctor = subject.practitioner.name if subject.practitioner else UNSAID
    return {
        "mdtrtinfo": _who(subject)
        | {
            "begntime": subject.visit.begun_at,
            "cert_type": subject.person.cert_type or "99",
            "med_type": med_type,
            "ipt_no": subject.visit.number,
            "atddr_no": subject.visit.practitioner_id or UNSAID,
            "chfpdr_name": doctor,
            "adm_diag_dscr": main["name"],
            "adm_dept_codg": _department(subject)[0],
            "adm_dept_name": _department(subject)[1],
            "adm_bed": UNSAID,
            "dscg_maindiag_code": main["code"],
            "dscg_maindiag_name": main["name"],
            "insuplc_admdvs": subject.area,
            "mdtrtarea_admvs": subject.hospital.district,
        },
        "diseinfo": [row | {"diag_time": subject.visit.begun_at} for row in _diagnosis_rows(subject)],
    }


def discharge(subject: Subject, mdtrt_id: str) -> dict[str, Any]:
    """2402."""
    ended = subject.visit.ended_at or subject.visit.begun_at
    named = {"mdtrt_id": mdtrt_id, "psn_no": subject.enrolment.psn_no}
    return {
        "dscginfo": named
        | {
            "insutype": subject.enrolment.insutype,
            "endtime": ended,
            "dscg_dept_codg": _department(subject)[0],
            "dscg_dept_name": _department(subject)[1],
            "dscg_way": DISCHARGED_ON_ADVICE,
        },
        "diseinfo": [row | named | {"diag_time": ended} for row in _diagnosis_rows(subject)],
    }


def charges(subject: Subject, mdtrt_id: str, lines: Sequence[FeeLine], med_type: str) -> dict[str, Any]:
    """2204 and 2301."""
    return {"feedetail": [_line(subject, mdtrt_id, line, med_type) for line in lines]}


def no_charges(subject: Subject, mdtrt_id: str, batch: str) -> dict[str, Any]:
    """2205 and 2302: what the platform may have of an earlier attempt, since the lines may have changed since."""
    named = {"mdtrt_id": mdtrt_id, "psn_no": subject.enrolment.psn_no}
    if subject.visit.care == "inpatient":
        return {"data": [named | {"feedetl_sn": ALL}]}
    return {"data": named | {"chrg_bchno": batch}}


def _who(subject: Subject) -> dict[str, Any]:
    number = subject.person.certno or subject.person.card_number
    said = about(subject.person, psn_no=subject.enrolment.psn_no, on=day_of(subject.visit.begun_at))
    return said | {
        "insutype": subject.enrolment.insutype,
        "psn_type": subject.enrolment.psn_type,
        "mdtrt_cert_type": BY_NUMBER,
        "mdtrt_cert_no": number,
    }


def _line(subject: Subject, mdtrt_id: str, line: FeeLine, med_type: str) -> dict[str, Any]:
    code, name = _department(subject)
    doctor = subject.practitioner.name if subject.practitioner else UNSAID
    return {
        "feedetl_sn": line.number,
        "init_feedetl_sn": line.returns,
        "mdtrt_id": mdtrt_id,
        "psn_no": subject.enrolment.psn_no,
        "chrg_bchno": line.batch if line.batch != STAY else None,
        "med_type": med_type,
        "rx_circ_flag": "0",
        "fee_ocur_time": line.occurred_at,
        "med_list_codg": line.code,
        "medins_list_codg": line.local_code or line.code,
        "det_item_fee_sumamt": line.amount,
        "cnt": _plain(line.quantity),
        "pric": _plain(line.unit_price),
        "bilg_dept_codg": code,
        "bilg_dept_name": name,
        "bilg_dr_codg": subject.visit.practitioner_id or UNSAID,
        "bilg_dr_name": doctor,
        "hosp_appr_flag": "1" if line.restricted and line.approved else "0",
    }


def _plain(number: Decimal) -> Decimal:
    """Without zeros that nobody wrote: 1.0000 is 1."""
    return number.normalize() if number == number.to_integral() else number


def _department(subject: Subject) -> tuple[str, str]:
    row = subject.department
    return (row.code, row.name) if row is not None else ("99", UNSAID)


def _diagnoses(subject: Subject) -> list[dict[str, str]]:
    return list(subject.visit.diagnoses) or [{"code": "Z00", "name": UNSAID}]


def _diagnosis_rows(subject: Subject) -> list[dict[str, Any]]:
    doctor = subject.practitioner.name if subject.practitioner else UNSAID
    return [
        {
            "psn_no": subject.enrolment.psn_no,
            "diag_type": WESTERN_MEDICINE,
            "maindiag_flag": "1" if number == 1 else "0",
            "diag_srt_no": number,
            "diag_code": found["code"],
            "diag_name": found["name"],
            "diag_dept": _department(subject)[0],
            "dise_dor_no": subject.visit.practitioner_id or UNSAID,
            "dise_dor_name": doctor,
        }
        for number, found in enumerate(_diagnoses(subject), start=1)
    ]
