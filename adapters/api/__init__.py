"""The plain JSON API under /api/v1, for a hospital system or an app that speaks neither HL7 nor FHIR.

operations.py ... an operation is one function with its body and answer; the table of all of them
calling.py ...... from the raw request to the answer's bytes: sign-in, one transaction, audit
gathered.py ..... hot operations: calls that arrive together share a transaction
problems.py ..... every Fault as problem+json, in one table
persons, directory, booking, referrals, reports, settlements ... the operations, one file a room
waiting.py ...... the waiting list
stops.py ........ stopped clinics, and fees that are owed back
differences.py .. where two books differ, and what two persons decide about it
sheets.py ....... a hospital's own sheet of a day as its side of the books
enrolments.py ... who is insured how, as the insurer feeds it
sharing.py ...... personal accounts that relatives may pay from
charging.py ..... what moves money: settlements asked for, undone, refunded
openapi.py ...... openapi/api.json, generated from the same table
"""

import re

from fastapi import APIRouter
from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor
from starlette.routing import BaseRoute, Route

from adapters.api import (
    booking,
    charging,
    differences,
    directory,
    enrolments,
    persons,
    referrals,
    reports,
    settlements,
    sharing,
    sheets,
    stops,
    waiting,
)
from adapters.api.calling import endpoint
from adapters.api.operations import OPERATIONS

__all__ = [
    "HOT",
    "OPERATIONS",
    "booking",
    "charging",
    "differences",
    "directory",
    "enrolments",
    "persons",
    "referrals",
    "reports",
    "router",
    "settlements",
    "sharing",
    "sheets",
    "stops",
    "waiting",
]

PREFIX = "/api/v1"


class _Name(StringConvertor):
    """An institution's id in an address; what cannot be one is at no address."""

    regex = "[0-9A-Za-z-]{1,64}"


class _Number(IntegerConvertor):
    """A row's id in an address, of a length that can be read."""

    regex = "[0-9]{1,64}"


class _Key(StringConvertor):
    """What a hospital calls one of its messages."""

    regex = "[^/]{1,255}"


register_url_convertor("name", _Name())
register_url_convertor("key", _Key())
register_url_convertor("id", _Number())


def _address(path: str) -> str:
    return PREFIX + re.sub(r"\{(\w+)\}", r"{\1:name}", path).replace(":int}", ":id}")


router = APIRouter()
HOT: list[BaseRoute] = []
"""What is looked at before all other routes: to find the last of hundreds takes longer than all the rest of a call."""
for operation in OPERATIONS:
    router.add_route(_address(operation.path), endpoint(operation), [operation.method], include_in_schema=False)
    if operation.many is not None:
        HOT.append(Route(_address(operation.path), endpoint(operation), methods=[operation.method]))
