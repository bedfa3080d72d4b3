"""Clinics are stopped, and fees of appointments paid and owed back."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE clinic_stop (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            organisation_id TEXT NOT NULL,
            department_id TEXT NOT NULL,
            practitioner_id TEXT,
            schedule_id BIGINT,
            since TIMESTAMP WITH TIME ZONE NOT NULL,
            until TIMESTAMP WITH TIME ZONE NOT NULL,
            rebook BOOLEAN NOT NULL,
            reason TEXT NOT NULL,
            slots BIGINT NOT NULL,
            holds BIGINT NOT NULL,
            stopped_by TEXT NOT NULL,
            stopped_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT clinic_stop_pkey PRIMARY KEY (id),
            CONSTRAINT clinic_stop_key UNIQUE NULLS NOT DISTINCT
                (department_id, practitioner_id, schedule_id, since, until),
            CONSTRAINT clinic_stop_since_before_until CHECK (since < until),
            CONSTRAINT clinic_stop_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
            CONSTRAINT clinic_stop_department_id_fkey FOREIGN KEY(department_id) REFERENCES department (id),
            CONSTRAINT clinic_stop_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioner (id),
            CONSTRAINT clinic_stop_schedule_id_fkey FOREIGN KEY(schedule_id) REFERENCES schedule (id)
        );
        CREATE INDEX clinic_stop_organisation_id_idx ON clinic_stop (organisation_id, since);
        CREATE TABLE booking_fee (
            appointment_id BIGINT NOT NULL,
            organisation_id TEXT NOT NULL,
            amount BIGINT NOT NULL,
            receipt TEXT NOT NULL,
            state TEXT NOT NULL,
            paid_by TEXT NOT NULL,
            paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
            refund_reason TEXT,
            refund_receipt TEXT,
            refunded_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT booking_fee_pkey PRIMARY KEY (appointment_id),
            CONSTRAINT booking_fee_state_known CHECK (state IN ('paid', 'refund-due', 'refunded')),
            CONSTRAINT booking_fee_amount_not_negative CHECK (amount >= 0),
            CONSTRAINT booking_fee_refunded_with_receipt CHECK ((state = 'refunded') = (refund_receipt IS NOT NULL)),
            CONSTRAINT booking_fee_appointment_id_fkey FOREIGN KEY(appointment_id) REFERENCES appointment (id)
        );
        CREATE INDEX booking_fee_refund_due_idx ON booking_fee (organisation_id) WHERE state = 'refund-due';
        CREATE TABLE stopped_visit (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            stop_id BIGINT NOT NULL,
            appointment_id BIGINT NOT NULL,
            person_id BIGINT NOT NULL,
            slot_id BIGINT NOT NULL,
            state TEXT NOT NULL,
            new_slot_id BIGINT,
            notice_id BIGINT,
            settled_at TIMESTAMP WITH TIME ZONE,
            calls BIGINT NOT NULL,
            outcome TEXT,
            note TEXT,
            called_by TEXT,
            called_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT stopped_visit_pkey PRIMARY KEY (id),
            CONSTRAINT stopped_visit_stop_id_appointment_id_key UNIQUE (stop_id, appointment_id),
            CONSTRAINT stopped_visit_state_known CHECK (state IN ('waiting', 'moved', 'cancelled', 'left', 'here')),
            CONSTRAINT stopped_visit_outcome_known
                CHECK (outcome IN ('reached', 'no-answer', 'wrong-number', 'gave-up')),
            CONSTRAINT stopped_visit_calls_counted CHECK (calls >= 0),
            CONSTRAINT stopped_visit_stop_id_fkey FOREIGN KEY(stop_id) REFERENCES clinic_stop (id),
            CONSTRAINT stopped_visit_appointment_id_fkey FOREIGN KEY(appointment_id) REFERENCES appointment (id),
            CONSTRAINT stopped_visit_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id),
            CONSTRAINT stopped_visit_slot_id_fkey FOREIGN KEY(slot_id) REFERENCES slot (id),
            CONSTRAINT stopped_visit_new_slot_id_fkey FOREIGN KEY(new_slot_id) REFERENCES slot (id)
        );
        CREATE INDEX stopped_visit_appointment_id_idx ON stopped_visit (appointment_id);
        CREATE INDEX stopped_visit_waiting_idx ON stopped_visit (id) WHERE state = 'waiting';
        """
    )
