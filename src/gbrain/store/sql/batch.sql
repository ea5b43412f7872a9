-- Where a batch is gathered before the lease is proved: private to the transaction, gone with it.
-- name: create_stage
CREATE TEMP TABLE stage_pages (page_id bigint, is_new boolean, renamed boolean, path bytea, blob bytea,
    fingerprint bytea, slug text COLLATE "C", kind text, title text, front_matter jsonb, body_line integer,
    chunk_count integer, link_count integer, edition bigint) ON COMMIT DROP;
CREATE TEMP TABLE stage_texts (hash bytea, text text) ON COMMIT DROP;
CREATE TEMP TABLE stage_chunks (page_id bigint, ordinal integer, hash bytea, headings text[], first_line integer,
    last_line integer, passage bytea) ON COMMIT DROP;
CREATE TEMP TABLE stage_links (page_id bigint, ordinal integer, kind text, target text, line integer) ON COMMIT DROP

-- What only a batch that changes or removes something needs beside that.
-- name: create_change_stage
CREATE TEMP TABLE stage_removed (page_id bigint, went boolean) ON COMMIT DROP;
CREATE TEMP TABLE stage_slugs (page_id bigint, path bytea, slug text COLLATE "C", release boolean) ON COMMIT DROP;
CREATE TEMP TABLE stage_ledger (path bytea, blob bytea, mode integer, fingerprint bytea, slug text COLLATE "C",
    reason text, detail text, state text) ON COMMIT DROP;
CREATE TEMP TABLE stage_loose (text_id bigint, passage bytea) ON COMMIT DROP

-- The pages of a batch.
-- name: copy_pages
COPY stage_pages (page_id, is_new, renamed, path, blob, fingerprint, slug, kind, title, front_matter, body_line,
    chunk_count, link_count, edition) FROM STDIN (FORMAT binary)

-- Their texts, each once.
-- name: copy_texts
COPY stage_texts (hash, text) FROM STDIN (FORMAT binary)

-- Where these stand.
-- name: copy_chunks
COPY stage_chunks (page_id, ordinal, hash, first_line, last_line, passage, headings) FROM STDIN (FORMAT binary)

-- Their links.
-- name: copy_links
COPY stage_links (page_id, ordinal, kind, target, line) FROM STDIN (FORMAT binary)

-- Pages that go.
-- name: copy_removed
COPY stage_removed (page_id, went) FROM STDIN (FORMAT binary)

-- Slugs that change hands.
-- name: copy_slugs
COPY stage_slugs (page_id, path, slug, release) FROM STDIN (FORMAT binary)

-- Why paths have no page, or no reason any more.
-- name: copy_ledger
COPY stage_ledger (path, blob, mode, fingerprint, slug, reason, detail, state) FROM STDIN (FORMAT binary)

-- The places that some pages have now: a page that changes is compared here, by hash, before anything is staged. Nobody
-- else writes this source while the lease that is proved afterwards is ours. A place whose text is gone equals none.
-- name: places_of
SELECT c.page_id, c.ordinal, coalesce(t.hash, ''), c.headings, c.first_line, c.last_line, c.passage
FROM gbrain.chunks AS c LEFT JOIN gbrain.texts AS t ON t.id = c.text_id AND t.source_id = %(source)s
WHERE c.page_id = ANY(%(pages)s)

-- The links that some pages have now.
-- name: links_of
SELECT page_id, ordinal, kind, target, line FROM gbrain.links WHERE page_id = ANY(%(pages)s)

-- Some pages as they are now, their texts apart: what a dry run compares.
-- name: heads_of
SELECT id, path, blob, slug, kind, title, front_matter, body_line
FROM gbrain.pages WHERE source_id = %(source)s AND id = ANY(%(pages)s)

-- The texts of all places that some pages have: what a dry run takes from pages that go.
-- name: texts_of
SELECT t.hash FROM gbrain.chunks AS c JOIN gbrain.texts AS t ON t.id = c.text_id AND t.source_id = %(source)s
WHERE c.page_id = ANY(%(pages)s)

-- In how many places some texts of the source stand.
-- name: places_of_texts
SELECT t.hash, count(c.text_id) FROM gbrain.texts AS t LEFT JOIN gbrain.chunks AS c ON c.text_id = t.id
WHERE t.source_id = %(source)s AND t.hash = ANY(%(hashes)s) GROUP BY t.hash

-- Which of these texts the source has already: they need not be sent.
-- name: known_texts
SELECT t.hash FROM gbrain.texts AS t WHERE t.source_id = %(source)s AND t.hash = ANY(%(hashes)s)

-- What the ledger says of some paths now. An acknowledged failure that comes out the same is the same failure.
-- name: ledger_of
SELECT l.path, l.blob, l.mode, l.fingerprint, l.slug, l.reason, l.detail,
       CASE l.state WHEN 'acknowledged' THEN 'open' ELSE l.state END
FROM unnest(%(paths)s::bytea[]) AS wanted (path)
JOIN gbrain.ledger AS l
  ON l.source_id = %(source)s AND substr(l.path, 1, 1000) = substr(wanted.path, 1, 1000)
 AND sha256(l.path) = sha256(wanted.path)

