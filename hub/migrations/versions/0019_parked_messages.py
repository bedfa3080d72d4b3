"""Messages that wait for the one they speak of, and a hospital's own numbers of appointments."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "parked",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["heard.id"], name="parked_message_id_fkey"),
        sa.PrimaryKeyConstraint("message_id", name="parked_pkey"),
    )
    op.create_index("parked_waits_for_idx", "parked", ["waits_for"])
    op.create_table(
        "appointment_number",
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("appointment_id", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["appointment_id"], ["appointment.id"], name="appointment_number_appointment_id_fkey"),
        sa.PrimaryKeyConstraint("organisation_id", "number", name="appointment_number_pkey"),
    )
    op.create_index("appointment_number_appointment_id_idx", "appointment_number", ["appointment_id"])
