"""Partial refunds: what of a fee line was taken back, and what ties a refund's settlements together."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        ALTER TABLE fee_line ADD COLUMN refunded numeric(16, 4) DEFAULT 0 NOT NULL;
        ALTER TABLE fee_line ADD CONSTRAINT fee_line_refunded_at_most_all
            CHECK (refunded = 0 OR refunded BETWEEN 0 AND quantity) NOT VALID;
        ALTER TABLE fee_line VALIDATE CONSTRAINT fee_line_refunded_at_most_all;
        CREATE TABLE refund (
            settlement_id bigint NOT NULL CONSTRAINT refund_pkey PRIMARY KEY
                CONSTRAINT refund_settlement_id_fkey REFERENCES settlement (id),
            replaces bigint NOT NULL CONSTRAINT refund_replaces_key UNIQUE
                CONSTRAINT refund_replaces_fkey REFERENCES settlement (id),
            counter_id bigint NOT NULL CONSTRAINT refund_counter_id_fkey REFERENCES settlement (id),
            reason text NOT NULL,
            lines jsonb NOT NULL
        );
        """
    )
