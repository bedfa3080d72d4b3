-- Every table of the rooms as they stood at the first release. Frozen: a change is a migration of its own.

CREATE SEQUENCE card_serial;

CREATE SEQUENCE filing_serial;

CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    caller_kind TEXT NOT NULL,
    caller_id TEXT NOT NULL,
    organisation_id TEXT,
    person_id BIGINT,
    verb TEXT NOT NULL,
    subject TEXT,
    outcome TEXT NOT NULL,
    purpose TEXT NOT NULL,
    door TEXT NOT NULL,
    trace TEXT NOT NULL,
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_person_id_idx ON audit (person_id);

CREATE TABLE credential (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    scopes JSONB NOT NULL,
    token_hash BYTEA,
    secret BYTEA,
    address TEXT,
    application TEXT,
    facility TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT credential_pkey PRIMARY KEY (id),
    CONSTRAINT credential_kind_name_key UNIQUE (kind, name),
    CONSTRAINT credential_kind_known CHECK (kind IN ('token', 'access-key', 'mllp-peer'))
);

CREATE UNIQUE INDEX credential_token_key ON credential (token_hash);

CREATE INDEX credential_peer_idx ON credential (address, application, facility);

CREATE TABLE access_grant (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    organisation_id TEXT,
    practitioner_id TEXT,
    proxy_person_id BIGINT,
    basis TEXT NOT NULL,
    source TEXT NOT NULL,
    kinds JSONB NOT NULL,
    reason TEXT,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    written_by TEXT NOT NULL,
    CONSTRAINT access_grant_pkey PRIMARY KEY (id)
);

CREATE INDEX access_grant_proxy_person_id_idx ON access_grant (proxy_person_id);

CREATE INDEX access_grant_person_idx ON access_grant (person_id, organisation_id);

CREATE INDEX access_grant_source_idx ON access_grant (source);

CREATE TABLE one_time_code (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    code_hash BYTEA NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tries BIGINT NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT one_time_code_pkey PRIMARY KEY (id)
);

CREATE INDEX one_time_code_person_id_idx ON one_time_code (person_id);

CREATE TABLE staff (
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    display_name TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    practitioner_id TEXT,
    scopes JSONB NOT NULL,
    wrong_tries BIGINT NOT NULL,
    paused_until TIMESTAMP WITH TIME ZONE,
    left_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT staff_pkey PRIMARY KEY (name)
);

CREATE TABLE web_session (
    token_hash BYTEA NOT NULL,
    kind TEXT NOT NULL,
    person_id BIGINT,
    acting_for BIGINT,
    staff_name TEXT,
    csrf TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT web_session_pkey PRIMARY KEY (token_hash),
    CONSTRAINT web_session_kind_has_owner CHECK ((kind = 'citizen') = (person_id IS NOT NULL))
);

CREATE INDEX web_session_staff_name_idx ON web_session (staff_name);

CREATE INDEX web_session_person_id_idx ON web_session (person_id);

CREATE TABLE card (
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    issued_on DATE NOT NULL,
    issued_by TEXT NOT NULL,
    CONSTRAINT card_pkey PRIMARY KEY (number),
    CONSTRAINT card_state_known CHECK (state IN ('active', 'lost', 'closed'))
);

CREATE TABLE lane (
    destination TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    waiting BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMP WITH TIME ZONE,
    fence BIGINT NOT NULL,
    trouble TEXT,
    CONSTRAINT lane_pkey PRIMARY KEY (destination, subject),
    CONSTRAINT lane_state_known CHECK (state IN ('open', 'parked', 'paused'))
);

CREATE INDEX lane_ready_idx ON lane (next_try_at) WHERE state = 'open' AND waiting;

CREATE TABLE due (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    destination TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    snapshot BYTEA NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    trace TEXT NOT NULL,
    xid BIGINT DEFAULT (pg_current_xact_id()::text::bigint) NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    CONSTRAINT due_pkey PRIMARY KEY (id),
    CONSTRAINT due_state_known CHECK (state IN ('due', 'sent', 'refused', 'skipped')),
    CONSTRAINT due_tries_counted CHECK (tries >= 0)
);

CREATE INDEX due_lane_idx ON due (destination, subject, id) WHERE state = 'due';

CREATE TABLE heard (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    door TEXT NOT NULL,
    sender TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT,
    content_hash BYTEA NOT NULL,
    length BIGINT NOT NULL,
    body BYTEA NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE NOT NULL,
    trace TEXT NOT NULL,
    outcome TEXT,
    fault TEXT,
    answer BYTEA,
    alert TEXT,
    CONSTRAINT heard_pkey PRIMARY KEY (id)
);

CREATE INDEX heard_sender_idx ON heard (sender);

CREATE INDEX heard_key_idx ON heard (key);

CREATE INDEX heard_heard_at_idx ON heard (heard_at);

CREATE INDEX heard_open_idx ON heard (heard_at) WHERE outcome IS NULL;

CREATE TABLE organisation (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    tier TEXT NOT NULL,
    level BIGINT NOT NULL,
    hosp_lv TEXT NOT NULL,
    district TEXT NOT NULL,
    address TEXT NOT NULL,
    telephone TEXT NOT NULL,
    uscc TEXT,
    numbers TEXT NOT NULL,
    CONSTRAINT organisation_pkey PRIMARY KEY (id),
    CONSTRAINT organisation_tier_known CHECK (tier IN ('tertiary', 'county', 'community', 'village', 'bureau')),
    CONSTRAINT organisation_level_known CHECK (level BETWEEN 0 AND 3),
    CONSTRAINT organisation_numbers_known CHECK (numbers IN ('hub', 'quota', 'his'))
);

