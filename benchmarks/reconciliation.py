"""reconcile: millions of lines held against as many, against the bare join of the same files by DuckDB.

Our side reads the same two Parquet files, finds what differs, counts what is listed twice, sums both sides and fetches
the lines in question. The reference is one outer join with a comparison of amounts, in plain SQL.
"""

import resource
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

from adapters.reconciling.matching import MEMORY, THREADS, match

AT_MOST = 1.5
"""Times the bare join."""
MEMORY_AT_MOST_GIB = 4.0
A_STATEMENT = 3000
PLANTED = 5
ROUNDS = 3


def measure(rows: int) -> int:
    """Print one line; the answer is the exit code, 1 when it takes longer or more memory than it may."""
    with TemporaryDirectory(prefix="onecard-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        hospital, insurer = _files(folder, rows)
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(_bare(folder, hospital, insurer))
            ours.append(_ours(folder, hospital, insurer))
    ratio = median(one / other for one, other in zip(ours, bare, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"reconcile: {rows:,} lines against {rows:,} in {median(ours):.2f} s, the bare join {median(bare):.2f} s, "
        f"ratio {ratio:.2f} (at most {AT_MOST}), peak memory {peak:.2f} GiB (at most {MEMORY_AT_MOST_GIB:.0f})",
        flush=True,
    )
    return int(ratio > AT_MOST or peak > MEMORY_AT_MOST_GIB)


def _files(folder: Path, rows: int) -> tuple[Path, Path]:
    """The insurer's lines in the order settled; the hospitals' in another, with some amounts off by a fen."""
    hospital, insurer = folder / "hospital.parquet", folder / "insurer.parquet"
    with duckdb.connect() as files:
        files.execute(f"SET enable_progress_bar = false; SET threads = {THREADS}")
        files.execute(
            f"""COPY (SELECT i // {A_STATEMENT} AS statement, (100000000 + i)::VARCHAR AS setl_id,
                             (i // 2)::VARCHAR AS mdtrt_id, 10000 + i % 7777 AS fee, 7000 + i % 7777 AS fund,
                             100::BIGINT AS account, false AS refund, 'H42050000101' || i AS msgid
                        FROM range({rows}) AS t(i)) TO '{insurer}' (FORMAT parquet)"""
        )
        off = f"CASE WHEN setl_id::BIGINT % {max(1, rows // PLANTED)} = 0 THEN 1 ELSE 0 END"
        files.execute(
            f"COPY (SELECT * REPLACE (fee + {off} AS fee) FROM '{insurer}' ORDER BY hash(setl_id)) "
            f"TO '{hospital}' (FORMAT parquet)"
        )
    return hospital, insurer


def _bare(folder: Path, hospital: Path, insurer: Path) -> float:
    with duckdb.connect() as files:
        files.execute("SET enable_progress_bar = false")
        files.execute(f"SET threads = {THREADS}; SET memory_limit = '{MEMORY}'; SET temp_directory = '{folder}/bare'")
        began = time.perf_counter()
        (found,) = files.execute(
            f"""SELECT count(*) FROM '{hospital}' AS h FULL JOIN '{insurer}' AS i
                    ON h.statement = i.statement AND h.setl_id = i.setl_id
                 WHERE h.fee IS DISTINCT FROM i.fee OR h.fund IS DISTINCT FROM i.fund
                    OR h.account IS DISTINCT FROM i.account"""
        ).fetchone() or (0,)
        taken = time.perf_counter() - began
    assert found, "nothing was planted"
    return taken


def _ours(folder: Path, hospital: Path, insurer: Path) -> float:
    began = time.perf_counter()
    matched = match(folder, hospital, insurer)
    taken = time.perf_counter() - began
    assert matched.hospital_suspects, "nothing was found"
    return taken
