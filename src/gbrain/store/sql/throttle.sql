-- Nobody sends to the provider for so long, if not longer.
-- name: cool
INSERT INTO gbrain.providers AS p (provider, cools_until)
VALUES (%(provider)s, coalesce(%(now)s, clock_timestamp()) + %(wait)s)
ON CONFLICT (provider) DO UPDATE SET cools_until = greatest(p.cools_until, excluded.cools_until)

-- How long nobody sends to it from now on, in seconds.
-- name: cooling
SELECT extract(epoch FROM cools_until - coalesce(%(now)s, clock_timestamp()))::double precision
FROM gbrain.providers WHERE provider = %(provider)s

-- The provider, kept from others who would send until this is decided; the moment it is, and how long it cools, in seconds.
-- name: hold
INSERT INTO gbrain.providers AS p (provider) VALUES (%(provider)s)
ON CONFLICT (provider) DO UPDATE SET provider = excluded.provider
RETURNING coalesce(%(now)s::timestamptz, clock_timestamp()),
          extract(epoch FROM cools_until - coalesce(%(now)s::timestamptz, clock_timestamp()))::double precision

-- What was sent to it a little more than a minute ago, or later.
-- name: recent
SELECT sent_at, tokens FROM gbrain.requests
WHERE provider = %(provider)s AND sent_at > %(moment)s::timestamptz - interval '61 s'

-- What was spent on it today.
-- name: today
SELECT requests, tokens, cost FROM gbrain.spending
WHERE provider = %(provider)s AND day = (%(moment)s::timestamptz AT TIME ZONE 'UTC')::date

-- A request is sent, and what it weighs by our estimate.
-- name: send
INSERT INTO gbrain.requests (provider, sent_at, tokens) VALUES (%(provider)s, %(moment)s, %(tokens)s) RETURNING id

-- It was taken to weigh otherwise.
-- name: correct
UPDATE gbrain.requests SET tokens = %(tokens)s WHERE id = %(request)s

-- It was not taken: it counts for nothing.
-- name: withdraw
DELETE FROM gbrain.requests WHERE id = %(request)s

-- What was sent is added to the day, and may be taken off again.
-- name: spend
INSERT INTO gbrain.spending AS s (provider, day, requests, tokens, cost)
VALUES (%(provider)s, (%(moment)s::timestamptz AT TIME ZONE 'UTC')::date, %(requests)s, %(tokens)s, %(cost)s)
ON CONFLICT (provider, day) DO UPDATE
SET requests = s.requests + excluded.requests, tokens = s.tokens + excluded.tokens, cost = s.cost + excluded.cost

-- Requests of the provider that no minute counts any more.
-- name: forget
DELETE FROM gbrain.requests WHERE provider = %(provider)s AND sent_at < %(moment)s::timestamptz - interval '5 min'