CREATE TABLE endpoint (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    host TEXT,
    port BIGINT,
    url TEXT,
    application TEXT,
    facility TEXT,
    state TEXT NOT NULL,
    CONSTRAINT endpoint_pkey PRIMARY KEY (id),
    CONSTRAINT endpoint_organisation_id_kind_key UNIQUE (organisation_id, kind),
    CONSTRAINT endpoint_state_known CHECK (state IN ('active', 'paused'))
);

CREATE TABLE catalogue_item (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    kind TEXT NOT NULL,
    item_class TEXT NOT NULL,
    unit TEXT NOT NULL,
    price NUMERIC(16, 6) NOT NULL,
    ceilings JSONB NOT NULL,
    restricted BOOLEAN NOT NULL,
    CONSTRAINT catalogue_item_pkey PRIMARY KEY (code),
    CONSTRAINT catalogue_item_item_class_known CHECK (item_class IN ('A', 'B', 'C'))
);

CREATE TABLE document (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    text BYTEA NOT NULL,
    written_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replaces_id BIGINT,
    content_hash BYTEA NOT NULL,
    CONSTRAINT document_pkey PRIMARY KEY (id),
    CONSTRAINT document_kind_known CHECK (kind IN ('referral-letter', 'outcome-letter', 'care-plan', 'discharge-summary', 'consultation-opinion')),
    CONSTRAINT document_replaces_id_key UNIQUE (replaces_id),
    CONSTRAINT document_replaces_id_fkey FOREIGN KEY(replaces_id) REFERENCES document (id)
);

CREATE INDEX document_person_id_written_at_idx ON document (person_id, written_at);

CREATE TABLE visit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    number TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    care TEXT NOT NULL,
    department_id TEXT,
    practitioner_id TEXT,
    diagnoses JSONB NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    CONSTRAINT visit_pkey PRIMARY KEY (id),
    CONSTRAINT visit_organisation_id_number_key UNIQUE (organisation_id, number),
    CONSTRAINT visit_state_known CHECK (state IN ('in-progress', 'finished', 'cancelled')),
    CONSTRAINT visit_care_known CHECK (care IN ('inpatient', 'outpatient', 'emergency')),
    CONSTRAINT visit_ended_when_finished CHECK ((state = 'finished') = (ended_at IS NOT NULL)),
    CONSTRAINT visit_ends_after_it_begins CHECK (ended_at >= begun_at)
);

CREATE INDEX visit_person_id_begun_at_idx ON visit (person_id, begun_at);

CREATE TABLE benefit_pack (
    id TEXT NOT NULL,
    area TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    content_hash TEXT NOT NULL,
    text TEXT NOT NULL,
    imported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    imported_by TEXT NOT NULL,
    CONSTRAINT benefit_pack_pkey PRIMARY KEY (id),
    CONSTRAINT benefit_pack_area_valid_from_key UNIQUE (area, valid_from),
    CONSTRAINT benefit_pack_content_hash_key UNIQUE (content_hash)
);

CREATE TABLE accumulator (
    person_id BIGINT NOT NULL,
    year BIGINT NOT NULL,
    insutype TEXT NOT NULL,
    admissions BIGINT NOT NULL,
    pool BIGINT NOT NULL,
    large BIGINT NOT NULL,
    serious BIGINT NOT NULL,
    aid BIGINT NOT NULL,
    own_in_scope BIGINT NOT NULL,
    outpatient_deductible BIGINT NOT NULL,
    outpatient_pool BIGINT NOT NULL,
    CONSTRAINT accumulator_pkey PRIMARY KEY (person_id, year, insutype),
    CONSTRAINT accumulator_never_negative CHECK (admissions >= 0 AND pool >= 0 AND large >= 0 AND serious >= 0 AND aid >= 0 AND own_in_scope >= 0 AND outpatient_deductible >= 0 AND outpatient_pool >= 0)
)
 WITH (fillfactor = 80);

CREATE TABLE chronic_use (
    person_id BIGINT NOT NULL,
    year BIGINT NOT NULL,
    insutype TEXT NOT NULL,
    disease TEXT NOT NULL,
    paid BIGINT NOT NULL,
    CONSTRAINT chronic_use_pkey PRIMARY KEY (person_id, year, insutype, disease),
    CONSTRAINT chronic_use_never_negative CHECK (paid >= 0)
);

CREATE TABLE job (
    name TEXT NOT NULL,
    every_seconds BIGINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMP WITH TIME ZONE,
    fence BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed BOOLEAN NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    CONSTRAINT job_pkey PRIMARY KEY (name)
);

CREATE INDEX job_due_at_idx ON job (due_at);

CREATE TABLE statement_file (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    content BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_from TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT statement_file_pkey PRIMARY KEY (id)
);

CREATE INDEX statement_file_organisation_id_idx ON statement_file (organisation_id);

