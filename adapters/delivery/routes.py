"""Which function carries a row to its destination. No transaction is open while it works."""

from adapters import door
from adapters.delivery.outcome import Outcome
from hub import directory
from hub.directory import EndpointUnknown
from hub.exchange import Due
from hub.settlement.hearing import WEBHOOK

SMS = "sms"


def carry(due: Due) -> Outcome:
    """Deliver one row: to the SMS gateway, to a hospital's webhook, or over MLLP to the organisation that is its
    destination.
    """
    if due.destination == SMS:
        from adapters.delivery import sms

        return sms.deliver(due)
    kind, _, organisation_id = due.destination.rpartition("/")
    try:
        endpoint = door.transact(lambda session: directory.endpoint(session, organisation_id, kind or "mllp"))
    except EndpointUnknown:
        return Outcome("sent", "no system of its own: read at the workbench")
    if endpoint.state == "paused":
        return Outcome("failed", "destination paused")
    if kind == WEBHOOK:
        from adapters.delivery import webhook

        return webhook.deliver(endpoint, due)
    from adapters.hl7v2 import outbound

    return outbound.deliver(endpoint, due)
