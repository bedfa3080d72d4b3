"""What one transaction is to the door: a function, whether it writes, and what it hands back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.envelope import Request
from adapters.nhsa.region import Region
from hub.trust import Caller


@dataclass(frozen=True, slots=True)
class Said:
    """The envelope and the checked nodes of a transaction's input."""

    request: Request
    region: Region
    nodes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A transaction that came in whole: who asks, the envelope, and the checked nodes of its input."""

    caller: Caller
    request: Request
    region: Region
    nodes: dict[str, Any]

    @property
    def institution(self) -> str:
        """The institution of the credential, which the envelope must name too."""
        assert self.caller.organisation_id is not None
        return self.caller.organisation_id


@dataclass(frozen=True, slots=True)
class Done:
    """Plain values for the output nodes (or the bytes of a file), and whom and what the audit row names."""

    output: dict[str, Any] = field(default_factory=dict)
    person_id: int | None = None
    subject: str | None = None
    file: bytes | None = None


Verb = Callable[[Session, Asked], Done]
