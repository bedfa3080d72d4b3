"""What is looked for before money moves: doubts about charges, and how much of an item a day may have."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        ALTER TABLE catalogue_item ADD COLUMN most_a_day numeric(16, 4);
        CREATE TABLE doubt (
            visit_id bigint NOT NULL,
            batch text NOT NULL,
            line text NOT NULL,
            kind text NOT NULL,
            facts jsonb NOT NULL,
            found_at timestamp with time zone NOT NULL,
            overridden_by text,
            override_reason text,
            overridden_at timestamp with time zone,
            CONSTRAINT doubt_pkey PRIMARY KEY (visit_id, batch, line, kind),
            CONSTRAINT doubt_overridden_by_somebody CHECK ((overridden_by IS NULL) = (overridden_at IS NULL))
        );
        CREATE INDEX doubt_open_idx ON doubt (visit_id, batch) WHERE overridden_at IS NULL;
        """
    )