-- From here to the commit nothing of this transaction may hold up a successor for longer than this. A lock is waited
-- for half as long, so that the server says which of the two it was.
-- name: bound
SELECT set_config('lock_timeout', %(lock_limit)s, true), set_config('statement_timeout', %(limit)s, true),
       set_config('idle_in_transaction_session_timeout', %(limit)s, true)

-- For a batch that only adds, and for what any batch does to the backlog: the stage has no statistics, and a hash join reads
-- the whole of a table that grows. So each staged row is looked up by an index, whatever the source's size.
-- name: prefer_indexes
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)

-- The texts and passages of places about to go or to change: they may be loose afterwards.
-- name: note_loose
INSERT INTO stage_loose
SELECT c.text_id, c.passage FROM gbrain.chunks AS c JOIN stage_removed AS r ON c.page_id = r.page_id
UNION ALL
SELECT c.text_id, c.passage FROM gbrain.chunks AS c
JOIN stage_chunks AS s ON c.page_id = s.page_id AND c.ordinal = s.ordinal
UNION ALL
SELECT c.text_id, c.passage FROM gbrain.chunks AS c
JOIN stage_pages AS s ON c.page_id = s.page_id AND (c.ordinal >= s.chunk_count OR c.ordinal < 0)
WHERE NOT s.is_new

-- Places of pages that go.
-- name: drop_chunks
DELETE FROM gbrain.chunks AS c USING stage_removed AS r WHERE c.page_id = r.page_id

-- Links of pages that go.
-- name: drop_links
DELETE FROM gbrain.links AS l USING stage_removed AS r WHERE l.page_id = r.page_id

-- Pages that went from the tree, and those whose new version cannot be taken in.
-- name: drop_pages
WITH gone AS (
    DELETE FROM gbrain.pages AS p USING stage_removed AS r WHERE p.id = r.page_id AND p.source_id = %(source)s
    RETURNING r.went
)
SELECT count(*), count(*) FILTER (WHERE went) FROM gone

-- Pages whose slug another page is about to take step aside.
-- name: release_slugs
UPDATE gbrain.pages AS p SET slug = s.slug FROM stage_slugs AS s
WHERE s.release AND p.id = s.page_id AND p.source_id = %(source)s

-- Pages that only get another slug, because their group changed.
-- name: reslug_pages
UPDATE gbrain.pages AS p SET slug = s.slug FROM stage_slugs AS s
WHERE NOT s.release AND p.id = s.page_id AND p.source_id = %(source)s AND p.slug <> s.slug
RETURNING p.id

-- The same for paths that have no page but keep a place in their group.
-- name: reslug_ledger
UPDATE gbrain.ledger AS l SET slug = s.slug FROM stage_slugs AS s
WHERE s.page_id IS NULL AND l.source_id = %(source)s AND substr(l.path, 1, 1000) = substr(s.path, 1, 1000)
  AND sha256(l.path) = sha256(s.path)

-- Pages that are there and come out differently.
-- name: update_pages
UPDATE gbrain.pages AS p
SET path = s.path, blob = s.blob, fingerprint = s.fingerprint, slug = s.slug, kind = s.kind, title = s.title,
    front_matter = s.front_matter, body_line = s.body_line,
    edition = CASE WHEN s.edition > 0 THEN s.edition ELSE p.edition END
FROM stage_pages AS s
WHERE NOT s.is_new AND p.id = s.page_id AND p.source_id = %(source)s
  AND (p.path, p.blob, p.slug, p.kind, p.title, p.front_matter, p.body_line)
      IS DISTINCT FROM (s.path, s.blob, s.slug, s.kind, s.title, s.front_matter, s.body_line)
RETURNING p.id

-- Pages that come out the same under a new pipeline need only say so.
-- name: refresh_fingerprints
UPDATE gbrain.pages AS p SET fingerprint = s.fingerprint FROM stage_pages AS s
WHERE NOT s.is_new AND p.id = s.page_id AND p.source_id = %(source)s AND p.fingerprint <> s.fingerprint

-- Other pages whose words are in the index anew.
-- name: set_editions
UPDATE gbrain.pages AS p SET edition = s.edition FROM stage_pages AS s
WHERE NOT s.is_new AND s.edition > 0 AND p.id = s.page_id AND p.source_id = %(source)s AND p.edition <> s.edition

-- Pages that were not there.
-- name: insert_pages
INSERT INTO gbrain.pages (id, source_id, path, blob, fingerprint, slug, kind, title, front_matter, body_line, edition)
SELECT page_id, %(source)s, path, blob, fingerprint, slug, kind, title, front_matter, body_line, edition
FROM stage_pages WHERE is_new

-- Texts the source does not have yet. The limit has each looked up by
-- the index: a join would read all texts of the source in each batch while there are no statistics, as in a first sync.
-- name: insert_texts
INSERT INTO gbrain.texts (source_id, hash, text)
SELECT %(source)s, s.hash, s.text
FROM stage_texts AS s
WHERE (SELECT t.id FROM gbrain.texts AS t WHERE t.source_id = %(source)s AND t.hash = s.hash LIMIT 1) IS NULL

