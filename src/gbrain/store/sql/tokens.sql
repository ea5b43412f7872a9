-- A new access token; no row where its name, or its secret, is there already.
-- name: add
INSERT INTO gbrain.tokens (name, secret_hash, scope, sources, created_at, expires_at)
VALUES (%(name)s, %(secret_hash)s, %(scope)s, %(sources)s::text[], coalesce(%(created_at)s::timestamptz, clock_timestamp()),
    coalesce(%(expires_at)s::timestamptz, clock_timestamp() + %(lasts)s::interval))
ON CONFLICT DO NOTHING
RETURNING name

-- The sources among these that there are, kept from being removed until the transaction ends.
-- name: hold_sources
SELECT id FROM gbrain.sources WHERE id = ANY(%(sources)s::text[]) ORDER BY id FOR KEY SHARE

-- Every access token, by name.
-- name: all
SELECT name, secret_hash, scope, sources, created_at, expires_at, last_used_at,
       coalesce(expires_at <= clock_timestamp(), false),
       coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)
FROM gbrain.tokens ORDER BY name

-- The access token of a secret.
-- name: by_hash
SELECT name, secret_hash, scope, sources, created_at, expires_at, last_used_at,
       coalesce(expires_at <= clock_timestamp(), false),
       coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)
FROM gbrain.tokens WHERE secret_hash = %(secret_hash)s

-- It was used just now. That is written at most once a minute, and by one of those who come at once: none waits for it.
-- name: note_use
UPDATE gbrain.tokens SET last_used_at = clock_timestamp()
WHERE name IN (SELECT name FROM gbrain.tokens
               WHERE secret_hash = %(secret_hash)s AND coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)
               FOR NO KEY UPDATE SKIP LOCKED)

-- It is good for nothing any more.
-- name: revoke
DELETE FROM gbrain.tokens WHERE name = %(name)s RETURNING name
