"""Who waits for a place, and what was offered."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE waiting_wish (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            person_id BIGINT NOT NULL,
            organisation_id TEXT NOT NULL,
            department_id TEXT NOT NULL,
            practitioner_id TEXT,
            day_from DATE NOT NULL,
            day_to DATE NOT NULL,
            channel TEXT NOT NULL,
            state TEXT NOT NULL,
            missed BIGINT NOT NULL,
            joined_at TIMESTAMP WITH TIME ZONE NOT NULL,
            changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT waiting_wish_pkey PRIMARY KEY (id),
            CONSTRAINT waiting_wish_days_in_order CHECK (day_from <= day_to),
            CONSTRAINT waiting_wish_missed_counted CHECK (missed >= 0),
            CONSTRAINT waiting_wish_channel_known
                CHECK (channel IN ('app', 'window', 'phone', 'kiosk', 'referral', 'his')),
            CONSTRAINT waiting_wish_state_known
                CHECK (state IN ('waiting', 'offered', 'lapsed', 'booked', 'left', 'ended')),
            CONSTRAINT waiting_wish_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id),
            CONSTRAINT waiting_wish_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
            CONSTRAINT waiting_wish_department_id_fkey FOREIGN KEY(department_id) REFERENCES department (id),
            CONSTRAINT waiting_wish_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioner (id)
        );
        CREATE UNIQUE INDEX waiting_wish_open_key ON waiting_wish (person_id, department_id)
            WHERE state IN ('waiting', 'offered');
        CREATE INDEX waiting_wish_queue_idx ON waiting_wish (department_id, id) WHERE state IN ('waiting', 'offered');
        CREATE TABLE waiting_offer (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            wish_id BIGINT NOT NULL,
            slot_id BIGINT NOT NULL,
            hold_id BIGINT NOT NULL,
            state TEXT NOT NULL,
            offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT waiting_offer_pkey PRIMARY KEY (id),
            CONSTRAINT waiting_offer_state_known CHECK (state IN ('open', 'taken', 'declined', 'expired')),
            CONSTRAINT waiting_offer_wish_id_fkey FOREIGN KEY(wish_id) REFERENCES waiting_wish (id),
            CONSTRAINT waiting_offer_slot_id_fkey FOREIGN KEY(slot_id) REFERENCES slot (id)
        );
        CREATE INDEX waiting_offer_expires_idx ON waiting_offer (expires_at) WHERE state = 'open';
        CREATE UNIQUE INDEX waiting_offer_open_key ON waiting_offer (wish_id) WHERE state = 'open';
        CREATE INDEX waiting_offer_wish_id_idx ON waiting_offer (wish_id);
        """
    )
