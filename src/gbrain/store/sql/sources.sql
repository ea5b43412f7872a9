-- A new source; no row where its id is taken.
-- name: create
INSERT INTO gbrain.sources
    (id, name, path, is_plain, url, host_id, host_name, branch, subdir, strategy, include, exclude, federated, enabled,
     max_age, interval)
VALUES (%(id)s, %(name)s, %(path)s, %(is_plain)s, %(url)s, %(host_id)s, %(host_name)s, %(branch)s, %(subdir)s,
    %(strategy)s, %(include)s, %(exclude)s, %(federated)s, %(enabled)s, %(max_age)s, %(interval)s)
ON CONFLICT (id) DO NOTHING
RETURNING id

-- Where it stands: nowhere yet.
-- name: create_state
INSERT INTO gbrain.states (source_id) VALUES (%(id)s)

-- Every source with where it stands, by id.
-- name: all
SELECT s.id, s.name, s.path, s.is_plain, s.url, s.host_id, s.host_name, s.branch, s.subdir, s.strategy, s.include,
       s.exclude, s.federated, s.enabled, s.max_age, s.interval, s.archived_at, s.is_default, s.settings_version,
       st.bookmark_commit, st.bookmark_tree, st.bookmark_fingerprint, st.committed_at, st.settled
FROM gbrain.sources AS s JOIN gbrain.states AS st ON st.source_id = s.id
ORDER BY s.id

-- One source with where it stands.
-- name: one
SELECT s.id, s.name, s.path, s.is_plain, s.url, s.host_id, s.host_name, s.branch, s.subdir, s.strategy, s.include,
       s.exclude, s.federated, s.enabled, s.max_age, s.interval, s.archived_at, s.is_default, s.settings_version,
       st.bookmark_commit, st.bookmark_tree, st.bookmark_fingerprint, st.committed_at, st.settled
FROM gbrain.sources AS s JOIN gbrain.states AS st ON st.source_id = s.id
WHERE s.id = %(id)s

-- A change waits for nobody's lock without end, and holds its own only as long as its client lives.
-- name: bound_change
SELECT set_config('lock_timeout', '15s', true), set_config('idle_in_transaction_session_timeout', '15s', true)

-- The same row, kept from others who would change it until the transaction ends.
-- name: lock
SELECT FROM gbrain.sources WHERE id = %(id)s FOR NO KEY UPDATE

-- A source's settings as they are to be. The version moves where other pages may be selected: a run that began under
-- another cannot move the bookmark.
-- name: change
UPDATE gbrain.sources
SET name = %(name)s, path = %(path)s, is_plain = %(is_plain)s, url = %(url)s, host_id = %(host_id)s, host_name = %(host_name)s,
    branch = %(branch)s, subdir = %(subdir)s, strategy = %(strategy)s, include = %(include)s, exclude = %(exclude)s,
    federated = %(federated)s, enabled = %(enabled)s, max_age = %(max_age)s, interval = %(interval)s,
    archived_at = %(archived_at)s, is_default = %(is_default)s, settings_version = %(settings_version)s
WHERE id = %(id)s

-- No source is the default any more.
-- name: clear_default
UPDATE gbrain.sources SET is_default = false WHERE is_default

-- The server's clock.
-- name: now
SELECT clock_timestamp()

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

-- Of a source that is removed: the passages that stand nowhere else. Their vectors are kept for a while.
-- name: remove_last_places
INSERT INTO gbrain.loose (passage)
SELECT DISTINCT c.passage
FROM gbrain.chunks AS c JOIN gbrain.pages AS p ON p.id = c.page_id
WHERE p.source_id = %(id)s AND c.passage IS NOT NULL AND EXISTS (SELECT FROM gbrain.models)
  AND NOT EXISTS (SELECT FROM gbrain.chunks AS o JOIN gbrain.pages AS q ON q.id = o.page_id
                  WHERE o.passage = c.passage AND q.source_id <> %(id)s)
ORDER BY c.passage
ON CONFLICT (passage) DO NOTHING

-- Its links.
-- name: remove_links
DELETE FROM gbrain.links AS l USING gbrain.pages AS p WHERE p.source_id = %(id)s AND l.page_id = p.id

-- Its places.
-- name: remove_chunks
DELETE FROM gbrain.chunks AS c USING gbrain.pages AS p WHERE p.source_id = %(id)s AND c.page_id = p.id

-- Its texts.
-- name: remove_texts
DELETE FROM gbrain.texts WHERE source_id = %(id)s

-- Its words.
-- name: remove_postings
DELETE FROM gbrain.postings AS w USING gbrain.segments AS s WHERE s.source_id = %(id)s AND w.segment_id = s.id

-- The parts of the index that they stood in.
-- name: remove_segments
DELETE FROM gbrain.segments WHERE source_id = %(id)s

-- Its pages.
-- name: remove_pages
DELETE FROM gbrain.pages WHERE source_id = %(id)s

-- Its ledger.
-- name: remove_ledger
DELETE FROM gbrain.ledger WHERE source_id = %(id)s

-- Its runs.
-- name: remove_runs
DELETE FROM gbrain.runs WHERE source_id = %(id)s

-- How much of it lacks a vector. It comes late: fills wait for it.
-- name: remove_coverage
DELETE FROM gbrain.coverage WHERE source_id = %(id)s

-- Whoever might see it: another one that gets its id is not theirs. It comes late, since it holds their rows.
-- name: remove_grants
UPDATE gbrain.tokens SET sources = array_remove(sources, %(id)s::text) WHERE %(id)s::text = ANY(sources)

-- Where it stands.
-- name: remove_state
DELETE FROM gbrain.states WHERE source_id = %(id)s

-- The source itself.
-- name: remove_source
DELETE FROM gbrain.sources WHERE id = %(id)s RETURNING url

-- Paths that have no page, with the reason, the newest trouble first.
-- name: failures
SELECT l.source_id, l.path, l.reason, l.detail, l.state, encode(l.blob, 'hex'), l.first_seen_at
FROM gbrain.ledger AS l JOIN gbrain.sources AS s ON s.id = l.source_id
WHERE (l.state <> 'skipped' OR %(skipped)s) AND CASE WHEN %(id)s::text IS NULL THEN s.archived_at IS NULL ELSE s.id = %(id)s END
ORDER BY l.source_id, l.state = 'skipped', l.state DESC, l.path

-- What somebody has acknowledged: no repository tells that.
-- name: acknowledged
SELECT source_id, path, blob, mode, fingerprint, slug, reason, detail, first_seen_at
FROM gbrain.ledger WHERE state = 'acknowledged' ORDER BY source_id, path

-- The same brought into another brain, where the source is new. Its first sync leaves alone what still is as it was.
-- name: acknowledge_again
INSERT INTO gbrain.ledger (source_id, path, blob, mode, fingerprint, slug, reason, detail, state, first_seen_at)
VALUES (%(source_id)s, %(path)s, %(blob)s, %(mode)s, %(fingerprint)s, %(slug)s, %(reason)s, %(detail)s, 'acknowledged',
    %(first_seen_at)s)

-- Count what was brought in so.
-- name: count_acknowledged
UPDATE gbrain.states SET failures_acknowledged = failures_acknowledged + %(count)s WHERE source_id = %(source_id)s
