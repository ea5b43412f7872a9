-- One moment for all that the dashboard shows.
-- name: begin
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- Everything the dashboard shows, one row a source, by id: no counting, only what the writers keep. Runs are looked at only
-- where a lease is held: a source may have many thousands of them.
-- name: status
SELECT s.id, s.name, s.host_id, s.host_name, s.path, s.url, s.federated, s.enabled, s.max_age,
       st.last_sync_at, st.last_attempt_at, st.last_attempt_status, st.last_attempt_code, st.bookmark_commit,
       st.committed_at, st.pages, st.chunks, st.failures_open, st.failures_acknowledged, st.settled,
       CASE WHEN m.id IS NOT NULL THEN coalesce(v.pending, 0) END, clock_timestamp(),
       r.host, r.pid, r.started_at, r.phase, r.done, r.total, r.rate_per_s, r.phase_at,
       l.holder_host, l.holder_boot, l.holder_pids, l.holder_pid, l.holder_started
FROM gbrain.sources AS s
JOIN gbrain.states AS st ON st.source_id = s.id
LEFT JOIN gbrain.models AS m ON m.state = 'active'
LEFT JOIN gbrain.coverage AS v ON v.model_id = m.id AND v.source_id = s.id
LEFT JOIN gbrain.leases AS l ON l.name = 'gbrain-sync:' || s.id AND l.expires_at >= clock_timestamp()
LEFT JOIN LATERAL (
    SELECT * FROM gbrain.runs AS r
    WHERE l.token IS NOT NULL AND r.source_id = s.id AND r.lease_token = l.token AND r.finished_at IS NULL
    ORDER BY r.id DESC LIMIT 1
) AS r ON true
WHERE s.archived_at IS NULL
ORDER BY s.id

-- In how many places of each source a vector of a model is missing.
-- name: pending_places
SELECT source_id, pending FROM gbrain.coverage WHERE model_id = %(model)s

-- Who fills a model's backlog at the moment, and how far each is.
-- name: fills
SELECT w.holder_host, w.holder_pid, w.started_at, w.done, w.total, w.rate_per_s,
       CASE WHEN w.waits_until > clock_timestamp() THEN w.waits_until END, w.trouble,
       w.holder_host, w.holder_boot, w.holder_pids, w.holder_pid, w.holder_started
FROM gbrain.workers AS w
WHERE w.model_id = %(model)s AND w.expires_at >= clock_timestamp()
ORDER BY w.id
