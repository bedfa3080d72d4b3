"""The plain JSON API under /api/v1, for a hospital system or an app that speaks neither HL7 nor FHIR.

operations.py ... an operation is one function with its body and answer; the table of all of them
calling.py ...... from the raw request to the answer's bytes: sign-in, one transaction, audit
problems.py ..... every Fault as problem+json, in one table
persons, directory, booking, referrals, reports, settlements ... the operations, one file a room
openapi.py ...... openapi/api.json, generated from the same table
"""

from fastapi import APIRouter

from adapters.api import booking, directory, persons, referrals, reports, settlements
from adapters.api.calling import endpoint
from adapters.api.operations import OPERATIONS

__all__ = ["booking", "directory", "persons", "referrals", "reports", "router", "settlements"]

PREFIX = "/api/v1"

router = APIRouter()
for operation in OPERATIONS:
    router.add_route(PREFIX + operation.path, endpoint(operation), [operation.method], include_in_schema=False)
