"""What an operation of the JSON API is, and the one table they are all written into.

An operation says its method, path, body and answer once; the route, the checks and the description
in openapi/api.json follow from it. Its function runs inside the transaction of the call.

    @operation("POST", "/holds", tag="booking", body=HoldWish, answer=HoldView, status=201)
    def hold(call: Call[HoldWish]) -> HoldView: ...
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy.orm import Session

from hub.db import Statement
from hub.faults import Fault
from hub.trust import Caller

B = TypeVar("B")


@dataclass(slots=True)
class Call(Generic[B]):
    """One call as its operation sees it. What it is about goes into the audit row.

    key is the Idempotency-Key it came with, content_hash that of its address and body.
    """

    session: Session
    caller: Caller
    body: B
    path: dict[str, str]
    query: Any = None
    person_id: int | None = None
    subject: str | None = None
    key: str | None = None
    content_hash: bytes = b""

    def number(self, name: str) -> int:
        """An id from the path; the route's pattern has made sure it is one. None is larger than a bigint."""
        return min(int(self.path[name]), 2**63 - 1)

    def about(self, *, person_id: int | None = None, subject: str | None = None) -> None:
        self.person_id, self.subject = person_id, subject


Stands = Callable[[Session, Caller, str], None]


class Many(NamedTuple):
    """How an operation works on calls that share a transaction.

    `asking` is what it asks about their bodies, sent along with the question who calls. `work` gets the calls of
    whom is believed and the rows of that; it answers an outcome or a Fault for each, and the statements still to be
    written, which go with the commit.
    """

    asking: Callable[[Sequence[Any]], Statement]
    work: Callable[[Session, Sequence[Call[Any]], Sequence[Any]], tuple[Sequence[Any], Sequence[Statement]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`names` are the refusals about what the URL itself names: they are 404, elsewhere the same is 422.

    `many` does the same for a batch of calls: a hot operation whose calls share a transaction. `stands` is for what
    money depends on: such a call needs a key, and before an old answer is repeated it refuses what has been undone
    since.
    """

    method: str
    path: str
    tag: str
    run: Callable[[Call[Any]], Any]
    summary: str
    body: type | None = None
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    status: int = 200
    names: tuple[type[Fault], ...] = ()
    many: Many | None = None
    stands: Stands | None = None

    @property
    def verb(self) -> str:
        return f"{self.tag}.{self.run.__name__}"


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    body: type | None = None,
    query: type[msgspec.Struct] | None = None,
    answer: Any = None,
    status: int = 200,
    names: tuple[type[Fault], ...] = (),
    many: Many | None = None,
    stands: Stands | None = None,
) -> Callable[[Callable[[Call[Any]], Any]], Callable[[Call[Any]], Any]]:
    """Write a function into the table; the first line of its docstring becomes the summary."""

    def written(run: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        summary = (run.__doc__ or "").strip().partition("\n")[0]
        OPERATIONS.append(Operation(method, path, tag, run, summary, body, query, answer, status, names, many, stands))
        return run

    return written
