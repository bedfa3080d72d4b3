"""What the FHIR door refuses, each with its element, as an OperationOutcome; none of it leaves a trace."""

from typing import Any

import pytest
from sqlalchemy import Engine

from adapters import fhir
from hub.trust import SCOPES
from tests.adapters.api.wire import Peer, app_with, person_in, slots_in, token_for
from tests.adapters.fhir.test_fhir_booking import FHIR_JSON, NUMBER, PATIENT, conforms, issue, wish
from tests.adapters.fhir.test_fhir_referral import referral_bundle
from tests.region import COMMUNITY, COUNTY, TERTIARY

ROUTES = app_with(fhir.router)


@pytest.fixture(scope="module")
def facts(module_engine: Engine) -> dict[str, Any]:
    """A system's token, a person and a slot that everything could be booked with, and a token that may not."""
    return {
        "token": token_for(module_engine, TERTIARY),
        "sender": token_for(module_engine, COMMUNITY),
        "reader": token_for(module_engine, COUNTY, SCOPES - {"people.write"}),
        "person_id": person_in(module_engine),
        "slot_id": slots_in(module_engine)[0],
    }


@pytest.fixture
def his(facts: dict[str, Any], unchanged: Engine) -> Peer:
    return Peer(ROUTES, facts["token"], FHIR_JSON)


@pytest.fixture
def sender(facts: dict[str, Any], unchanged: Engine) -> Peer:
    return Peer(ROUTES, facts["sender"], FHIR_JSON)


BAD = {
    "a status that does not exist": ({"status": "martian"}, "code-invalid", "Appointment.status"),
    "a status that is not for new ones": ({"status": "arrived"}, "code-invalid", "Appointment.status"),
    "no participant": ({"participant": []}, "value", "Appointment.participant"),
    "no patient": (
        {"participant": [{"actor": {"reference": "Practitioner/D420500000011"}, "status": "accepted"}]},
        "required",
        "Appointment.participant",
    ),
    "a participant without status": (
        {"participant": [{"actor": {"reference": "Patient/1"}}]},
        "required",
        "Appointment.participant[0].status",
    ),
    "a slot that is a patient": ({"slot": [{"reference": "Patient/1"}]}, "value", "Appointment.slot[0].reference"),
    "a slot elsewhere": (
        {"slot": [{"reference": "https://elsewhere.example/Slot/1"}]},
        "value",
        "Appointment.slot[0].reference",
    ),
    "two slots": ({"slot": [{"reference": "Slot/1"}, {"reference": "Slot/2"}]}, "required", "Appointment.slot"),
    "an unknown element": ({"doctor": "陈"}, "structure", "Appointment"),
    "a day that does not exist": ({"start": "2026-02-30T09:00:00Z"}, "invariant", "Appointment.start"),
    "an instant without a zone": ({"start": "2026-02-20T09:00:00"}, "value", "Appointment.start"),
    "a script in the narrative": (
        {"text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'><script>1</script></div>"}},
        "value",
        "Appointment.text.div",
    ),
    "a modifier we do not know": (
        {"modifierExtension": [{"url": "http://x", "valueBoolean": True}]},
        "not-supported",
        "Appointment.modifierExtension",
    ),
    "an id that is too long": ({"id": "x" * 70}, "value", "Appointment.id"),
    "a text for a number": ({"priority": "1"}, "structure", "Appointment.priority"),
    "another type": ({"resourceType": "Patient"}, "structure", "resourceType"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_resource_that_does_not_conform_is_refused_with_its_element(
    his: Peer, facts: dict[str, Any], case: str
) -> None:
    changes, code, expression = BAD[case]
    answer = his("POST", "/fhir/Appointment", json=wish(facts["slot_id"], facts["person_id"]) | changes)
    found = issue(answer)
    assert (found[0], found[1], found[3]) == (400, code, expression)
    conforms(answer.json())


def test_all_that_is_wrong_is_told_at_once(his: Peer) -> None:
    answer = his("POST", "/fhir/Appointment", json={"resourceType": "Appointment", "foo": 1})
    told = [(i["code"], i["expression"][0]) for i in answer.json()["issue"]]
    assert told == [
        ("structure", "Appointment"),
        ("required", "Appointment.participant"),
        ("required", "Appointment.status"),
    ]


def test_the_doors_own_refusals(his: Peer, facts: dict[str, Any]) -> None:
    assert issue(Peer(ROUTES, "och_x")("GET", "/fhir/Slot"))[:2] == (401, "login")
    assert issue(his("GET", "/fhir/Slot", headers={"Authorization": ""}))[:2] == (401, "login")
    form = {"Authorization": "", "Content-Type": "text/plain"}
    assert issue(his("POST", "/fhir/Patient/_search", content="x", headers=form))[:2] == (401, "login")
    typo = his("GET", "/fhir/Slot?stauts=free")
    assert issue(typo) == (400, "code-invalid", "parameter-unknown", "stauts")
    assert "schedule.actor, start, status" in typo.json()["issue"][0]["diagnostics"]
    assert issue(his("GET", "/fhir/Slot?status=vacant"))[3] == "status"
    assert issue(his("GET", "/fhir/Slot?start=tomorrow"))[3] == "start"
    assert issue(his("GET", "/fhir/Slot?_include=Slot:everything"))[3] == "_include"
    assert issue(his("GET", "/fhir/Appointment"))[:2] == (400, "required")
    assert issue(his("GET", "/fhir/Medication/1"))[:3] == (404, "not-supported", "not-offered")
    assert issue(his("GET", "/fhir/Slot/1/_history"))[:2] == (405, "not-supported")
    assert issue(his("DELETE", "/fhir/Slot/1"))[:2] == (405, "not-supported")
    assert issue(his("GET", "/fhir/Appointment/999999"))[:3] == (404, "not-found", "resource-unknown")
    assert issue(his("GET", "/fhir/Appointment/abc"))[0] == 404
    assert issue(his("GET", "/fhir/Slot", headers={"Accept": "application/fhir+xml"}))[:2] == (406, "not-supported")
    assert issue(his("GET", "/fhir/Slot?_format=xml"))[0] == 406
    assert issue(his("POST", "/fhir/Patient", content="{}", headers={"Content-Type": "application/xml"}))[0] == 415
    assert issue(his("POST", "/fhir/Patient", content=b'{"resourceType": '))[:2] == (400, "structure")
    assert issue(his("POST", "/fhir/Patient", content=b"[]"))[0] == 400
    assert issue(his("POST", "/fhir/Patient", content=b"[" * 100_000))[:2] == (400, "structure")
    wrong_check = PATIENT | {"identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": NUMBER[:-1] + "5"}]}
    assert issue(his("POST", "/fhir/Patient", json=wrong_check))[3] == "Patient.identifier[0].value"
    unknown_system = PATIENT | {"identifier": [{"system": "urn:passport", "value": "1"}]}
    assert issue(his("POST", "/fhir/Patient", json=unknown_system))[1:4:2] == (
        "code-invalid",
        "Patient.identifier[0].system",
    )
    reader = Peer(ROUTES, facts["reader"], FHIR_JSON)
    assert issue(reader("POST", "/fhir/Patient", json=PATIENT))[:3] == (403, "forbidden", "not-allowed")


