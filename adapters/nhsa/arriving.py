"""A call as it comes in: who knocks, what they say, read in the order in which it may be believed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from adapters.nhsa import envelope
from adapters.nhsa.gateway import Knock, signing, unknown_user
from adapters.nhsa.region import HOME_AREA, region, region_on
from adapters.nhsa.signing_in import require_signed_in
from adapters.nhsa.tables import transaction
from adapters.nhsa.verbs import Asked, Said
from hub import trust
from hub.trust import Caller, Door
from hub.units import day_of

DOOR = "nhsa"


@dataclass(frozen=True, slots=True)
class Knocking:
    """A call at the gate: what came and when, and what it says of itself. `infno` is that of the address."""

    arrived: Door
    knock: Knock
    infno: str
    body: bytes


def knocking(infno: str, headers: Mapping[str, str], body: bytes, arrived: Door) -> Knocking:
    """Raises GatewayRefused: a header is missing, or the time is outside the window."""
    spoken = region(HOME_AREA)
    window = timedelta(minutes=spoken.signing_window_minutes)
    return Knocking(
        arrived,
        signing(spoken.signing).knock(headers, at=arrived.at, window=window),
        infno[:6].replace("\0", "?"),
        body,
    )


def callers(session: Session, names: set[str], arrived: Door) -> dict[str, tuple[Caller, str]]:
    """The callers behind access keys with their secrets; names that nobody has are left out."""
    return trust.keyed(session, names, arrived)


def believed(came: Knocking, known: Mapping[str, tuple[Caller, str]]) -> Caller:
    """Who signed this call. Raises GatewayRefused: nobody of that name, or not signed with their secret."""
    if came.knock.access_key not in known:
        raise unknown_user()
    caller, secret = known[came.knock.access_key]
    signing(region(HOME_AREA).signing).check(came.knock, secret)
    return replace(caller, at=came.arrived.at, trace=came.arrived.trace)


def read(came: Knocking) -> Said:
    """Envelope and input, checked against their field tables; who sent them is not looked at.

    Refuses: Invalid, Missing, TransactionNotOffered.
    """
    spoken = region_on(HOME_AREA, day_of(came.arrived.at))
    found = envelope.decode(came.body)
    request = envelope.open_envelope(found, asked=came.knock.name, path=came.infno, spoken=spoken)
    nodes = transaction(request.infno, spoken).read(request.input, lines_at_most=spoken.lines_at_most)
    envelope.require_insured_area(request, nodes, spoken)
    return Said(request, spoken, nodes)


def asked_by(caller: Caller, said: Said) -> Asked:
    """What was said, by whom. Refuses: ForeignInstitution; NotSignedIn where the region wants a sign-in."""
    envelope.require_own(said.request, caller.organisation_id, said.region)
    asked = Asked(caller, said.request, said.region, said.nodes)
    if said.region.sign_in_required and said.request.infno != "9001":
        head = said.request.head
        require_signed_in(asked, operator=head["opter"], number=head["sign_no"])
    return asked
