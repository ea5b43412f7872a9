-- A new source; no row where its id is taken.
-- name: create
INSERT INTO gbrain.sources
    (id, name, path, url, host_id, host_name, branch, strategy, federated, enabled, max_age)
VALUES (%(id)s, %(name)s, %(path)s, %(url)s, %(host_id)s, %(host_name)s, %(branch)s, %(strategy)s, %(federated)s,
    %(enabled)s, %(max_age)s)
ON CONFLICT (id) DO NOTHING
RETURNING id

-- Where it stands: nowhere yet.
-- name: create_state
INSERT INTO gbrain.states (source_id) VALUES (%(id)s)

-- Every source with where it stands, by id.
-- name: all
SELECT s.id, s.name, s.path, s.url, s.host_id, s.host_name, s.branch, s.strategy, s.federated, s.enabled, s.max_age,
       s.settings_version, st.bookmark_commit, st.bookmark_tree, st.bookmark_fingerprint, st.committed_at, st.settled
FROM gbrain.sources AS s JOIN gbrain.states AS st ON st.source_id = s.id
ORDER BY s.id

-- One source with where it stands.
-- name: one
SELECT s.id, s.name, s.path, s.url, s.host_id, s.host_name, s.branch, s.strategy, s.federated, s.enabled, s.max_age,
       s.settings_version, st.bookmark_commit, st.bookmark_tree, st.bookmark_fingerprint, st.committed_at, st.settled
FROM gbrain.sources AS s JOIN gbrain.states AS st ON st.source_id = s.id
WHERE s.id = %(id)s

-- What removing a source would take with it.
-- name: weigh
SELECT st.pages, st.chunks, st.failures_open + st.failures_acknowledged,
       (SELECT count(*) FROM gbrain.runs WHERE source_id = st.source_id)
FROM gbrain.states AS st WHERE st.source_id = %(id)s

-- A removal waits for nobody's lock without end, and holds its own only as long as its client lives. Deleting a large
-- source takes its time.
-- name: bound_removal
SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '30min', true),
       set_config('idle_in_transaction_session_timeout', '60s', true)

-- Of a source that is removed: its links.
-- name: remove_links
DELETE FROM gbrain.links AS l USING gbrain.pages AS p WHERE p.source_id = %(id)s AND l.page_id = p.id

-- Its places.
-- name: remove_chunks
DELETE FROM gbrain.chunks AS c USING gbrain.pages AS p WHERE p.source_id = %(id)s AND c.page_id = p.id

-- Its texts.
-- name: remove_texts
DELETE FROM gbrain.texts WHERE source_id = %(id)s

-- Its pages.
-- name: remove_pages
DELETE FROM gbrain.pages WHERE source_id = %(id)s

-- Its ledger.
-- name: remove_ledger
DELETE FROM gbrain.ledger WHERE source_id = %(id)s

-- Its runs.
-- name: remove_runs
DELETE FROM gbrain.runs WHERE source_id = %(id)s

-- Where it stands.
-- name: remove_state
DELETE FROM gbrain.states WHERE source_id = %(id)s

-- The source itself.
-- name: remove_source
DELETE FROM gbrain.sources WHERE id = %(id)s RETURNING url

-- Paths that have no page, with the reason, the newest trouble first.
-- name: failures
SELECT l.source_id, l.path, l.reason, l.detail, l.state, encode(l.blob, 'hex'), l.first_seen_at
FROM gbrain.ledger AS l
WHERE l.state <> 'skipped' AND (%(id)s::text IS NULL OR l.source_id = %(id)s)
ORDER BY l.source_id, l.state DESC, l.path