BAD_BUNDLES: dict[str, tuple[Any, tuple[int, str, str | None]]] = {
    "no request": (
        lambda b: b["entry"][0].pop("request"),
        (400, "required", "Bundle.entry[0].request"),
    ),
    "a wrong status inside": (
        lambda b: b["entry"][2]["resource"].update(status="martian"),
        (400, "code-invalid", "Bundle.entry[2].resource.status"),
    ),
    "a wrong check digit inside": (
        lambda b: b["entry"][3]["resource"].update(identifier=[{"system": "urn:oid:2.16.156.10011.1.3", "value": "1"}]),
        (400, "value", "Bundle.entry[3].resource.identifier[0].value"),
    ),
    "a place for somebody else": (
        lambda b: b["entry"][1]["resource"]["participant"][0]["actor"].update(reference="Patient/999"),
        (400, "value", "Bundle.entry[1].resource.participant"),
    ),
    "a receiver that is not there": (
        lambda b: b["entry"][2]["resource"].update(performer=[{"reference": "Organization/H00000000000"}]),
        (422, "not-found", None),
    ),
    "no receiver": (
        lambda b: b["entry"][2]["resource"].pop("performer"),
        (400, "required", "Bundle.entry[2].resource.performer"),
    ),
    "a batch": (lambda b: b.update(type="batch"), (422, "not-supported", None)),
    "a delete": (lambda b: b["entry"][0]["request"].update(method="DELETE"), (422, "not-supported", None)),
    "another type of bundle entirely": (lambda b: b.update(type="zzz"), (400, "code-invalid", "Bundle.type")),
}


@pytest.mark.parametrize("case", BAD_BUNDLES)
def test_a_bad_bundle_is_refused_whole_with_its_entry(sender: Peer, facts: dict[str, Any], case: str) -> None:
    spoil, (status, code, expression) = BAD_BUNDLES[case]
    bundle = referral_bundle(facts["slot_id"])
    spoil(bundle)
    found = issue(sender("POST", "/fhir", json=bundle))
    assert (found[0], found[1], found[3]) == (status, code, expression)
