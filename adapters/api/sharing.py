"""A personal account shared in the family (家庭共济): opened and ended by the bureau's counter, seen by both."""

from datetime import date
from typing import Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Id
from hub import coverage
from hub.coverage import AccountShare, ShareUnknown, Sharing
from hub.trust import RecordUnknown


class ShareWish(Body, frozen=True):
    """`relation` is what the relative is to the owner. `proof` names the paper shown ("户口簿 420500-12")."""

    owner_id: Id
    relative_id: Id
    relation: Literal["parent", "spouse", "child"]
    consented_on: date
    proof: str
    since: date | None = None
    until: date | None = None


class ShareView(msgspec.Struct):
    """While it is `open`, the relative may pay from the owner's account on the days since .. until."""

    share_id: int
    owner_id: int
    relative_id: int
    relation: str
    consented_on: date
    proof: str
    since: date
    until: date | None
    state: str


class SharesQuery(msgspec.Struct, frozen=True):
    person_id: Id


@operation("POST", "/shared-accounts", tag="coverage", body=ShareWish, answer=ShareView, status=201)
def share(call: Call[ShareWish]) -> ShareView:
    """Let a relative pay from an employee's personal account; said again, it is the sharing that stands."""
    wish = call.body
    said = Sharing(
        owner_id=wish.owner_id,
        relative_id=wish.relative_id,
        relation=wish.relation,
        consented_on=wish.consented_on,
        proof=wish.proof,
        since=wish.since or wish.consented_on,
        until=wish.until,
    )
    row = coverage.share_account(call.session, call.caller, said, source=f"api/{call.caller.id}")
    call.about(person_id=row.owner_id, subject=f"share/{row.id}")
    return _view(row)


@operation("GET", "/shared-accounts", tag="coverage", query=SharesQuery, answer=list[ShareView], names=(RecordUnknown,))
def shared(call: Call[None]) -> list[ShareView]:
    """What somebody shares and what is shared with them, the open ones first."""
    call.about(person_id=call.query.person_id)
    return [_view(row) for row in coverage.shares(call.session, call.caller, person_id=call.query.person_id)]


@operation("POST", "/shared-accounts/{share_id:int}/end", tag="coverage", answer=ShareView, names=(ShareUnknown,))
def end(call: Call[None]) -> ShareView:
    """From now on nothing more is paid from this account for this relative."""
    share_id = call.number("share_id")
    call.about(subject=f"share/{share_id}")
    row = coverage.end_share(call.session, call.caller, share_id=share_id)
    call.about(person_id=row.owner_id, subject=f"share/{share_id}")
    return _view(row)


def _view(row: AccountShare) -> ShareView:
    return ShareView(
        row.id,
        row.owner_id,
        row.relative_id,
        row.relation,
        row.consented_on,
        row.proof,
        row.since,
        row.until,
        row.state,
    )
