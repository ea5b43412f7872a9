-- A run begins, under a lease that is ours. Earlier runs that never said how they ended were cut off: they are closed.
-- name: begin
WITH ours AS (
    SELECT token FROM gbrain.leases WHERE name = %(name)s AND token = %(token)s FOR KEY SHARE
), cut_off AS (
    UPDATE gbrain.runs
    SET finished_at = clock_timestamp(), status = 'error', error_code = 'interrupted',
        error = 'the run ended without a word: killed, or its machine stopped',
        hint = 'what it had committed is kept and the next run goes on from there'
    WHERE source_id = %(source)s AND finished_at IS NULL AND EXISTS (SELECT FROM ours)
)
INSERT INTO gbrain.runs (source_id, lease_token, host, pid, phase, phase_at, from_revision)
SELECT %(source)s, token, %(host)s, %(pid)s, 'fetch', clock_timestamp(), %(from_revision)s FROM ours
RETURNING id, clock_timestamp()

-- What a run is busy with, for whoever looks.
-- name: enter
UPDATE gbrain.runs
SET phase = %(phase)s, phase_at = clock_timestamp(), done = 0, total = %(total)s, rate_per_s = NULL
WHERE id = %(run)s

-- How far the runs of this process are, and how fast they go. What is written counts itself, batch by batch, in the
-- transactions that write. A row that a batch has locked is left out: its next round is soon.
-- name: keep_progress
WITH news AS (
    SELECT * FROM unnest(
        %(runs)s::bigint[], %(phases)s::text[], %(done)s::bigint[], %(totals)s::bigint[], %(rates)s::double precision[]
    ) AS n (run, phase, done, total, rate_per_s)
), free AS (
    SELECT r.id
    FROM gbrain.runs AS r JOIN news ON news.run = r.id AND news.phase = r.phase
    WHERE r.finished_at IS NULL
    FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE gbrain.runs AS r
SET done = CASE WHEN r.phase = 'write' THEN r.done ELSE news.done END,
    total = coalesce(news.total, r.total), rate_per_s = news.rate_per_s
FROM news JOIN free ON free.id = news.run
WHERE r.id = news.run
RETURNING r.id

-- What a batch has added, in the batch's own transaction.
-- name: advance
UPDATE gbrain.runs
SET done = done + %(done)s, added = added + %(added)s, modified = modified + %(modified)s,
    renamed = renamed + %(renamed)s, deleted = deleted + %(deleted)s, failed = failed + %(failed)s,
    skipped = skipped + %(skipped)s, chunks_created = chunks_created + %(chunks_created)s,
    chunks_deleted = chunks_deleted + %(chunks_deleted)s
WHERE id = %(run)s

-- How a run ended, unless a later one has said so for it; and what the source remembers of it, as long as the lease is
-- ours. Freshness moves only where the remote, if there is one, was really asked. Runs that are older than anybody asks
-- for are forgotten, the last ones of the source never: only so many of the oldest are looked at, so that it costs the
-- same however many there are, and each run that ends forgets more than it adds. Rows are compared whole, source and id:
-- told the source alone, the server would walk all runs of all sources by their id. All of it is one statement: most runs
-- find nothing new, and for them it is most of the work. It gives how many failures of the source are open.
-- name: finish
WITH ended AS (
    UPDATE gbrain.runs
    SET finished_at = clock_timestamp(), phase = 'finish', status = %(status)s, sync_status = %(sync_status)s,
        error_code = %(error_code)s, error = %(error)s, hint = %(hint)s, to_revision = %(to_revision)s
    WHERE id = %(run)s AND finished_at IS NULL
), ours AS (
    SELECT token FROM gbrain.leases WHERE name = %(name)s AND token = %(token)s FOR KEY SHARE
), remembered AS (
    UPDATE gbrain.states
    SET last_attempt_at = %(started_at)s, last_attempt_status = %(status)s, last_attempt_code = %(error_code)s,
        last_sync_at = CASE WHEN %(fresh)s THEN %(started_at)s ELSE last_sync_at END,
        last_wrote_for = coalesce(%(wrote)s, last_wrote_for)
    WHERE source_id = %(source)s AND EXISTS (SELECT FROM ours)
), kept AS (
    SELECT id FROM gbrain.runs
    WHERE (source_id, id) >= (%(source)s, 0) AND (source_id, id) < (%(source)s, 9223372036854775807)
    ORDER BY source_id DESC, id DESC LIMIT %(always)s
), oldest AS (
    SELECT id, started_at FROM gbrain.runs
    WHERE (source_id, id) >= (%(source)s, 0) AND (source_id, id) < (%(source)s, (SELECT min(id) FROM kept))
    ORDER BY source_id, id LIMIT %(limit)s
), forgotten AS (
    DELETE FROM gbrain.runs AS r
    USING oldest
    WHERE r.id = oldest.id AND oldest.started_at < clock_timestamp() - %(keep)s::interval
)
SELECT failures_open FROM gbrain.states WHERE source_id = %(source)s

-- A run that was told to end says so itself, unless somebody has said it for it.
-- name: interrupt
UPDATE gbrain.runs
SET finished_at = clock_timestamp(), status = 'error', error_code = 'interrupted', error = 'the run was interrupted',
    hint = 'what it had committed is kept and the next run goes on from there'
WHERE id = %(run)s AND finished_at IS NULL

-- How many failures of the source are open.
-- name: failures_open
SELECT failures_open FROM gbrain.states WHERE source_id = %(source)s

-- The last runs of one source, or of all that are not archived, the newest first.
-- name: past
SELECT r.id, r.source_id, r.host, r.pid, r.started_at, r.finished_at, r.phase, r.done, r.total, r.status, r.sync_status,
       r.error_code, r.error, r.hint, r.from_revision, r.to_revision, r.added, r.modified, r.renamed, r.deleted,
       r.failed, r.skipped, r.chunks_created, r.chunks_deleted
FROM gbrain.runs AS r JOIN gbrain.sources AS s ON s.id = r.source_id
WHERE CASE WHEN %(id)s::text IS NULL THEN s.archived_at IS NULL ELSE r.source_id = %(id)s END
ORDER BY r.id DESC
LIMIT %(limit)s

-- What the order in which sources start follows from.
-- name: pasts
SELECT source_id, last_attempt_code, bookmark_commit IS NOT NULL, last_wrote_for FROM gbrain.states
