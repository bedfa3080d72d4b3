"""Every open referral has a deadline; what was told to duty desks, and who was warned, is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for name in ("due_at", "escalated_at", "warned_at"):
        op.add_column("referral", sa.Column(name, sa.DateTime(timezone=True)))
    op.add_column("referral", sa.Column("escalations", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.execute("""
    UPDATE referral SET due_at = CASE
        WHEN state IN ('sent', 'received', 'info-requested') THEN answer_due_at
        ELSE valid_until END
    WHERE state IN ('draft', 'sent', 'received', 'info-requested', 'accepted', 'booked', 'no-show', 'arrived')
       OR state = 'rejected' AND NOT EXISTS (SELECT 1 FROM referral later WHERE later.previous_id = referral.id)
    """)
    op.create_index("referral_unconfirmed_idx", "referral", ["sent_at"], postgresql_where=sa.text("state = 'sent'"))
