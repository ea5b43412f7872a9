-- Every model, the active one first, then the one that is being filled.
-- name: all
SELECT m.id, m.name, m.embedder, m.dimensions, m.fingerprint, m.limits, m.state, m.seeded, m.created_at, m.activated_at
FROM gbrain.models AS m
ORDER BY array_position(ARRAY['active', 'filling', 'retired'], m.state), m.id DESC

-- From here to the commit no batch may look at the models: those that have looked are in, those that come see what is new.
-- name: lock
LOCK TABLE gbrain.models IN EXCLUSIVE MODE

-- Neither waits without end for a batch, nor holds one up when its client stops.
-- name: bound
SELECT set_config('lock_timeout', '30s', true), set_config('idle_in_transaction_session_timeout', '15s', true)

-- A new model.
-- name: create
INSERT INTO gbrain.models (name, embedder, dimensions, fingerprint, limits, state, activated_at)
VALUES (%(name)s, %(embedder)s, %(dimensions)s, %(fingerprint)s, %(limits)s, %(state)s,
    CASE %(state)s WHEN 'active' THEN clock_timestamp() END)
RETURNING id

-- Where its vectors lie. The tuple target keeps a vector in its row: elsewhere it would be read apart.
-- name: create_vectors
CREATE TABLE {vectors} (passage bytea PRIMARY KEY, vector halfvec({dimensions})) WITH (toast_tuple_target = 8160)

-- A model is of another state from now on.
-- name: set_state
UPDATE gbrain.models
SET state = %(state)s, activated_at = CASE %(state)s WHEN 'active' THEN clock_timestamp() ELSE activated_at END
WHERE id = %(model)s

-- What a model that nobody fills any more still lacks: nobody asks.
-- name: forget_backlog
DELETE FROM gbrain.backlog WHERE model_id = %(model)s

-- The same of its coverage.
-- name: forget_coverage
DELETE FROM gbrain.coverage WHERE model_id = %(model)s

-- A model that is filled or retired, gone.
-- name: drop
DELETE FROM gbrain.models WHERE id = %(model)s

-- Its vectors, gone.
-- name: drop_vectors
DROP TABLE IF EXISTS {vectors}

-- How much room its vectors and their index take, and whether there is one.
-- name: weigh
SELECT pg_relation_size(to_regclass(%(table)s)), pg_total_relation_size(to_regclass(%(table)s)),
       to_regclass(%(index)s) IS NOT NULL

-- The sources that a new model knows nothing of yet.
-- name: sources
SELECT id FROM gbrain.sources ORDER BY id

-- What a source lacks of a model, into the backlog.
-- name: seed
INSERT INTO gbrain.backlog (model_id, passage)
SELECT %(model)s, w.passage
FROM (SELECT DISTINCT c.passage FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
      WHERE p.source_id = %(source)s AND c.passage IS NOT NULL) AS w
WHERE NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = w.passage)
ORDER BY w.passage
ON CONFLICT (model_id, passage) DO NOTHING

-- The coverage of a source, which may be unknown yet.
-- name: ensure_coverage
INSERT INTO gbrain.coverage (model_id, source_id) VALUES (%(model)s, %(source)s) ON CONFLICT (model_id, source_id) DO NOTHING

-- It is kept from others until it is counted.
-- name: hold_coverage
SELECT FROM gbrain.coverage WHERE model_id = %(model)s AND source_id = %(source)s FOR NO KEY UPDATE

-- In how many places of a source a vector is missing, counted.
-- name: count_pending
UPDATE gbrain.coverage AS c
SET pending = (
    SELECT count(*) FROM gbrain.chunks AS k JOIN gbrain.pages AS p ON p.id = k.page_id
    WHERE p.source_id = %(source)s AND k.passage IS NOT NULL
      AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = k.passage))
WHERE c.model_id = %(model)s AND c.source_id = %(source)s

-- What is kept of a source beside what is there: the count of places that wait, those that lack a vector, and how many of
-- their passages are not in the backlog.
-- name: audit
WITH lacking AS MATERIALIZED (
    SELECT k.passage, count(*) AS places FROM gbrain.chunks AS k JOIN gbrain.pages AS p ON p.id = k.page_id
    WHERE p.source_id = %(source)s AND k.passage IS NOT NULL
      AND NOT EXISTS (SELECT FROM {vectors} AS v WHERE v.passage = k.passage)
    GROUP BY k.passage
)
SELECT coalesce((SELECT pending FROM gbrain.coverage WHERE model_id = %(model)s AND source_id = %(source)s), 0),
       (SELECT coalesce(sum(places), 0) FROM lacking)::bigint,
       (SELECT count(*) FROM lacking AS l
        WHERE NOT EXISTS (SELECT FROM gbrain.backlog AS b WHERE b.model_id = %(model)s AND b.passage = l.passage))

-- All sources are counted.
-- name: seeded
UPDATE gbrain.models SET seeded = true WHERE id = %(model)s

-- What came while it was retired is not in its backlog.
-- name: unseed
UPDATE gbrain.models SET seeded = false, claims_from = 0 WHERE id = %(model)s

-- How many places there are, in how many a vector is missing, and how many passages were refused.
-- name: coverage
SELECT (SELECT coalesce(sum(chunks), 0) FROM gbrain.states)::bigint,
       (SELECT coalesce(sum(c.pending), 0) FROM gbrain.coverage AS c WHERE c.model_id = %(model)s)::bigint,
       (SELECT count(*) FROM gbrain.backlog AS b WHERE b.model_id = %(model)s AND b.refused IS NOT NULL)

-- Whether anything is in its backlog that was not refused.
-- name: any_to_embed
SELECT EXISTS (SELECT FROM gbrain.backlog WHERE model_id = %(model)s AND refused IS NULL)

-- How much memory an index over all vectors takes to build, in bytes: its graph, about.
-- name: graph_size
SELECT count(*) * (%(dimensions)s * 2 + 400) FROM {vectors}

-- How the index is to be built: with so much memory, and so many helpers.
-- name: bound_build
SELECT set_config('maintenance_work_mem', %(memory)s, true), set_config('max_parallel_maintenance_workers', %(helpers)s, true),
       set_config('lock_timeout', '30s', true)

-- Only one builds it at a time: whoever comes second finds it.
-- name: lock_build
SELECT pg_advisory_xact_lock(7443005, %(model)s)

-- The index that finds the nearest. The vectors are of length one: the inner product orders them as the cosine would.
-- name: build_index
CREATE INDEX IF NOT EXISTS {index} ON {vectors} USING hnsw (vector halfvec_ip_ops)
WITH (m = 8, ef_construction = 256)

-- The statistics, once it is full.
-- name: analyze
ANALYZE {vectors}
