"""Packs are signed by two clerks before they decide bills; those that decide some already go on doing so."""

from alembic import op

revision = "0002"
down_revision = "0001"

RELEASE = """
CREATE TABLE benefit_pack_release (
    pack_id TEXT NOT NULL,
    area TEXT NOT NULL,
    valid_from DATE NOT NULL,
    state TEXT NOT NULL,
    first_by TEXT,
    first_at TIMESTAMP WITH TIME ZONE,
    second_by TEXT,
    second_at TIMESTAMP WITH TIME ZONE,
    withdrawn_by TEXT,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawal_reason TEXT,
    CONSTRAINT benefit_pack_release_pkey PRIMARY KEY (pack_id),
    CONSTRAINT benefit_pack_release_pack_id_fkey FOREIGN KEY(pack_id) REFERENCES benefit_pack (id),
    CONSTRAINT benefit_pack_release_state_known CHECK (state IN ('imported', 'signed', 'live', 'withdrawn')),
    CONSTRAINT benefit_pack_release_signed_by_two CHECK (second_by <> first_by),
    CONSTRAINT benefit_pack_release_signed_as_its_state_says CHECK (
        CASE state WHEN 'imported' THEN first_by IS NULL AND second_by IS NULL
        WHEN 'signed' THEN first_by IS NOT NULL AND second_by IS NULL
        WHEN 'live' THEN first_by IS NOT NULL AND second_by IS NOT NULL ELSE withdrawn_by IS NOT NULL END)
);
CREATE UNIQUE INDEX one_pack_a_first_day ON benefit_pack_release (area, valid_from) WHERE state <> 'withdrawn';
ALTER TABLE benefit_pack DROP CONSTRAINT benefit_pack_area_valid_from_key;
"""

# Imported before there were signatures, and deciding bills ever since.
IN_FORCE = """
INSERT INTO benefit_pack_release (pack_id, area, valid_from, state, first_by, first_at, second_by, second_at)
SELECT id, area, valid_from, 'live', imported_by, imported_at, 'migration/0002', imported_at FROM benefit_pack;
"""

# The clerks of a bureau gain the right that packs and enrolments now ask for.
RIGHT = """
UPDATE staff SET scopes = scopes || '["coverage.write"]'
 WHERE scopes ? 'reconciliation.write' AND NOT scopes ? 'coverage.write'
   AND organisation_id IN (SELECT id FROM organisation WHERE tier = 'bureau');
"""


def upgrade() -> None:
    for sql in (RELEASE, IN_FORCE, RIGHT):
        op.get_bind().exec_driver_sql(sql)
