-- Which models there are, what each still lacks, who fills it, and how much may be sent to whom.

-- What is embedded of a chunk is its passage: its page's title, the headings in force, and its text. A vector belongs to a
-- passage, wherever it stands; a chunk of blank space has none. `domain/passages.py` says the same as the statement below.
ALTER TABLE gbrain.chunks ADD COLUMN passage bytea;

UPDATE gbrain.chunks AS c
SET passage = sha256(convert_to(
    concat_ws(
        E'\n', p.title,
        nullif(array_to_string(CASE WHEN c.headings[1] = p.title THEN c.headings[2:] ELSE c.headings END, ' > '), '')
    ) || E'\n\n' || t.text, 'UTF8'))
FROM gbrain.pages AS p, gbrain.texts AS t
WHERE p.id = c.page_id AND t.id = c.text_id AND btrim(t.text, E' \t\n\r\f\v') <> '';

CREATE INDEX chunks_by_passage ON gbrain.chunks (passage);

-- What makes vectors. The vectors of model n lie in a table of its own, `embedding_<n>`. At most one model is active: the
-- one that search uses. `claims_from` is where free rows of its backlog begin, or a little before: a hint, no truth.
CREATE TABLE gbrain.models (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text COLLATE "C" NOT NULL,
    embedder     text COLLATE "C" NOT NULL,
    dimensions   integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000),
    fingerprint  bytea NOT NULL,
    limits       jsonb NOT NULL DEFAULT '{}',
    state        text NOT NULL CHECK (state IN ('filling', 'active', 'retired')),
    seeded       boolean NOT NULL DEFAULT false,
    claims_from  bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    activated_at timestamptz
);

CREATE UNIQUE INDEX models_active ON gbrain.models (state) WHERE state = 'active';
CREATE UNIQUE INDEX models_filling ON gbrain.models (state) WHERE state = 'filling';

-- The passages that have no vector of a model yet. A free row is claimed by a worker, and goes in the transaction that
-- stores its vector; one that the provider refused for good stays, with the reason.
CREATE TABLE gbrain.backlog (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    model_id   integer NOT NULL,
    passage    bytea NOT NULL,
    worker_id  bigint,
    refused    text,
    refused_at timestamptz,
    UNIQUE (model_id, passage)
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX backlog_free ON gbrain.backlog (model_id, id) WHERE worker_id IS NULL AND refused IS NULL;
CREATE INDEX backlog_claimed ON gbrain.backlog (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX backlog_refused ON gbrain.backlog (model_id, id) WHERE refused IS NOT NULL;

-- In how many places of a source stand passages that have no vector of a model: kept by the transactions that change it.
CREATE TABLE gbrain.coverage (
    model_id  integer NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    pending   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (model_id, source_id)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);

-- Passages that stood somewhere and stand nowhere now, if nobody has put them back: their vectors are kept for a while.
CREATE TABLE gbrain.loose (
    passage bytea PRIMARY KEY,
    since   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who fills, and how far each is. What a worker has claimed is its own until `expires_at`.
CREATE TABLE gbrain.workers (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id       integer NOT NULL,
    holder_host    text NOT NULL,
    holder_boot    text NOT NULL,
    holder_pids    text NOT NULL,
    holder_pid     integer NOT NULL,
    holder_started text NOT NULL,
    started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL,
    done           bigint NOT NULL DEFAULT 0,
    total          bigint,
    rate_per_s     double precision,
    waits_until    timestamptz,
    trouble        text
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);

-- Until when nobody sends to a provider. A provider is its address, its model and the key it is paid with.
CREATE TABLE gbrain.providers (
    provider    bytea PRIMARY KEY,
    cools_until timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);

-- What was sent to a provider in the last minute.
CREATE TABLE gbrain.requests (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider bytea NOT NULL,
    sent_at  timestamptz NOT NULL,
    tokens   bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX requests_of_provider ON gbrain.requests (provider, sent_at);

-- What was spent on a provider on a day of UTC; the cost is in the unit of the configured price.
CREATE TABLE gbrain.spending (
    provider bytea NOT NULL,
    day      date NOT NULL,
    requests bigint NOT NULL DEFAULT 0,
    tokens   bigint NOT NULL DEFAULT 0,
    cost     double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, day)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0);
