"""Which function carries a row to its destination. No transaction is open while it works."""

from adapters import door
from adapters.delivery.outcome import Outcome
from hub import directory
from hub.directory import Endpoint, EndpointUnknown
from hub.exchange import Due

SMS = "sms"


def carry(due: Due) -> Outcome:
    """Deliver one row: to the SMS gateway, or over MLLP to the organisation that is its destination."""
    if due.destination == SMS:
        from adapters.delivery import sms

        return sms.deliver(due)
    from adapters.hl7v2 import outbound

    try:
        endpoint = door.transact(lambda session: directory.endpoint(session, due.destination, "mllp"))
    except EndpointUnknown:
        return Outcome("sent", "no system of its own: read at the workbench")
    return _paused(endpoint) or outbound.deliver(endpoint, due)


def _paused(endpoint: Endpoint) -> Outcome | None:
    return Outcome("failed", "destination paused") if endpoint.state == "paused" else None
