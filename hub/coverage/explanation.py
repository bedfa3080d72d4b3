"""What adjudication answers: thirteen totals, every line's share of them, and the steps that led there.

Totals and shares are data, made at once. Steps and their sentences are made from them when somebody asks
(`hub.coverage.steps`), since a settlement at the window needs the figures only.
"""

from dataclasses import dataclass
from typing import NamedTuple

from hub.coverage.bills import Bill, Standing
from hub.coverage.packs import Pack, Scheme


class Share(NamedTuple):
    """One line's part of the bill, all in fen; sums over the lines are the totals."""

    amount: int
    over: int
    own: int
    first: int
    scope: int
    deductible: int
    pool: int
    large: int
    serious: int
    civil: int
    aid: int

    @property
    def fund(self) -> int:
        return self.pool + self.large + self.serious + self.civil + self.aid

    @property
    def person(self) -> int:
        return self.amount - self.fund


class Totals(NamedTuple):
    """The bill in fen: total = fund + account + cash, and total = over + own + first + scope.

    account is what personal accounts pay, the person's own and a relative's that is shared.
    """

    total: int
    over: int
    own: int
    first: int
    scope: int
    deductible: int
    pool: int
    large: int
    serious: int
    civil: int
    aid: int
    fund: int
    account: int
    cash: int

    @property
    def person(self) -> int:
        return self.account + self.cash


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a bill is paid as it is. `ratio` is the pool's, in hundred-millionths; all else fen.

    `due` is the deductible asked, `room` what the pool (or quota) could still pay, `covered` (R0) the part of the
    rest that this room reached: what lies above it may go to the large-amount fund. `shared` is the part of
    totals.account that a relative's account pays.
    """

    pack: Pack
    scheme: Scheme
    bill: Bill
    standing: Standing
    ratio: int
    due: int
    room: int
    covered: int
    totals: Totals
    shares: tuple[Share, ...]
    shared: int = 0

    @property
    def own_in_scope(self) -> int:
        """What this bill adds to the year's own share, where serious-illness insurance counts one."""
        counted = self.bill.care == "inpatient" and self.scheme.serious is not None
        return self.totals.scope - self.totals.pool if counted else 0
