"""What a pack would have paid for the bills of a month is kept beside it."""

from alembic import op

revision = "0007"
down_revision = "0006"

REPLAY = """
CREATE TABLE pack_replay (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    pack_id TEXT NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    by TEXT NOT NULL,
    report JSON NOT NULL,
    CONSTRAINT pack_replay_pkey PRIMARY KEY (id),
    CONSTRAINT pack_replay_pack_id_fkey FOREIGN KEY(pack_id) REFERENCES benefit_pack (id)
);
CREATE INDEX pack_replay_pack_id_idx ON pack_replay (pack_id);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(REPLAY)
