"""A personal account may pay for relatives: who shares with whom, and what a settlement drew from a shared account."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE account_share (
            id bigint GENERATED ALWAYS AS IDENTITY,
            owner_id bigint NOT NULL,
            relative_id bigint NOT NULL,
            relation text NOT NULL,
            since date NOT NULL,
            until date,
            consented_on date NOT NULL,
            proof text NOT NULL,
            source text NOT NULL,
            state text NOT NULL,
            opened_at timestamp with time zone NOT NULL,
            opened_by text NOT NULL,
            ended_at timestamp with time zone,
            ended_by text,
            CONSTRAINT account_share_pkey PRIMARY KEY (id),
            CONSTRAINT account_share_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES person (id),
            CONSTRAINT account_share_relative_id_fkey FOREIGN KEY (relative_id) REFERENCES person (id),
            CONSTRAINT account_share_state_known CHECK (state IN ('open', 'ended')),
            CONSTRAINT account_share_relation_known CHECK (relation IN ('parent', 'spouse', 'child')),
            CONSTRAINT account_share_not_oneself CHECK (owner_id <> relative_id),
            CONSTRAINT account_share_consent_first CHECK (consented_on <= since AND until >= since),
            CONSTRAINT account_share_ended_when_it_says_so CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
            CONSTRAINT one_account_a_day EXCLUDE USING gist (
                int8range(relative_id, relative_id, '[]') WITH &&, daterange(since, until, '[]') WITH &&
            ) WHERE (state = 'open')
        );
        CREATE INDEX account_share_owner_id_idx ON account_share (owner_id);
        CREATE INDEX account_share_relative_id_idx ON account_share (relative_id);
        ALTER TABLE settlement
            ADD COLUMN shared bigint,
            ADD COLUMN shared_from bigint,
            ADD CONSTRAINT settlement_shared_from_fkey FOREIGN KEY (shared_from) REFERENCES person (id),
            ADD CONSTRAINT settlement_shared_of_account CHECK (
                (shared IS NULL) = (shared_from IS NULL) AND (shared IS NULL OR shared <> 0 AND
                CASE WHEN undoes IS NULL THEN shared BETWEEN 0 AND account ELSE shared BETWEEN account AND 0 END)
            );
        CREATE INDEX settlement_shared_idx ON settlement (shared_from) WHERE shared_from IS NOT NULL;
        """
    )
