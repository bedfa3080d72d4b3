"""Every route of the application, read from the application itself, and the form in which each door refuses."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI
from starlette.routing import Route as StarletteRoute

from adapters import fhir
from adapters.nhsa.region import HOME_AREA, region

MACHINES = ("/api/", "/fhir", "/nhsa")
NOT_OURS = ("/docs", "/openapi.json", "/metrics", "/health", "/static")
SERVED = sorted(region(HOME_AREA).served)
"""The transactions of the national interface that this region offers."""
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


class Door(NamedTuple):
    """One route: a method and an address with its parameters in braces."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return next((name for name in ("api", "fhir", "nhsa") if self.path.startswith("/" + name)), "web")

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.path)

    def at(self, rows: dict[str, Any], **said: str) -> str:
        """The address with the ids of `rows` in it, or what is said instead."""
        return _PARAMETER.sub(lambda found: said.get(found[1]) or str(_value(found[1], rows)), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def doors(app: FastAPI) -> list[Door]:
    """Every route, those of the generic doors written out."""
    found = [*_walk(app.routes), *_of_fhir(), *(Door("POST", f"/nhsa/{infno}") for infno in SERVED)]
    generic = {"/fhir", "/fhir/{rest:path}", "/nhsa/{infno}"}
    return sorted({one for one in found if one.path not in generic and not one.path.startswith(NOT_OURS)})


def refused_in_form(door: Door, answer: httpx.Response) -> None:
    """A refusal names what is wrong in the door's own form: a code, a sentence, and the element where one is wrong."""
    about = f"{door}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, about
    {"api": _problem, "fhir": _outcome, "nhsa": _reply, "web": _page}[door.name](answer, about)


def _problem(answer: httpx.Response, about: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json", about
    said = answer.json()
    assert said["status"] == answer.status_code, about
    assert said["code"], about
    assert said["detail"], about
    if said.get("kind") == "invalid":
        assert said["element"], about


def _outcome(answer: httpx.Response, about: str) -> None:
    assert answer.headers["content-type"].startswith("application/fhir+json"), about
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome", about
    for issue in said["issue"]:
        assert issue["code"], about
        assert issue["details"]["coding"][0]["code"], about
        assert issue["details"]["text"], about
        assert issue["diagnostics"], about


def _reply(answer: httpx.Response, about: str) -> None:
    said = answer.json()
    if answer.status_code == 200:
        assert said["infcode"] == -1, about
        assert 0 < len(said["err_msg"]) <= 200, about
    else:
        assert said["code"] == answer.status_code, about
        assert said["message"], about


def _page(answer: httpx.Response, about: str) -> None:
    if answer.status_code == 303:
        return
    if answer.status_code == 200 and answer.headers.get("content-disposition", "").startswith("attachment"):
        return  # a file to keep, not a page; a refusal of one is a page
    assert answer.headers["content-type"].startswith("text/html"), about
    assert "</html>" in answer.text, about


def is_refusal(door: Door, answer: httpx.Response) -> bool:
    if door.name == "nhsa" and answer.status_code == 200:
        return answer.headers["content-type"] == "application/json" and answer.json()["infcode"] != 0
    return answer.status_code >= 400


def _walk(routes: Any) -> Iterator[Door]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes)
        elif isinstance(route, StarletteRoute):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield Door(method, route.path)


def _of_fhir() -> Iterator[Door]:
    yield Door("GET", "/fhir/metadata")
    yield Door("POST", "/fhir")
    for name, one in fhir.TABLE.items():
        if one.search:
            yield Door("GET", f"/fhir/{name}")
            yield Door("POST", f"/fhir/{name}/_search")
        if one.read:
            yield Door("GET", f"/fhir/{name}/{{{name}}}")
        if one.create:
            yield Door("POST", f"/fhir/{name}")
        if one.update:
            yield Door("PUT", f"/fhir/{name}/{{{name}}}")
        for operation in one.operations:
            yield Door("POST", f"/fhir/{name}/{operation}")


ROWS = {
    "Patient": "person",
    "Slot": "slot",
    "Schedule": "schedule",
    "Appointment": "appointment",
    "ServiceRequest": "referral",
    "Task": "referral",
    "CarePlan": "referral",
    "DiagnosticReport": "report",
    "Observation": "observation",
    "Organization": "organisation",
    "Location": "department",
    "HealthcareService": "service",
    "Practitioner": "practitioner",
    "Encounter": "visit",
    "Coverage": "enrolment",
    "Claim": "settlement",
    "ClaimResponse": "settlement",
    "ExplanationOfBenefit": "settlement",
    "PaymentReconciliation": "payment_reconciliation",
    "CodeSystem": "code_system",
}
"""The resource types of FHIR in the words of the world's rows."""


def _value(parameter: str, rows: dict[str, Any]) -> Any:
    name = ROWS.get(parameter, parameter.removesuffix("_id"))
    return rows.get(name, 1)


class Findings:
    """What is wrong at many doors, told together: `with findings: assert ...` goes on after a failure."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, trace: object) -> bool:
        if isinstance(wrong, AssertionError):
            self.found.append(str(wrong).partition("\n")[0][:400])
            return True
        return False

    def none(self) -> None:
        assert not self.found, f"{len(self.found)} findings:\n" + "\n".join(self.found[:60])
