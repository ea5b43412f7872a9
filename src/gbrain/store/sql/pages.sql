-- A page by slug, or by path.
-- name: find
SELECT p.id, p.source_id, p.path, p.slug, p.kind, p.title, p.front_matter, p.body_line
FROM gbrain.pages AS p JOIN gbrain.sources AS s ON s.id = p.source_id AND s.archived_at IS NULL
WHERE (%(source)s::text IS NULL OR p.source_id = %(source)s)
  AND (p.slug = %(slug)s OR (substr(p.path, 1, 1000) = substr(%(path)s::bytea, 1, 1000) AND sha256(p.path) = sha256(%(path)s::bytea)))
ORDER BY p.source_id, p.slug <> %(slug)s
LIMIT 10

-- Why a path has no page.
-- name: noted
SELECT l.source_id, l.reason, l.detail, l.state
FROM gbrain.ledger AS l JOIN gbrain.sources AS s ON s.id = l.source_id AND s.archived_at IS NULL
WHERE (%(source)s::text IS NULL OR l.source_id = %(source)s)
  AND substr(l.path, 1, 1000) = substr(%(path)s::bytea, 1, 1000) AND sha256(l.path) = sha256(%(path)s::bytea)
ORDER BY l.source_id
LIMIT 1

-- The texts of a page, in order: put together they are its body.
-- name: chunks
SELECT c.ordinal, t.text, c.headings, c.first_line, c.last_line
FROM gbrain.chunks AS c JOIN gbrain.texts AS t ON t.id = c.text_id
WHERE c.page_id = %(page)s ORDER BY c.ordinal

-- The links of a page as written, in order.
-- name: links
SELECT kind, target, line FROM gbrain.links WHERE page_id = %(page)s ORDER BY ordinal

-- Which texts of a page wait for a vector of the active model.
-- name: pending
SELECT c.ordinal FROM gbrain.chunks AS c
JOIN gbrain.models AS m ON m.state = 'active'
JOIN gbrain.backlog AS b ON b.model_id = m.id AND b.passage = c.passage
WHERE c.page_id = %(page)s

-- Which of these pages there are, by source and slug.
-- name: there
SELECT p.source_id, p.slug
FROM unnest(%(sources)s::text[], %(slugs)s::text[]) AS w (source, slug)
JOIN gbrain.pages AS p ON p.source_id = w.source AND p.slug = w.slug
JOIN gbrain.sources AS s ON s.id = p.source_id AND s.archived_at IS NULL

-- Slugs that may be near to one: first those whose last word is the same, then those that are about as long. It reads
-- all slugs of the source.
-- name: slugs_like
SELECT p.source_id, p.slug
FROM gbrain.pages AS p JOIN gbrain.sources AS s ON s.id = p.source_id AND s.archived_at IS NULL
WHERE (%(source)s::text IS NULL OR p.source_id = %(source)s)
ORDER BY substring(p.slug FROM '[^/]*$') <> substring(%(slug)s FROM '[^/]*$'), abs(length(p.slug) - length(%(slug)s)), p.source_id, p.slug
LIMIT %(limit)s
