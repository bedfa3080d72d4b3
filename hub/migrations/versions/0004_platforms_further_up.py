"""Platforms further up: who settles for an area, what was said to them, and their settlements beside our own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

LOOSER = {
    "who_pays_foots": "total = fund + account + cash",
    "what_is_charged_foots": 'total = "over" + own + "first" + "scope"',
    "funds_foot": "fund = pool + large + serious + civil + aid",
}
"""What a platform answers is kept even when it does not foot; a settlement of our own always does."""


def upgrade() -> None:
    op.create_table(
        "forwarded",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("infno", sa.Text(), nullable=False),
        sa.Column("msgid", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("visit_id", sa.BigInteger(), nullable=True),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("psn_no", sa.LargeBinary(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=True),
        sa.Column("settlement_id", sa.BigInteger(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("bill", sa.JSON(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'undo') = (undoes IS NOT NULL)", name=op.f("forwarded_an_undo_names_what_it_undoes")
        ),
        sa.CheckConstraint(
            "(kind IN ('settle', 'undo')) = (settlement_id IS NOT NULL)", name=op.f("forwarded_money_has_an_id")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'unanswered', 'reversal-unconfirmed', 'answered', 'refused', 'reversed')",
            name=op.f("forwarded_state_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("forwarded_pkey")),
        sa.UniqueConstraint("settlement_id", name=op.f("forwarded_settlement_id_key")),
    )
    op.create_index("forwarded_due_idx", "forwarded", ["due_at"], unique=False, postgresql_where="due_at IS NOT NULL")
    op.create_index("forwarded_key_idx", "forwarded", ["organisation_id", "key"], unique=False)
    op.create_index(
        "forwarded_undo_once", "forwarded", ["undoes"], unique=True, postgresql_where="state IN ('asked', 'unanswered')"
    )
    op.create_index("forwarded_visit_idx", "forwarded", ["visit_id"], unique=False)
    op.create_table(
        "insurance_authority",
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("settles", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("access_key", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("timeout_seconds", sa.BigInteger(), nullable=False),
        sa.Column("asks_by_msgid", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(settles = 'upstream') = (url IS NOT NULL AND access_key IS NOT NULL AND secret IS NOT NULL)",
            name=op.f("insurance_authority_a_platform_can_be_reached"),
        ),
        sa.CheckConstraint("settles IN ('hub', 'upstream')", name=op.f("insurance_authority_settles_known")),
        sa.PrimaryKeyConstraint("area", name=op.f("insurance_authority_pkey")),
    )
    op.create_table(
        "upstream_visit",
        sa.Column("visit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("mdtrt_id", sa.Text(), nullable=False),
        sa.Column("discharged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("visit_id", "area", name=op.f("upstream_visit_pkey")),
    )
    op.add_column("settlement", sa.Column("platform", sa.JSON(), nullable=True))
    for name, foots in LOOSER.items():
        op.execute(f"ALTER TABLE settlement DROP CONSTRAINT settlement_{name}")
        check = f"CHECK (platform IS NOT NULL OR {foots})"
        op.execute(f"ALTER TABLE settlement ADD CONSTRAINT settlement_{name} {check} NOT VALID")
        op.execute(f"ALTER TABLE settlement VALIDATE CONSTRAINT settlement_{name}")
