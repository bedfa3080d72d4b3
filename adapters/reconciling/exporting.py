"""Lines of statements and of the ledger, streamed out of PostgreSQL into Parquet files."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import duckdb
import psycopg
from psycopg import sql

COLUMNS = {
    "statement": "BIGINT",
    "setl_id": "VARCHAR",
    "mdtrt_id": "VARCHAR",
    "fee": "BIGINT",
    "fund": "BIGINT",
    "account": "BIGINT",
    "refund": "BOOLEAN",
    "msgid": "VARCHAR",
}
"""Of every export: the hospital's statement that a line belongs to, or answers; amounts in fen."""


def export(dsn: str, question: str, standing: Sequence[int], to: Path) -> None:
    """Write the lines that a question of `hub.reconciliation` asks for, of the statements named."""
    asked = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(  # type: ignore[arg-type]
        sql.SQL(question).format(standing=sql.Literal(list(standing)))  # type: ignore[arg-type]
    )
    with NamedTemporaryFile(dir=to.parent, suffix=".csv") as text:
        with psycopg.connect(dsn) as connection, connection.cursor().copy(asked) as stream:
            for block in stream:
                text.write(block)
        text.flush()
        columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
        # Every line has the same columns in the same order, and an empty text is quoted: nothing is guessed.
        read = f"read_csv('{text.name}', header=false, auto_detect=false, delim=',', quote='\"', columns={columns})"
        with duckdb.connect() as files:
            files.execute(f"COPY (SELECT * FROM {read}) TO '{to}' (FORMAT parquet)")  # noqa: S608 - paths of our own