CREATE TABLE fee_line (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    visit_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    batch TEXT NOT NULL,
    returns TEXT,
    code TEXT NOT NULL,
    local_code TEXT NOT NULL,
    name TEXT NOT NULL,
    item_class TEXT NOT NULL,
    quantity NUMERIC(16, 4) NOT NULL,
    unit_price NUMERIC(16, 6) NOT NULL,
    ceiling NUMERIC(16, 6),
    amount BIGINT NOT NULL,
    restricted BOOLEAN NOT NULL,
    approved BOOLEAN NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT fee_line_pkey PRIMARY KEY (id),
    CONSTRAINT fee_line_visit_id_number_key UNIQUE (visit_id, number),
    CONSTRAINT fee_line_only_a_return_is_negative CHECK ((quantity < 0) = (returns IS NOT NULL)),
    CONSTRAINT fee_line_prices_not_negative CHECK (unit_price >= 0 AND ceiling >= 0),
    CONSTRAINT fee_line_item_class_known CHECK (item_class IN ('A', 'B', 'C'))
);

CREATE SEQUENCE settlement_serial;

CREATE TABLE settlement (
    id BIGINT NOT NULL,
    undoes BIGINT,
    state TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    visit_id BIGINT NOT NULL,
    batch TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    insutype TEXT NOT NULL,
    med_type TEXT NOT NULL,
    clr_type TEXT NOT NULL,
    clr_office TEXT NOT NULL,
    msgid TEXT NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_on DATE NOT NULL,
    settled_by TEXT NOT NULL,
    day DATE NOT NULL,
    year BIGINT NOT NULL,
    care TEXT NOT NULL,
    disease TEXT,
    admission BIGINT NOT NULL,
    new_admission BOOLEAN NOT NULL,
    filing_id BIGINT,
    sender_visit_id BIGINT,
    pack_id TEXT NOT NULL,
    ratio BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    total BIGINT NOT NULL,
    "over" BIGINT NOT NULL,
    own BIGINT NOT NULL,
    first BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    deductible BIGINT NOT NULL,
    pool BIGINT NOT NULL,
    large BIGINT NOT NULL,
    serious BIGINT NOT NULL,
    civil BIGINT NOT NULL,
    aid BIGINT NOT NULL,
    fund BIGINT NOT NULL,
    account BIGINT NOT NULL,
    cash BIGINT NOT NULL,
    own_in_scope BIGINT NOT NULL,
    last_line_id BIGINT NOT NULL,
    bill JSON NOT NULL,
    shares JSON NOT NULL,
    CONSTRAINT settlement_pkey PRIMARY KEY (id),
    CONSTRAINT settlement_state_known CHECK (state IN ('active', 'cancelled')),
    CONSTRAINT settlement_who_pays_foots CHECK (total = fund + account + cash),
    CONSTRAINT settlement_what_is_charged_foots CHECK (total = "over" + own + "first" + "scope"),
    CONSTRAINT settlement_funds_foot CHECK (fund = pool + large + serious + civil + aid),
    CONSTRAINT settlement_sign CHECK ((undoes IS NULL AND total >= 0) OR (undoes IS NOT NULL AND total <= 0)),
    CONSTRAINT settlement_undoes_fkey FOREIGN KEY(undoes) REFERENCES settlement (id)
);

CREATE UNIQUE INDEX settlement_undone_once ON settlement (undoes) WHERE undoes IS NOT NULL;

CREATE INDEX settlement_books_idx ON settlement (organisation_id, settled_on);

CREATE INDEX settlement_person_idx ON settlement (person_id, year, insutype);

CREATE INDEX settlement_visit_idx ON settlement (visit_id);

CREATE INDEX settlement_sent_on_idx ON settlement (sender_visit_id) WHERE sender_visit_id IS NOT NULL;

CREATE TABLE settlement_key (
    organisation_id TEXT NOT NULL,
    key TEXT NOT NULL,
    content_hash BYTEA,
    settlement_id BIGINT,
    CONSTRAINT settlement_key_pkey PRIMARY KEY (organisation_id, key)
);

CREATE TABLE charge_key (
    visit_id BIGINT NOT NULL,
    batch TEXT NOT NULL,
    settlement_id BIGINT NOT NULL,
    CONSTRAINT charge_key_pkey PRIMARY KEY (visit_id, batch)
);

CREATE TABLE posting (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    settlement_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT posting_pkey PRIMARY KEY (id),
    CONSTRAINT posting_moves_something CHECK (amount <> 0)
);

CREATE INDEX posting_settlement_id_idx ON posting (settlement_id);

CREATE TABLE audit_seal (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT audit_seal_pkey PRIMARY KEY (id),
    CONSTRAINT audit_seal_last_id_key UNIQUE (last_id),
    CONSTRAINT audit_seal_last_id_fkey FOREIGN KEY(last_id) REFERENCES audit (id)
);

CREATE TABLE person (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    card_number TEXT NOT NULL,
    name BYTEA NOT NULL,
    name_blind BYTEA NOT NULL,
    gender TEXT NOT NULL,
    birth_date DATE NOT NULL,
    telephone BYTEA,
    address BYTEA,
    cert_type TEXT,
    certno BYTEA,
    synthetic BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT person_pkey PRIMARY KEY (id),
    CONSTRAINT person_gender_known CHECK (gender IN ('M', 'F', 'U')),
    CONSTRAINT person_card_number_fkey FOREIGN KEY(card_number) REFERENCES card (number)
);

CREATE INDEX person_name_blind_idx ON person (name_blind);

CREATE INDEX person_card_number_idx ON person (card_number);

