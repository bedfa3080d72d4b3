"""A hospital's webhook is signed under a secret of its own."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE endpoint ADD COLUMN secret bytea")
