"""Which settlements two sides do not have alike, among millions of lines.

The lines are joined once, by statement, settlement and whether it is a refund. Where one side lists something twice, a
join multiplies rows: the counts of that statement then do not fit, and it is grouped by settlement instead. Equal means
what `hub.reconciliation.differences` means by it: the same sums of fee, fund and account, and as many lines.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis

from hub.reconciliation import Amounts, Line

THREADS = 2
MEMORY = "3GB"
ROW = "file_row_number"
FEW = 10_000
"""Lines fetched by their place in the file; of more, a file is read whole once more."""
NOTHING = Amounts()


@dataclass(frozen=True, slots=True)
class Matched:
    """By statement: each side's sums, and the lines of every settlement that may differ, in the order exported."""

    hospital: dict[int, Amounts]
    insurer: dict[int, Amounts]
    hospital_suspects: dict[int, list[Line]]
    insurer_suspects: dict[int, list[Line]]


@contextmanager
def files(folder: Path) -> Iterator[Any]:
    """DuckDB through Ibis, spilling to a folder."""
    spill = str(folder / "spill")
    connection = ibis.duckdb.connect(threads=THREADS, memory_limit=MEMORY, temp_directory=spill)
    connection.raw_sql("SET enable_progress_bar = false")
    try:
        yield connection
    finally:
        connection.disconnect()


def match(folder: Path, hospital: Path, insurer: Path) -> Matched:
    """Two exports held against each other."""
    with files(folder) as connection:
        theirs, ours = (connection.read_parquet(side, file_row_number=True) for side in (hospital, insurer))
        their_sums, our_sums = _sums(theirs), _sums(ours)
        keys = _suspects(theirs, ours, their_sums, our_sums)
        return Matched(their_sums, our_sums, _lines_of(theirs, keys), _lines_of(ours, keys))


def _suspects(
    hospital: ibis.Table, insurer: ibis.Table, theirs: dict[int, Amounts], ours: dict[int, Amounts]
) -> dict[int, set[str]]:
    """The settlements that differ, by statement; where something is listed twice, found by grouping."""
    found: dict[int, set[str]] = {}
    equal, hospital_only, insurer_only = Counter[int](), Counter[int](), Counter[int]()
    for row in _joined(hospital, insurer).to_pyarrow().to_pylist():
        statement = row["statement"]
        if row["setl_id"] is None:
            equal[statement] += row["lines"]
            continue
        found.setdefault(statement, set()).add(row["setl_id"])
        equal[statement] += row["lines"] - row["hospital_only"] - row["insurer_only"]
        hospital_only[statement] += row["hospital_only"]
        insurer_only[statement] += row["insurer_only"]
    multiplied = [
        statement
        for statement in theirs.keys() | ours.keys()
        if equal[statement] != theirs.get(statement, NOTHING).count - hospital_only[statement]
        or equal[statement] != ours.get(statement, NOTHING).count - insurer_only[statement]
    ]
    if multiplied:
        for row in _grouped(hospital, insurer, multiplied).to_pyarrow().to_pylist():
            found.setdefault(row["statement"], set()).add(row["setl_id"])
    return found


def _joined(hospital: ibis.Table, insurer: ibis.Table) -> ibis.Table:
    """How many lines of each statement are equal (setl_id null), and every settlement with one that is not."""
    both = hospital.join(insurer, ["statement", "setl_id", "refund"], how="outer", rname="{name}_insurer")
    same = (
        (both.fee == both.fee_insurer) & (both.fund == both.fund_insurer) & (both.account == both.account_insurer)
    ).fill_null(False)
    lines = both.select(
        statement=ibis.coalesce(both.statement, both.statement_insurer),
        setl_id=ibis.ifelse(same, ibis.null("string"), ibis.coalesce(both.setl_id, both.setl_id_insurer)),
        hospital_only=both.fee_insurer.isnull(),
        insurer_only=both.fee.isnull(),
    )
    return lines.group_by("statement", "setl_id").agg(
        lines=lines.count(), hospital_only=lines.hospital_only.sum(), insurer_only=lines.insurer_only.sum()
    )


def _grouped(hospital: ibis.Table, insurer: ibis.Table, statements: list[int]) -> ibis.Table:
    """The settlements of some statements whose sums or numbers of lines differ."""

    def signed(side: ibis.Table, sign: int) -> ibis.Table:
        some = side.filter(side.statement.isin(statements))
        amounts = {name: (some[name] * sign).cast("int64") for name in ("fee", "fund", "account")}
        return some.select("statement", "setl_id", **amounts, lines=ibis.literal(sign, type="int64"))

    both = signed(hospital, 1).union(signed(insurer, -1))
    net = both.group_by("statement", "setl_id").agg(
        fee=both.fee.sum(), fund=both.fund.sum(), account=both.account.sum(), lines=both.lines.sum()
    )
    uneven = (net.fee != 0) | (net.fund != 0) | (net.account != 0) | (net.lines != 0)
    return net.filter(uneven).select("statement", "setl_id")


def _sums(side: ibis.Table) -> dict[int, Amounts]:
    sums = side.group_by("statement").agg(
        fee=side.fee.sum(), fund=side.fund.sum(), account=side.account.sum(), lines=side.count()
    )
    return {
        row["statement"]: Amounts(int(row["fee"]), int(row["fund"]), int(row["account"]), row["lines"])
        for row in sums.to_pyarrow().to_pylist()
    }


def _lines_of(side: ibis.Table, keys: dict[int, set[str]]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    named = [{"statement": statement, "setl_id": key} for statement, some in keys.items() for key in some]
    if not named:
        return found
    wanted = ibis.memtable(named, schema={"statement": "int64", "setl_id": "string"})
    # The narrow columns say where the lines are, and only there the wide ones are read.
    narrow = side.select("statement", "setl_id", ROW).semi_join(wanted, ["statement", "setl_id"])
    places = sorted(narrow[ROW].to_pyarrow().to_pylist())
    own = side.filter(side[ROW].isin(places)) if len(places) <= FEW else side.semi_join(narrow, [ROW])
    for row in own.to_pyarrow().to_pylist():
        line = Line(
            setl_id=row["setl_id"],
            mdtrt_id=row["mdtrt_id"],
            psn_no="",
            fee=row["fee"],
            fund=row["fund"],
            account=row["account"],
            refund=row["refund"],
            msgid=row["msgid"],
        )
        found.setdefault(row["statement"], []).append(line)
    return found