CREATE TABLE heard_key (
    sender TEXT NOT NULL,
    door TEXT NOT NULL,
    key TEXT NOT NULL,
    message_id BIGINT NOT NULL,
    CONSTRAINT heard_key_pkey PRIMARY KEY (sender, door, key),
    CONSTRAINT heard_key_message_id_fkey FOREIGN KEY(message_id) REFERENCES heard (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE department (
    id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    location TEXT NOT NULL,
    CONSTRAINT department_pkey PRIMARY KEY (id),
    CONSTRAINT department_organisation_id_code_key UNIQUE (organisation_id, code),
    CONSTRAINT department_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE booking_limit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    organisation_id TEXT,
    scope TEXT NOT NULL,
    days BIGINT NOT NULL,
    most BIGINT NOT NULL,
    since DATE NOT NULL,
    until DATE,
    CONSTRAINT booking_limit_pkey PRIMARY KEY (id),
    CONSTRAINT booking_limit_code_organisation_id_since_key UNIQUE NULLS NOT DISTINCT (code, organisation_id, since),
    CONSTRAINT booking_limit_scope_known CHECK (scope IN ('department', 'organisation', 'region')),
    CONSTRAINT booking_limit_positive CHECK (days > 0 AND most > 0),
    CONSTRAINT booking_limit_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE signature (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    document_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    role TEXT NOT NULL,
    signer_id TEXT NOT NULL,
    signer_name TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT signature_pkey PRIMARY KEY (id),
    CONSTRAINT signature_document_id_position_key UNIQUE (document_id, position),
    CONSTRAINT signature_document_id_signer_id_key UNIQUE (document_id, signer_id),
    CONSTRAINT signature_role_known CHECK (role IN ('author', 'countersigner')),
    CONSTRAINT signature_author_first CHECK ((position = 1) = (role = 'author')),
    CONSTRAINT signature_document_id_fkey FOREIGN KEY(document_id) REFERENCES document (id)
);

CREATE TABLE report (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    filler_number TEXT NOT NULL,
    version BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    visit_id BIGINT,
    order_code TEXT NOT NULL,
    order_name TEXT NOT NULL,
    text BYTEA NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    author_id TEXT NOT NULL,
    author_name TEXT NOT NULL,
    content_hash BYTEA NOT NULL,
    CONSTRAINT report_pkey PRIMARY KEY (id),
    CONSTRAINT report_organisation_id_filler_number_version_key UNIQUE (organisation_id, filler_number, version),
    CONSTRAINT report_visit_id_fkey FOREIGN KEY(visit_id) REFERENCES visit (id)
);

CREATE INDEX report_person_id_issued_at_idx ON report (person_id, issued_at);

CREATE INDEX report_visit_id_idx ON report (visit_id);

CREATE TABLE statement (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    side TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    day_from DATE NOT NULL,
    day_to DATE NOT NULL,
    insutypes JSONB NOT NULL,
    clr_type TEXT NOT NULL,
    office TEXT NOT NULL,
    has_lines BOOLEAN NOT NULL,
    fee BIGINT NOT NULL,
    fund BIGINT NOT NULL,
    account BIGINT NOT NULL,
    count BIGINT NOT NULL,
    file_id BIGINT,
    digest BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_from TEXT NOT NULL,
    CONSTRAINT statement_pkey PRIMARY KEY (id),
    CONSTRAINT statement_side_known CHECK (side IN ('hospital', 'insurer')),
    CONSTRAINT statement_period_runs_forward CHECK (day_from <= day_to),
    CONSTRAINT statement_file_id_fkey FOREIGN KEY(file_id) REFERENCES statement_file (id)
);

CREATE INDEX statement_period_idx ON statement (organisation_id, day_from, day_to);

CREATE TABLE insured_visit (
    visit_id BIGINT NOT NULL,
    insutype TEXT,
    med_type TEXT,
    disease TEXT,
    emergency BOOLEAN NOT NULL,
    CONSTRAINT insured_visit_pkey PRIMARY KEY (visit_id),
    CONSTRAINT insured_visit_visit_id_fkey FOREIGN KEY(visit_id) REFERENCES visit (id)
);

CREATE TABLE identifier (
    system TEXT NOT NULL,
    value_blind BYTEA NOT NULL,
    person_id BIGINT NOT NULL,
    value BYTEA NOT NULL,
    CONSTRAINT identifier_pkey PRIMARY KEY (system, value_blind),
    CONSTRAINT identifier_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX identifier_person_id_idx ON identifier (person_id);

CREATE TABLE family (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    proxy_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    relation TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT family_pkey PRIMARY KEY (id),
    CONSTRAINT family_proxy_id_person_id_key UNIQUE (proxy_id, person_id),
    CONSTRAINT family_relation_known CHECK (relation IN ('child', 'parent', 'spouse', 'grandparent', 'ward', 'other')),
    CONSTRAINT family_proxy_id_fkey FOREIGN KEY(proxy_id) REFERENCES person (id),
    CONSTRAINT family_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX family_person_id_idx ON family (person_id);

CREATE TABLE practitioner (
    id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    department_id TEXT,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    telephone TEXT NOT NULL,
    CONSTRAINT practitioner_pkey PRIMARY KEY (id),
    CONSTRAINT practitioner_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT practitioner_department_id_fkey FOREIGN KEY(department_id) REFERENCES department (id)
);

CREATE INDEX practitioner_organisation_id_idx ON practitioner (organisation_id);

CREATE TABLE service (
    id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    department_id TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    CONSTRAINT service_pkey PRIMARY KEY (id),
    CONSTRAINT service_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT service_department_id_fkey FOREIGN KEY(department_id) REFERENCES department (id)
);

CREATE INDEX service_organisation_id_idx ON service (organisation_id);

CREATE TABLE observation (
    report_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    unit TEXT NOT NULL,
    range TEXT NOT NULL,
    abnormal TEXT NOT NULL,
    CONSTRAINT observation_pkey PRIMARY KEY (report_id, position),
    CONSTRAINT observation_report_id_fkey FOREIGN KEY(report_id) REFERENCES report (id)
);

CREATE TABLE enrolment (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    insutype TEXT NOT NULL,
    psn_no BYTEA NOT NULL,
    psn_type TEXT NOT NULL,
    area TEXT NOT NULL,
    retired BOOLEAN NOT NULL,
    civil_servant BOOLEAN NOT NULL,
    aid BOOLEAN NOT NULL,
    employer TEXT NOT NULL,
    state TEXT NOT NULL,
    since DATE NOT NULL,
    until DATE,
    source TEXT NOT NULL,
    CONSTRAINT enrolment_pkey PRIMARY KEY (id),
    CONSTRAINT enrolment_state_known CHECK (state IN ('active', 'suspended')),
    CONSTRAINT enrolment_ends_after_it_begins CHECK (until >= since),
    CONSTRAINT enrolment_once_a_day EXCLUDE USING gist (int8range(person_id * 1000 + insutype::bigint, person_id * 1000 + insutype::bigint, '[]') WITH &&, daterange(since, until, '[]') WITH &&),
    CONSTRAINT enrolment_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX enrolment_person_id_idx ON enrolment (person_id);

CREATE TABLE personal_account (
    person_id BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    CONSTRAINT personal_account_pkey PRIMARY KEY (person_id),
    CONSTRAINT personal_account_never_overdrawn CHECK (balance >= 0),
    CONSTRAINT personal_account_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
)
 WITH (fillfactor = 80);

CREATE TABLE filing (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    person_id BIGINT NOT NULL,
    insutype TEXT NOT NULL,
    sender_id TEXT,
    sender_visit TEXT,
    receiver_id TEXT,
    direction TEXT,
    disease TEXT,
    diagnosis_code TEXT NOT NULL,
    diagnosis_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    since DATE NOT NULL,
    until DATE,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    filed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    filed_by TEXT NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawal_reason TEXT,
    CONSTRAINT filing_pkey PRIMARY KEY (id),
    CONSTRAINT filing_state_known CHECK (state IN ('filed', 'withdrawn')),
    CONSTRAINT filing_kind_known CHECK (kind IN ('referral', 'chronic')),
    CONSTRAINT filing_direction_known CHECK (direction IN ('up', 'down')),
    CONSTRAINT filing_ends_after_it_begins CHECK (until >= since),
    CONSTRAINT filing_complete_for_its_kind CHECK (CASE kind WHEN 'referral' THEN receiver_id IS NOT NULL AND direction IS NOT NULL AND disease IS NULL ELSE disease IS NOT NULL END),
    CONSTRAINT filing_number_key UNIQUE (number),
    CONSTRAINT filing_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX filing_person_id_idx ON filing (person_id);

CREATE UNIQUE INDEX filing_once_for_a_source ON filing (source) WHERE state = 'filed';

CREATE TABLE statement_line (
    statement_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    setl_id TEXT NOT NULL,
    mdtrt_id TEXT NOT NULL,
    psn_no BYTEA NOT NULL,
    msgid TEXT,
    fee BIGINT NOT NULL,
    fund BIGINT NOT NULL,
    account BIGINT NOT NULL,
    refund BOOLEAN NOT NULL,
    CONSTRAINT statement_line_pkey PRIMARY KEY (statement_id, number),
    CONSTRAINT statement_line_statement_id_fkey FOREIGN KEY(statement_id) REFERENCES statement (id)
);

CREATE INDEX statement_line_settlement_idx ON statement_line (setl_id);

CREATE TABLE comparison (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    hospital_id BIGINT NOT NULL,
    insurer_id BIGINT NOT NULL,
    balanced BOOLEAN NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT comparison_pkey PRIMARY KEY (id),
    CONSTRAINT comparison_hospital_id_key UNIQUE (hospital_id),
    CONSTRAINT comparison_hospital_id_fkey FOREIGN KEY(hospital_id) REFERENCES statement (id),
    CONSTRAINT comparison_insurer_id_key UNIQUE (insurer_id),
    CONSTRAINT comparison_insurer_id_fkey FOREIGN KEY(insurer_id) REFERENCES statement (id)
);

CREATE INDEX comparison_organisation_id_idx ON comparison (organisation_id);

CREATE TABLE schedule (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    department_id TEXT NOT NULL,
    practitioner_id TEXT,
    service_id TEXT NOT NULL,
    weekdays TEXT NOT NULL,
    begins TIME WITHOUT TIME ZONE NOT NULL,
    ends TIME WITHOUT TIME ZONE NOT NULL,
    slot_minutes SMALLINT NOT NULL,
    capacity BIGINT NOT NULL,
    pool TEXT NOT NULL,
    fee BIGINT NOT NULL,
    since DATE NOT NULL,
    until DATE,
    CONSTRAINT schedule_pkey PRIMARY KEY (id),
    CONSTRAINT schedule_service_id_practitioner_id_weekdays_begins_pool_key UNIQUE NULLS NOT DISTINCT (service_id, practitioner_id, weekdays, begins, pool),
    CONSTRAINT schedule_weekdays_iso CHECK (weekdays ~ '^[1-7]+$'),
    CONSTRAINT schedule_begins_before_ends CHECK (begins < ends),
    CONSTRAINT schedule_slot_minutes_sane CHECK (slot_minutes BETWEEN 1 AND 1440),
    CONSTRAINT schedule_capacity_positive CHECK (capacity > 0),
    CONSTRAINT schedule_pool_known CHECK (pool IN ('public', 'referral')),
    CONSTRAINT schedule_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT schedule_department_id_fkey FOREIGN KEY(department_id) REFERENCES department (id),
    CONSTRAINT schedule_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioner (id),
    CONSTRAINT schedule_service_id_fkey FOREIGN KEY(service_id) REFERENCES service (id)
);

CREATE INDEX schedule_organisation_id_idx ON schedule (organisation_id);

CREATE INDEX schedule_practitioner_id_idx ON schedule (practitioner_id);

CREATE INDEX schedule_department_id_idx ON schedule (department_id);

CREATE TABLE account_credit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT account_credit_pkey PRIMARY KEY (id),
    CONSTRAINT account_credit_person_id_fkey FOREIGN KEY(person_id) REFERENCES personal_account (person_id)
);

CREATE INDEX account_credit_person_id_idx ON account_credit (person_id);

CREATE TABLE settlement_break (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    day_from DATE NOT NULL,
    day_to DATE NOT NULL,
    clr_type TEXT NOT NULL,
    office TEXT NOT NULL,
    setl_id TEXT NOT NULL,
    mdtrt_id TEXT NOT NULL,
    msgid TEXT,
    kind TEXT NOT NULL,
    note TEXT NOT NULL,
    hospital_fee BIGINT,
    hospital_fund BIGINT,
    hospital_account BIGINT,
    hospital_count BIGINT NOT NULL,
    insurer_fee BIGINT,
    insurer_fund BIGINT,
    insurer_account BIGINT,
    insurer_count BIGINT NOT NULL,
    comparison_id BIGINT NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    action TEXT,
    proposed_by TEXT,
    approved_by TEXT,
    CONSTRAINT settlement_break_pkey PRIMARY KEY (id),
    CONSTRAINT settlement_break_organisation_id_day_from_day_to_clr_ty_1832 UNIQUE (organisation_id, day_from, day_to, clr_type, office, setl_id),
    CONSTRAINT settlement_break_state_known CHECK (state IN ('open', 'proposed', 'approved', 'healed', 'resolved')),
    CONSTRAINT settlement_break_comparison_id_fkey FOREIGN KEY(comparison_id) REFERENCES comparison (id)
);

CREATE INDEX settlement_break_open_idx ON settlement_break (organisation_id) WHERE state <> 'resolved';

CREATE TABLE slot (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    schedule_id BIGINT NOT NULL,
    start_at TIMESTAMP WITH TIME ZONE NOT NULL,
    end_at TIMESTAMP WITH TIME ZONE NOT NULL,
    capacity BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    held BIGINT NOT NULL,
    issued BIGINT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT slot_pkey PRIMARY KEY (id),
    CONSTRAINT slot_schedule_id_start_at_key UNIQUE (schedule_id, start_at),
    CONSTRAINT slot_never_oversold CHECK (taken >= 0 AND held >= 0 AND taken + held <= capacity),
    CONSTRAINT slot_start_before_end CHECK (start_at < end_at),
    CONSTRAINT slot_state_known CHECK (state IN ('free', 'blocked')),
    CONSTRAINT slot_schedule_id_fkey FOREIGN KEY(schedule_id) REFERENCES schedule (id)
)
 WITH (fillfactor = 50);

CREATE INDEX slot_start_at_idx ON slot (start_at);

CREATE TABLE settlement_break_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    break_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    event TEXT NOT NULL,
    by TEXT NOT NULL,
    facts JSONB NOT NULL,
    CONSTRAINT settlement_break_event_pkey PRIMARY KEY (id),
    CONSTRAINT settlement_break_event_break_id_fkey FOREIGN KEY(break_id) REFERENCES settlement_break (id)
);

CREATE INDEX settlement_break_event_break_id_idx ON settlement_break_event (break_id);

CREATE TABLE slot_hold (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    slot_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    department_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    held_by TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT slot_hold_pkey PRIMARY KEY (id),
    CONSTRAINT slot_hold_person_id_department_id_key UNIQUE (person_id, department_id),
    CONSTRAINT slot_hold_slot_id_fkey FOREIGN KEY(slot_id) REFERENCES slot (id),
    CONSTRAINT slot_hold_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX slot_hold_slot_id_idx ON slot_hold (slot_id);

CREATE TABLE appointment (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    slot_id BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    department_id TEXT NOT NULL,
    practitioner_id TEXT,
    service_id TEXT NOT NULL,
    start_at TIMESTAMP WITH TIME ZONE NOT NULL,
    end_at TIMESTAMP WITH TIME ZONE NOT NULL,
    queue_number BIGINT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT NOT NULL,
    reason TEXT NOT NULL,
    referral_id BIGINT,
    cancel_reason TEXT,
    booked_by TEXT NOT NULL,
    booked_by_organisation TEXT,
    booked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT appointment_pkey PRIMARY KEY (id),
    CONSTRAINT appointment_state_known CHECK (state IN ('booked', 'arrived', 'cancelled', 'noshow', 'fulfilled')),
    CONSTRAINT appointment_channel_known CHECK (channel IN ('app', 'window', 'phone', 'kiosk', 'referral', 'his')),
    CONSTRAINT appointment_cancelled_with_reason CHECK ((state = 'cancelled') = (cancel_reason IS NOT NULL)),
    CONSTRAINT appointment_slot_id_fkey FOREIGN KEY(slot_id) REFERENCES slot (id),
    CONSTRAINT appointment_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id)
)
 WITH (fillfactor = 90);

CREATE INDEX appointment_person_id_start_at_idx ON appointment (person_id, start_at);

CREATE INDEX appointment_organisation_id_start_at_idx ON appointment (organisation_id, start_at);

CREATE INDEX appointment_referral_id_idx ON appointment (referral_id) WHERE referral_id IS NOT NULL;

CREATE UNIQUE INDEX appointment_open_key ON appointment (slot_id, person_id) WHERE state IN ('booked', 'arrived');

CREATE TABLE referral (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    first_id BIGINT,
    previous_id BIGINT,
    chain_id BIGINT GENERATED ALWAYS AS (coalesce(first_id, id)) STORED NOT NULL,
    placer_number TEXT,
    content_hash BYTEA NOT NULL,
    person_id BIGINT NOT NULL,
    direction TEXT NOT NULL,
    priority TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    sender_department_id TEXT,
    sender_practitioner_id TEXT,
    receiver_id TEXT NOT NULL,
    receiver_department_id TEXT,
    receiver_practitioner_id TEXT,
    reason TEXT NOT NULL,
    chief_complaint TEXT NOT NULL,
    treatment TEXT NOT NULL,
    diagnoses JSONB NOT NULL,
    care_plan JSONB,
    sender_visit_id BIGINT,
    receiver_visit_id BIGINT,
    letter_id BIGINT,
    slot_leg TEXT NOT NULL,
    appointment_id BIGINT,
    insurance_leg TEXT NOT NULL,
    filing_id BIGINT,
    written_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    answer_due_at TIMESTAMP WITH TIME ZONE,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    task_status TEXT GENERATED ALWAYS AS (CASE state WHEN 'draft' THEN 'draft' WHEN 'sent' THEN 'requested' WHEN 'received' THEN 'received' WHEN 'info-requested' THEN 'on-hold' WHEN 'accepted' THEN 'accepted' WHEN 'booked' THEN 'in-progress' WHEN 'no-show' THEN 'in-progress' WHEN 'arrived' THEN 'in-progress' WHEN 'completed' THEN 'completed' WHEN 'returned-down' THEN 'completed' WHEN 'rejected' THEN 'rejected' WHEN 'redirected' THEN 'cancelled' WHEN 'recalled' THEN 'cancelled' WHEN 'expired' THEN 'failed' WHEN 'error' THEN 'entered-in-error' END) STORED NOT NULL,
    request_status TEXT GENERATED ALWAYS AS (CASE state WHEN 'draft' THEN 'draft' WHEN 'sent' THEN 'active' WHEN 'received' THEN 'active' WHEN 'info-requested' THEN 'on-hold' WHEN 'accepted' THEN 'active' WHEN 'booked' THEN 'active' WHEN 'no-show' THEN 'active' WHEN 'arrived' THEN 'active' WHEN 'completed' THEN 'completed' WHEN 'returned-down' THEN 'completed' WHEN 'rejected' THEN 'active' WHEN 'redirected' THEN 'active' WHEN 'recalled' THEN 'revoked' WHEN 'expired' THEN 'revoked' WHEN 'error' THEN 'entered-in-error' END) STORED NOT NULL,
    CONSTRAINT referral_pkey PRIMARY KEY (id),
    CONSTRAINT referral_state_known CHECK (state IN ('draft', 'sent', 'received', 'info-requested', 'accepted', 'booked', 'no-show', 'arrived', 'rejected', 'error', 'redirected', 'completed', 'returned-down', 'recalled', 'expired')),
    CONSTRAINT referral_standing_known CHECK (task_status IS NOT NULL AND request_status IS NOT NULL),
    CONSTRAINT referral_direction_known CHECK (direction IN ('up', 'down', 'sideways')),
    CONSTRAINT referral_priority_known CHECK (priority IN ('routine', 'urgent')),
    CONSTRAINT referral_slot_leg_known CHECK (slot_leg IN ('none', 'booked', 'lost')),
    CONSTRAINT referral_booked_has_appointment CHECK (slot_leg <> 'booked' OR appointment_id IS NOT NULL),
    CONSTRAINT referral_booked_has_place CHECK (state <> 'booked' OR slot_leg = 'booked'),
    CONSTRAINT referral_insurance_leg_known CHECK (insurance_leg IN ('none', 'filed', 'withdrawn')),
    CONSTRAINT referral_filed_has_filing CHECK ((insurance_leg = 'none') = (filing_id IS NULL)),
    CONSTRAINT referral_closed_by_letter CHECK ((state IN ('completed', 'returned-down')) = (letter_id IS NOT NULL)),
    CONSTRAINT referral_down_carries_care_plan CHECK (direction <> 'down' OR care_plan IS NOT NULL),
    CONSTRAINT referral_to_somebody_else CHECK (sender_id <> receiver_id),
    CONSTRAINT referral_first_id_fkey FOREIGN KEY(first_id) REFERENCES referral (id),
    CONSTRAINT referral_previous_id_fkey FOREIGN KEY(previous_id) REFERENCES referral (id),
    CONSTRAINT referral_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id),
    CONSTRAINT referral_sender_id_fkey FOREIGN KEY(sender_id) REFERENCES organisation (id),
    CONSTRAINT referral_receiver_id_fkey FOREIGN KEY(receiver_id) REFERENCES organisation (id),
    CONSTRAINT referral_sender_visit_id_fkey FOREIGN KEY(sender_visit_id) REFERENCES visit (id),
    CONSTRAINT referral_receiver_visit_id_fkey FOREIGN KEY(receiver_visit_id) REFERENCES visit (id),
    CONSTRAINT referral_letter_id_fkey FOREIGN KEY(letter_id) REFERENCES document (id),
    CONSTRAINT referral_appointment_id_fkey FOREIGN KEY(appointment_id) REFERENCES appointment (id)
);

CREATE INDEX referral_previous_id_idx ON referral (previous_id);

CREATE INDEX referral_person_id_idx ON referral (person_id);

CREATE UNIQUE INDEX referral_placer_key ON referral (sender_id, placer_number) WHERE state <> 'redirected';

CREATE INDEX referral_receiver_id_state_idx ON referral (receiver_id, state);

CREATE INDEX referral_receiver_visit_id_idx ON referral (receiver_visit_id);

CREATE INDEX referral_chain_id_idx ON referral (chain_id);

CREATE INDEX referral_sender_id_state_idx ON referral (sender_id, state);

CREATE INDEX referral_appointment_id_idx ON referral (appointment_id);

CREATE TABLE referral_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    referral_id BIGINT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    organisation_id TEXT,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    CONSTRAINT referral_event_pkey PRIMARY KEY (id),
    CONSTRAINT referral_event_referral_id_fkey FOREIGN KEY(referral_id) REFERENCES referral (id)
);

CREATE INDEX referral_event_referral_id_idx ON referral_event (referral_id);

CREATE TABLE consultation (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    placer_number TEXT,
    person_id BIGINT NOT NULL,
    referral_id BIGINT,
    report_id BIGINT,
    question TEXT NOT NULL,
    priority TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    consented_by TEXT NOT NULL,
    consented_at TIMESTAMP WITH TIME ZONE NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE,
    ends_at TIMESTAMP WITH TIME ZONE,
    opinion_id BIGINT,
    ended_reason TEXT,
    state TEXT NOT NULL,
    CONSTRAINT consultation_pkey PRIMARY KEY (id),
    CONSTRAINT consultation_state_known CHECK (state IN ('requested', 'scheduled', 'in-progress', 'opinion-signed', 'completed', 'declined', 'cancelled')),
    CONSTRAINT consultation_organisation_id_placer_number_key UNIQUE (organisation_id, placer_number),
    CONSTRAINT consultation_priority_known CHECK (priority IN ('routine', 'urgent')),
    CONSTRAINT consultation_consented_by_known CHECK (consented_by IN ('patient', 'guardian', 'relative')),
    CONSTRAINT consultation_minutes_sane CHECK (minutes BETWEEN 10 AND 240),
    CONSTRAINT consultation_time_whole CHECK ((starts_at IS NULL) = (ends_at IS NULL) AND starts_at < ends_at),
    CONSTRAINT consultation_signed_has_opinion CHECK ((state IN ('opinion-signed', 'completed')) = (opinion_id IS NOT NULL)),
    CONSTRAINT consultation_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT consultation_requester_id_fkey FOREIGN KEY(requester_id) REFERENCES practitioner (id),
    CONSTRAINT consultation_person_id_fkey FOREIGN KEY(person_id) REFERENCES person (id),
    CONSTRAINT consultation_referral_id_fkey FOREIGN KEY(referral_id) REFERENCES referral (id),
    CONSTRAINT consultation_report_id_fkey FOREIGN KEY(report_id) REFERENCES report (id),
    CONSTRAINT consultation_opinion_id_fkey FOREIGN KEY(opinion_id) REFERENCES document (id)
);

CREATE INDEX consultation_referral_id_idx ON consultation (referral_id);

CREATE INDEX consultation_person_id_idx ON consultation (person_id);

CREATE INDEX consultation_organisation_id_state_idx ON consultation (organisation_id, state);

CREATE TABLE consultation_expert (
    consultation_id BIGINT NOT NULL,
    practitioner_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    CONSTRAINT consultation_expert_pkey PRIMARY KEY (consultation_id, practitioner_id),
    CONSTRAINT consultation_expert_consultation_id_fkey FOREIGN KEY(consultation_id) REFERENCES consultation (id),
    CONSTRAINT consultation_expert_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioner (id),
    CONSTRAINT consultation_expert_organisation_id_fkey FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX consultation_expert_organisation_id_idx ON consultation_expert (organisation_id);

CREATE TABLE expert_time (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    practitioner_id TEXT NOT NULL,
    during TSTZRANGE NOT NULL,
    consultation_id BIGINT NOT NULL,
    CONSTRAINT expert_time_pkey PRIMARY KEY (id),
    CONSTRAINT expert_time_once EXCLUDE USING gist (int8range(hashtextextended(practitioner_id, 0), hashtextextended(practitioner_id, 0), '[]') WITH &&, during WITH &&),
    CONSTRAINT expert_time_during_something CHECK (NOT isempty(during)),
    CONSTRAINT expert_time_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioner (id),
    CONSTRAINT expert_time_consultation_id_fkey FOREIGN KEY(consultation_id) REFERENCES consultation (id)
);

CREATE INDEX expert_time_consultation_id_idx ON expert_time (consultation_id);
