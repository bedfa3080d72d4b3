"""How an attempt to deliver ended."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended.

    sent ...... the peer has it
    refused ... the peer will never take it (AE)
    failed .... may pass (AR, time-out, no connection)
    poison .... we cannot even render it; a person must look
    """

    kind: Literal["sent", "refused", "failed", "poison"]
    detail: str = ""
    answer: bytes = b""


SENT = Outcome("sent")
