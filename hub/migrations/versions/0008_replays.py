"""A heard message may be a replay of another."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("heard", sa.Column("replay_of", sa.BigInteger(), nullable=True))
    op.create_index("heard_replay_idx", "heard", ["replay_of"], postgresql_where="replay_of IS NOT NULL")
    op.create_foreign_key(op.f("heard_replay_of_fkey"), "heard", "heard", ["replay_of"], ["id"])
