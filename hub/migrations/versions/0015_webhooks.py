"""A hospital's webhook is signed under a secret of its own."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE endpoint ADD COLUMN secret bytea")
