"""1201: what the region knows of an institution."""

from sqlalchemy.orm import Session

from adapters.nhsa.verbs import Asked, Done
from hub import directory
from hub.directory import Organisation
from hub.faults import Missing

MEDICAL_INSTITUTION = "1"


def institution(session: Session, asked: Asked) -> Done:
    """By code, or by a part of the name. Refuses: Missing, OrganisationUnknown."""
    said = asked.nodes["medinsinfo"]
    code, name = said["fixmedins_code"], said["fixmedins_name"]
    if code is None and name is None:
        raise Missing(element="input.medinsinfo.fixmedins_code", allowed="机构编号和机构名称至少填写一项。")
    found = directory.organisation(session, code) if code else _by_name(session, name)
    answer = {
        "fixmedins_code": found.id,
        "fixmedins_name": found.name,
        "uscc": found.uscc,
        "fixmedins_type": MEDICAL_INSTITUTION,
        "hosp_lv": found.hosp_lv,
    }
    return Done({"medinsinfo": answer}, subject=f"organisation/{found.id}")


def _by_name(session: Session, part: str) -> Organisation:
    """The output has one row: the institution of the highest level whose name has this part."""
    for row in directory.organisations(session, tiers=("tertiary", "county", "community", "village")):
        if part in row.name:
            return row
    raise directory.OrganisationUnknown(organisation_id=part)
