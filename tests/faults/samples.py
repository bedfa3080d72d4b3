"""Whole documents for every door, made from the doors' own tables: the ground that mutations start from."""

import base64
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import inspect

from adapters import door
from adapters.nhsa.region import HOME_AREA, region
from adapters.nhsa.tables import Field, Transaction, transaction
from hub.units import CHINA
from tests.faults.doors import SERVED
from tests.faults.world import World
from tests.region import BUREAU, COUNTY, COUNTY_DOCTOR, EXPERT, TERTIARY, numbered

TEXTS: dict[str, str | None] = {
    "receiver_id": COUNTY,
    "organisation_id": TERTIARY,
    "department_id": f"{TERTIARY}-0301",
    "practitioner_id": EXPERT,
    "signer_id": EXPERT,
    "service_id": f"{TERTIARY}-0301-01",
    "receiver_department_id": f"{COUNTY}-0301",
    "receiver_practitioner_id": COUNTY_DOCTOR,
    "sender_department_id": f"{TERTIARY}-0301",
    "sender_practitioner_id": EXPERT,
    "system": f"mrn/{TERTIARY}",
    "next_visit": "2026-12-24",
    "code": "I20.000",
    "total": "10000.00",
    "deductible_paid": "0.00",
    "insutype": "310",
    "certno": numbered("42050019900101077"),
    "psn_no": "42050000000000000077",
    "psn_type": "11",
    "area": "420500",
    "account_credit": "1.00",
    "placer_number": None,  # under a number of its own what was refused is answered with what was accepted since
}


def sample(kind: Any, world: World, name: str = "") -> Any:
    """A document of a msgspec type, with every optional member said."""
    return _of(kind if isinstance(kind, inspect.Type) else inspect.type_info(kind), world, name)


def _of(kind: inspect.Type, world: World, name: str) -> Any:
    match kind:
        case inspect.StructType():
            return {field.encode_name: _of(field.type, world, field.name) for field in kind.fields}
        case inspect.UnionType():
            return _of(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), world, name)
        case inspect.ListType() | inspect.VarTupleType() | inspect.CollectionType():
            return [_of(kind.item_type, world, name)]
        case inspect.LiteralType():
            return kind.values[-1]
        case inspect.IntType():
            return world.ours.get(name.removesuffix("_id"), 1)
        case inspect.BoolType():
            return True
        case inspect.DateType():
            return "1960-01-01"
        case inspect.DateTimeType():
            return "2026-11-20T09:00:00+08:00"
        case inspect.DictType():
            return {"fee": "总金额"}
        case inspect.BytesType():
            return base64.b64encode("结算号,总金额\n".encode()).decode()
        case inspect.StrType():
            return TEXTS.get(name, f"示例{name}")
    raise AssertionError(f"no sample of {kind}: say here what one looks like")


def resources(world: World) -> dict[str, dict[str, Any]]:
    """What can be created or updated over FHIR, by resource type."""
    ours = world.ours
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": f"urn:onecard:mrn:{TERTIARY}", "value": "M-77"}],
        "name": [{"use": "official", "family": "王", "given": ["示例"]}],
        "gender": "male",
        "birthDate": "1970-01-01",
        "telecom": [{"system": "phone", "value": "19900000009"}],
        "address": [{"text": "宜昌市", "line": ["一号"]}],
    }
    appointment = {
        "resourceType": "Appointment",
        "id": str(ours["appointment"]),
        "status": "booked",
        "slot": [{"reference": f"Slot/{ours['slots'][3]}"}],
        "participant": [{"actor": {"reference": f"Patient/{ours['person']}"}, "status": "accepted"}],
        "reasonCode": [{"text": "胸闷", "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I20.0"}]}],
        "basedOn": [{"reference": f"ServiceRequest/{ours['referral']}"}],
    }
    referral = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "identifier": [{"system": f"urn:onecard:referral-number:{TERTIARY}", "value": "R-77"}],
        "subject": {"reference": f"Patient/{ours['person']}"},
        "requester": {"reference": f"Practitioner/{EXPERT}"},
        "performer": [{"reference": f"Organization/{COUNTY}"}],
        "locationReference": [{"reference": f"Location/{COUNTY}-0301"}],
        "reasonCode": [
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I20.000", "display": "心绞痛"}]},
            {"text": "康复"},
        ],
        "note": [{"text": "胸闷三天"}],
        "patientInstruction": "继续服药",
    }
    task = {
        "resourceType": "Task",
        "id": str(ours["referral"]),
        "status": "received",
        "intent": "order",
        "focus": {"reference": f"ServiceRequest/{ours['referral']}"},
        "statusReason": {"text": "床位紧张"},
        "note": [{"text": "见信", "authorReference": {"reference": f"Practitioner/{EXPERT}"}}],
    }
    return {"Patient": patient, "Appointment": appointment, "ServiceRequest": referral, "Task": task} | _insured(world)


