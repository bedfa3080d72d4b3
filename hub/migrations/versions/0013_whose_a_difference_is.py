"""Whose a difference is, and by what else it was told."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        ALTER TABLE settlement_break
            ADD COLUMN facts jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN owner text,
            ADD COLUMN assigned_by text,
            ADD COLUMN assigned_at timestamp with time zone;
        """
    )
