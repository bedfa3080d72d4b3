"""FHIR R4 (4.0.1) REST under /fhir, for systems that speak it.

resources.py .... what a resource type is; the routes and the CapabilityStatement follow from it
calling.py ...... from the raw request to the answer's bytes; one transaction
search.py ....... search parameters; an unknown one is refused by name
validation.py ... R4 conformance of what is sent
outcome.py ...... every Fault as OperationOutcome, in one table
bundle.py ....... a transaction: referral and place in one call
patient, slot, appointment, servicerequest, task, careplan, encounter, report, directory ... the resources
coverage, claim, claimresponse, paymentreconciliation, codesystem ... the insurance; money.py: what these share
"""

from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.fhir.appointment import APPOINTMENT
from adapters.fhir.bundle import transaction
from adapters.fhir.calling import Table, answered, interactions
from adapters.fhir.capability import statement
from adapters.fhir.careplan import CARE_PLAN
from adapters.fhir.claim import CLAIM
from adapters.fhir.claimresponse import BENEFIT, CLAIM_RESPONSE
from adapters.fhir.codesystem import CODE_SYSTEM
from adapters.fhir.coverage import COVERAGE, ELIGIBILITY
from adapters.fhir.directory import LOCATION, ORGANIZATION, PRACTITIONER, SERVICES
from adapters.fhir.encounter import ENCOUNTER
from adapters.fhir.patient import PATIENT
from adapters.fhir.paymentreconciliation import PAYMENT_RECONCILIATION
from adapters.fhir.report import DIAGNOSTIC_REPORT, OBSERVATION
from adapters.fhir.servicerequest import SERVICE_REQUEST
from adapters.fhir.slot import SCHEDULE, SLOT
from adapters.fhir.task import TASK

TABLE: Table = {
    one.name: one
    for one in (
        PATIENT,
        SCHEDULE,
        SLOT,
        APPOINTMENT,
        SERVICE_REQUEST,
        TASK,
        CARE_PLAN,
        ENCOUNTER,
        DIAGNOSTIC_REPORT,
        OBSERVATION,
        ORGANIZATION,
        LOCATION,
        SERVICES,
        PRACTITIONER,
        COVERAGE,
        ELIGIBILITY,
        CLAIM,
        CLAIM_RESPONSE,
        BENEFIT,
        PAYMENT_RECONCILIATION,
        CODE_SYSTEM,
    )
}

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_interaction_of = interactions(TABLE, partial(statement, TABLE), transaction)

router = APIRouter()


async def fhir(request: Request) -> Response:
    return await answered(_interaction_of, request)


router.add_route("/fhir", fhir, _METHODS, include_in_schema=False)
router.add_route("/fhir/{rest:path}", fhir, _METHODS, include_in_schema=False)