def _insured(world: World) -> dict[str, dict[str, Any]]:
    """What the insurance is asked over FHIR."""
    ours = world.ours
    patient = {"reference": f"Patient/{ours['person']}"}
    covered = {"coverage": {"reference": f"Coverage/{ours['enrolment']}"}}
    encounter = {
        "resourceType": "Encounter",
        "id": str(ours["visit"]),
        "identifier": [{"system": f"urn:onecard:visit-number:{TERTIARY}", "value": "ZY-77"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": patient,
        "period": {"start": "2026-11-16T10:00:00+08:00", "end": "2026-11-20T10:00:00+08:00"},
        "reasonCode": [
            {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I20.000", "display": "心绞痛"}]}
        ],
    }
    item = {
        "sequence": 1,
        "productOrService": {"coding": [{"system": "urn:onecard:catalogue-item", "code": "S-BED-01"}]},
        "servicedDate": "2026-11-20",
        "quantity": {"value": 2},
        "unitPrice": {"value": 50.25, "currency": "CNY"},
        "net": {"value": 100.5, "currency": "CNY"},
        "encounter": [{"reference": f"Encounter/{ours['visit']}"}],
        "modifier": [{"coding": [{"system": "urn:onecard:approval", "code": "approved"}]}],
    }
    claim = {
        "resourceType": "Claim",
        "identifier": [
            {"system": f"urn:onecard:settlement-key:{TERTIARY}", "value": "K-77"},
            {"system": f"urn:onecard:charge-batch:{TERTIARY}", "value": "B-77"},
        ],
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "institutional"}]},
        "use": "claim",
        "patient": patient,
        "created": "2026-11-22",
        "provider": {"reference": f"Organization/{TERTIARY}"},
        "priority": {"coding": [{"code": "normal"}]},
        "supportingInfo": [
            {"sequence": 1, "category": {"coding": [{"system": "urn:onecard:account-used"}]}, "valueBoolean": True}
        ],
        "insurance": [{"sequence": 1, "focal": True} | covered],
        "item": [item],
        "total": {"value": 100.5, "currency": "CNY"},
    }
    eligibility = {
        "resourceType": "CoverageEligibilityRequest",
        "status": "active",
        "purpose": ["benefits"],
        "patient": patient,
        "created": "2026-11-22",
        "insurer": {"reference": f"Organization/{BUREAU}"},
        "insurance": [covered],
        "item": [{"category": {"coding": [{"system": "urn:onecard:care", "code": "inpatient"}]}}],
    }
    return {"Encounter": encounter, "Claim": claim, "CoverageEligibilityRequest": eligibility}


def transaction_bundle(world: World) -> dict[str, Any]:
    found = resources(world)
    entries = [
        {
            "fullUrl": f"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e{n}",
            "resource": {key: value for key, value in found[name].items() if key != "id"},
            "request": {"method": "POST", "url": name},
        }
        for n, name in enumerate(("Patient", "ServiceRequest", "Appointment"))
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def transactions(world: World) -> dict[str, dict[str, Any]]:
    """The `input` of every transaction that is served, each field said, from its field table."""
    spoken = region(HOME_AREA)
    return {infno: _input(transaction(infno, spoken), world) for infno in SERVED}


def _input(asked: Transaction, world: World) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, node in asked.incoming.items():
        row = {field.code: _value(field, world) for field in node.fields}
        said[name] = [row] if node.many else row
    return said


def _value(field: Field, world: World) -> str:
    known = {
        "psn_no": world.ours["psn_no"],
        "certno": world.ours["certno"],
        "mdtrt_cert_no": world.ours["certno"],
        "psn_name": "张示例",
        "mdtrt_id": str(world.ours["visit"]),
        "setl_id": str(world.ours["settlement"]),
        "fixmedins_code": TERTIARY,
        "insutype": "310",
        "psn_cert_type": "01",
        "mdtrt_cert_type": "02",
        "ipt_otp_no": "ZY-1",
        "ipt_no": "ZY-1",
        "med_list_codg": "S-BED-01",
        "begntime": "2026-11-20 09:00:00",
    }
    if field.code in known:
        return known[field.code]
    if field.list:
        return next(iter(region(HOME_AREA).codes[field.list].values), "1")
    kind = field.type[0]
    if field.type in ("D", "DT"):
        day = door.now().astimezone(CHINA) - timedelta(days=1)
        return f"{day:%Y-%m-%d}" if field.type == "D" else f"{day:%Y-%m-%d %H:%M:%S}"
    return {"N": "1", "C": "1", "B": "UEs="}[kind]


__all__ = ["msgspec", "resources", "sample", "transaction_bundle", "transactions"]
