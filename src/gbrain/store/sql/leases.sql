-- Each source has a lease row for ever, made with it; a source that is registered again goes on with its token.
-- name: create_lease
INSERT INTO gbrain.leases
    (name, token, expires_at, holder_host, holder_boot, holder_pids, holder_pid, holder_started)
VALUES (%(name)s, 0, 'epoch', '', '', '', 0, '')
ON CONFLICT (name) DO NOTHING

-- Take the lease over once its term has run out. The clock is read anew after any wait for a proof in flight.
-- name: take_lapsed
UPDATE gbrain.leases
SET token = token + 1, expires_at = clock_timestamp() + %(term)s, holder_host = %(host)s, holder_boot = %(boot)s,
    holder_pids = %(pids)s, holder_pid = %(pid)s, holder_started = %(started)s
WHERE name = %(name)s AND expires_at < clock_timestamp()
RETURNING token, (SELECT max(version) FROM gbrain.schema_versions)

-- Take the lease from a holder that was seen to be dead: only as long as it is still that one.
-- name: take_from_dead
UPDATE gbrain.leases
SET token = token + 1, expires_at = clock_timestamp() + %(term)s, holder_host = %(host)s, holder_boot = %(boot)s,
    holder_pids = %(pids)s, holder_pid = %(pid)s, holder_started = %(started)s
WHERE name = %(name)s AND token = %(seen_token)s
RETURNING token, (SELECT max(version) FROM gbrain.schema_versions)

-- Who holds a lease, if anybody does.
-- name: holder
SELECT token, holder_host, holder_boot, holder_pids, holder_pid, holder_started
FROM gbrain.leases
WHERE name = %(name)s AND expires_at >= clock_timestamp()

-- Prolong every lease of this process that is still its own. No key column changes, so proofs do not stop it; a row that
-- anybody else has locked is left out, so that it does not stop the others.
-- name: renew
WITH free AS (
    SELECT l.name, l.token
    FROM gbrain.leases AS l
    JOIN unnest(%(names)s::text[], %(tokens)s::bigint[]) AS mine (name, token)
        ON l.name = mine.name AND l.token = mine.token
    FOR NO KEY UPDATE OF l SKIP LOCKED
)
UPDATE gbrain.leases AS l
SET expires_at = clock_timestamp() + %(term)s
FROM free
WHERE l.name = free.name AND l.token = free.token
RETURNING l.name

-- Which leases of this process are still its own, as far as is committed.
-- name: still_ours
SELECT l.name
FROM gbrain.leases AS l
JOIN unnest(%(names)s::text[], %(tokens)s::bigint[]) AS mine (name, token) ON l.name = mine.name AND l.token = mine.token

-- Give the lease back: whoever comes next need not wait for the term.
-- name: release
UPDATE gbrain.leases SET expires_at = 'epoch' WHERE name = %(name)s AND token = %(token)s

-- Prove that the lease is still ours and keep it so until this transaction ends. Key share: our own renewal passes,
-- a take-over waits.
-- name: prove
SELECT token FROM gbrain.leases WHERE name = %(name)s AND token = %(token)s FOR KEY SHARE

-- The process that serves this statement.
-- name: served_by
SELECT pg_backend_pid()

-- End whatever run is in progress: its next proof fails.
-- name: raise_token
UPDATE gbrain.leases SET token = token + 1, expires_at = 'epoch' WHERE name = %(name)s
