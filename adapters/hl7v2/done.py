"""What a message led to: whom the audit row names, and the answer where it is more than ACK."""

from dataclasses import dataclass

from adapters.hl7v2.acknowledgements import Complaint, Reply


@dataclass(frozen=True, slots=True)
class Done:
    """`subject` is like "appointment/12"; `reply` is the application answer of a message that has one (RRI).

    `warnings` go with AA. `waits_for`: nothing was done, the message waits for what has this name; `brings`: what
    waits for this name may be done now.
    """

    person_id: int | None = None
    subject: str | None = None
    reply: Reply | None = None
    warnings: tuple[Complaint, ...] = ()
    waits_for: str | None = None
    brings: str | None = None
