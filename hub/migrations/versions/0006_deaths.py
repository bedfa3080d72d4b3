"""Who has died, and what said so."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE death (
        person_id bigint NOT NULL,
        died_on date NOT NULL,
        source text NOT NULL,
        recorded_at timestamp with time zone NOT NULL,
        recorded_by text NOT NULL,
        CONSTRAINT death_pkey PRIMARY KEY (person_id),
        CONSTRAINT death_person_id_fkey FOREIGN KEY (person_id) REFERENCES person (id)
    )
    """)