-- Places beyond the new end of a page, and any before its beginning.
-- name: trim_chunks
DELETE FROM gbrain.chunks AS c USING stage_pages AS s
WHERE NOT s.is_new AND c.page_id = s.page_id AND (c.ordinal >= s.chunk_count OR c.ordinal < 0)

-- Places of new pages. The limit is there for the same reason as above.
-- name: insert_chunks
INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage)
SELECT s.page_id, s.ordinal, t.id, s.headings, s.first_line, s.last_line, s.passage
FROM stage_chunks AS s
CROSS JOIN LATERAL (SELECT id FROM gbrain.texts WHERE source_id = %(source)s AND hash = s.hash LIMIT 1) AS t

-- Places that are new or differ; those that do not were left out before they were staged.
-- name: upsert_chunks
INSERT INTO gbrain.chunks (page_id, ordinal, text_id, headings, first_line, last_line, passage)
SELECT s.page_id, s.ordinal, t.id, s.headings, s.first_line, s.last_line, s.passage
FROM stage_chunks AS s
CROSS JOIN LATERAL (SELECT id FROM gbrain.texts WHERE source_id = %(source)s AND hash = s.hash LIMIT 1) AS t
ON CONFLICT (page_id, ordinal) DO UPDATE
SET text_id = excluded.text_id, headings = excluded.headings, first_line = excluded.first_line,
    last_line = excluded.last_line, passage = excluded.passage

-- Links beyond the new number of a page's links, and any before the first.
-- name: trim_links
DELETE FROM gbrain.links AS l USING stage_pages AS s
WHERE NOT s.is_new AND l.page_id = s.page_id AND (l.ordinal >= s.link_count OR l.ordinal < 0)

-- Links of new pages.
-- name: insert_links
INSERT INTO gbrain.links (page_id, ordinal, kind, target, line)
SELECT page_id, ordinal, kind, target, line FROM stage_links

-- Links that are new or differ.
-- name: upsert_links
INSERT INTO gbrain.links (page_id, ordinal, kind, target, line)
SELECT page_id, ordinal, kind, target, line FROM stage_links
ON CONFLICT (page_id, ordinal) DO UPDATE
SET kind = excluded.kind, target = excluded.target, line = excluded.line

-- Texts that no place needs any more.
-- name: drop_loose_texts
DELETE FROM gbrain.texts AS t
USING (SELECT DISTINCT text_id FROM stage_loose) AS l
WHERE t.id = l.text_id AND t.source_id = %(source)s
  AND NOT EXISTS (SELECT FROM gbrain.chunks AS c WHERE c.text_id = t.id)

-- The states in which the ledger had the paths this batch settles anew.
-- name: clear_ledger
WITH gone AS (
    DELETE FROM gbrain.ledger AS l USING stage_ledger AS s
    WHERE l.source_id = %(source)s AND substr(l.path, 1, 1000) = substr(s.path, 1, 1000)
      AND sha256(l.path) = sha256(s.path)
    RETURNING l.state
)
SELECT count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'acknowledged') FROM gone

-- Why paths of this batch have no page. A row without a reason was there to be cleared only.
-- name: insert_ledger
INSERT INTO gbrain.ledger (source_id, path, blob, mode, fingerprint, slug, reason, detail, state)
SELECT %(source)s, path, blob, mode, fingerprint, slug, reason, detail, state
FROM stage_ledger WHERE reason IS NOT NULL

-- The counts that status shows move with the rows they count; the first batch of a run unsettles the source.
-- name: count_batch
UPDATE gbrain.states
SET settled = false, pages = pages + %(pages)s, chunks = chunks + %(chunks)s,
    failures_open = failures_open + %(open)s, failures_acknowledged = failures_acknowledged + %(acknowledged)s
WHERE source_id = %(source)s

-- The bookmark moves with the last of the data it stands for, if it and the settings are still what the run began with.
-- name: move_bookmark
UPDATE gbrain.states AS st
SET bookmark_commit = %(commit)s, bookmark_tree = %(tree)s, bookmark_fingerprint = %(fingerprint)s,
    committed_at = %(committed_at)s, settled = true
FROM gbrain.sources AS s
WHERE st.source_id = %(source)s AND s.id = st.source_id AND s.settings_version = %(settings_version)s
  AND st.bookmark_commit IS NOT DISTINCT FROM %(from_commit)s::text
  AND st.bookmark_tree IS NOT DISTINCT FROM %(from_tree)s::text
  AND st.bookmark_fingerprint IS NOT DISTINCT FROM %(from_fingerprint)s::bytea
RETURNING st.source_id

-- The open failures of a source are known from now on, and nobody need look at them.
-- name: acknowledge
WITH known AS (
    UPDATE gbrain.ledger SET state = 'acknowledged' WHERE source_id = %(source)s AND state = 'open' RETURNING path
)
UPDATE gbrain.states
SET failures_open = failures_open - (SELECT count(*) FROM known),
    failures_acknowledged = failures_acknowledged + (SELECT count(*) FROM known)
WHERE source_id = %(source)s
RETURNING (SELECT count(*) FROM known)
