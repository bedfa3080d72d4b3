"""Which result files a hospital has fetched, and which expired before it did."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE statement_result (
            file_id bigint NOT NULL,
            comparison_id bigint NOT NULL,
            fetched_at timestamp with time zone,
            missed_at timestamp with time zone,
            CONSTRAINT statement_result_pkey PRIMARY KEY (file_id),
            CONSTRAINT statement_result_file_id_fkey FOREIGN KEY (file_id) REFERENCES statement_file (id),
            CONSTRAINT statement_result_comparison_id_fkey FOREIGN KEY (comparison_id) REFERENCES comparison (id)
        );
        CREATE INDEX statement_result_comparison_id_idx ON statement_result (comparison_id);
        """
    )
