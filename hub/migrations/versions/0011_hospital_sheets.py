"""A hospital's own sheet of a day, and which of its columns says what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "sheet_columns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.Column("totals", sa.Boolean(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("sheet_columns_pkey")),
    )
    op.create_index(op.f("sheet_columns_organisation_id_idx"), "sheet_columns", ["organisation_id"])
    op.create_table(
        "sheet",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("columns_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_from", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["columns_id"], ["sheet_columns.id"], name=op.f("sheet_columns_id_fkey")),
        sa.ForeignKeyConstraint(["file_id"], ["statement_file.id"], name=op.f("sheet_file_id_fkey")),
        sa.ForeignKeyConstraint(["replaces"], ["sheet.id"], name=op.f("sheet_replaces_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("sheet_pkey")),
        sa.UniqueConstraint("replaces", name=op.f("sheet_replaces_key")),
    )
    op.create_index(
        "sheet_first_of_day_idx",
        "sheet",
        ["organisation_id", "day"],
        unique=True,
        postgresql_where="replaces IS NULL",
    )
