"""adjudicate: the pure function alone, on an in-patient bill of mixed lines, against the time it may take."""

import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median

from hub.coverage import Bill, Line, Referral, Standing, adjudicate, read_pack

PACK = Path(__file__).parents[1] / "fixtures/packs/yichang-example-2024.toml"
AT_MOST_MICROSECONDS = {20: 60, 1000: 4000}
"""By lines a bill."""
ROUNDS = 50


def measure() -> int:
    """Print a line a size of bill; the answer is the exit code, 1 when one takes longer than it may."""
    return max([_measure(lines, target) for lines, target in AT_MOST_MICROSECONDS.items()])


def _measure(lines: int, target: int) -> int:
    pack = read_pack(PACK.read_text())
    bill, standing = _bill(lines), Standing("310", retired=True, civil_servant=True, referral=Referral(True, "up", 0))
    calls = max(2, 10_000 // lines)
    timed = sorted(_microseconds(lambda: adjudicate(bill, pack, standing), calls) for _ in range(ROUNDS))
    taken = median(timed)
    print(
        f"adjudicate-{lines}: {taken:.0f} microseconds (least {timed[0]:.0f}), "
        f"target {target}, ratio {taken / target:.2f}",
        flush=True,
    )
    return int(taken > target)


def _microseconds(work: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return 1e6 * (time.perf_counter() - began) / calls


def _bill(lines: int) -> Bill:
    """Classes, quantities, prices of up to four places and ceilings as a stay has them."""
    made = tuple(
        Line(
            str(n),
            "AABAB"[n % 5] if n % 17 else "C",
            Decimal(1 + n % 7),
            Decimal(137 * n % 9973 + 50).scaleb(-2) if n % 4 else Decimal(137 * n % 99730 + 5).scaleb(-4),
            Decimal(40) if n % 6 == 0 else None,
            approved=n % 29 != 0,
        )
        for n in range(1, lines + 1)
    )
    return Bill(date(2025, 3, 4), "inpatient", 3, made)
