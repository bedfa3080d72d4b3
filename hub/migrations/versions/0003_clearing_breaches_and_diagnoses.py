"""Clearing applications, messages whose amounts do not add up, and the list of diagnoses."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in (CLEARING, CLEARING_INDEX, BREACH, BREACH_INDEX, DIAGNOSES):
        op.execute(statement)


CLEARING = """
CREATE TABLE clearing_application (
    id bigint GENERATED ALWAYS AS IDENTITY,
    organisation_id text NOT NULL,
    clr_type text NOT NULL,
    clr_way text,
    day_from date NOT NULL,
    day_to date NOT NULL,
    persons bigint NOT NULL,
    recognised bigint NOT NULL,
    fee bigint NOT NULL,
    fund bigint NOT NULL,
    account bigint NOT NULL,
    cash bigint NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    applied_by text NOT NULL,
    withdrawn_at timestamp with time zone,
    withdrawn_by text,
    state text NOT NULL,
    CONSTRAINT clearing_application_pkey PRIMARY KEY (id),
    CONSTRAINT clearing_application_state_known CHECK (state IN ('applied', 'withdrawn')),
    CONSTRAINT clearing_application_period_runs_forward CHECK (day_from <= day_to)
)
"""
CLEARING_INDEX = """
CREATE INDEX clearing_application_period_idx ON clearing_application (organisation_id, clr_type, day_from)
"""
BREACH = """
CREATE TABLE identity_breach (
    id bigint GENERATED ALWAYS AS IDENTITY,
    organisation_id text NOT NULL,
    direction text NOT NULL,
    infno text NOT NULL,
    msgid text NOT NULL,
    rule text NOT NULL,
    element text NOT NULL,
    said bigint NOT NULL,
    summed bigint NOT NULL,
    found_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    explained_at timestamp with time zone,
    explained_by text,
    note text NOT NULL,
    CONSTRAINT identity_breach_pkey PRIMARY KEY (id),
    CONSTRAINT identity_breach_state_known CHECK (state IN ('open', 'explained')),
    CONSTRAINT identity_breach_direction_known CHECK (direction IN ('received', 'sent')),
    CONSTRAINT identity_breach_organisation_id_direction_msgid_rule_key
        UNIQUE (organisation_id, direction, msgid, rule)
)
"""
BREACH_INDEX = """
CREATE INDEX identity_breach_open_idx ON identity_breach (organisation_id) WHERE state = 'open'
"""
DIAGNOSES = """
CREATE TABLE diagnosis_item (
    code text NOT NULL,
    name text NOT NULL,
    name_en text NOT NULL,
    CONSTRAINT diagnosis_item_pkey PRIMARY KEY (code)
)
"""
