"""Who is calling, from where, with which rights, and at what time."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from hub.faults import Forbidden, Unknown

SCOPES: frozenset[str] = frozenset(
    {
        "people.read",
        "people.write",
        "directory.read",
        "booking.read",
        "booking.write",
        "referral.read",
        "referral.write",
        "records.read",
        "records.write",
        "consultation.write",
        "coverage.write",
        "settlement.read",
        "settlement.write",
        "reconciliation.read",
        "reconciliation.write",
        "operations",
    }
)
CITIZEN_SCOPES: frozenset[str] = frozenset(
    {"directory.read", "booking.read", "booking.write", "referral.read", "records.read", "settlement.read"}
)


class NotAllowed(Forbidden):
    zh = "您的账号没有“{scope}”权限。请联系本单位管理员开通。"
    en = "This account does not hold the right '{scope}'. Ask your administrator for it."


class RecordUnknown(Unknown):
    """The record is not there, or this caller may not know that it is: the answer is the same."""

    zh = "查不到这条{noun}记录，或您无权查看。"
    en = "No such {noun}, or you may not see it."


@dataclass(frozen=True, slots=True)
class Caller:
    """Made by the door and handed to every verb. `at` is the one clock of the call, with a zone."""

    kind: Literal["system", "citizen", "staff", "job"]
    id: str
    at: datetime
    organisation_id: str | None = None
    practitioner_id: str | None = None
    person_id: int | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    purpose: str = "treatment"
    trace: str = ""
    door: str = ""


def require(caller: Caller, scope: str) -> None:
    """Refuses: NotAllowed."""
    if scope not in caller.scopes:
        raise NotAllowed(scope=scope)
