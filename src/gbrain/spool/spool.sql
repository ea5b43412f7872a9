-- One row for what happens to a path of the new tree ('write', 'record'), a page that goes ('drop'), a ledger row that
-- goes ('forget'), or a path whose slug alone changes ('reslug').
-- name: create
CREATE TABLE item (
    path      BLOB NOT NULL,
    action    TEXT NOT NULL,
    blob      BLOB,
    mode      INTEGER,
    size      INTEGER,
    reason    TEXT,
    page_id   INTEGER,
    is_noted  INTEGER NOT NULL DEFAULT 0,
    renamed   INTEGER NOT NULL DEFAULT 0,
    old_path  BLOB,
    old_slug  TEXT,
    slug      TEXT,
    joins     TEXT,
    leaves    TEXT,
    releases  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (path, action)
) WITHOUT ROWID

-- Slug groups that must be settled again although none of their paths differs.
-- name: create_doubts
CREATE TABLE doubt (base TEXT PRIMARY KEY) WITHOUT ROWID

-- One decision.
-- name: insert
INSERT INTO item (path, action, blob, mode, size, reason, page_id, is_noted, old_slug, slug, joins, leaves)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- One group to be settled again.
-- name: doubt
INSERT OR IGNORE INTO doubt VALUES (?)

-- For pairing by blob.
-- name: index_blobs
CREATE INDEX by_blob ON item (blob, action)

-- Blobs that vanished from one path and stand at a new one, with those paths. The empty blob says nothing.
-- name: collect_movable
CREATE TABLE movable AS
SELECT old.blob AS blob, 0 AS side, old.path AS path FROM item AS old
WHERE old.action = 'drop' AND old.blob NOT IN (?, ?)
  AND EXISTS (SELECT 1 FROM item AS new WHERE new.action = 'write' AND new.page_id IS NULL AND new.blob = old.blob)
UNION ALL
SELECT new.blob, 1, new.path FROM item AS new
WHERE new.action = 'write' AND new.page_id IS NULL AND new.blob NOT IN (?, ?)
  AND EXISTS (SELECT 1 FROM item AS old WHERE old.action = 'drop' AND old.blob = new.blob)
ORDER BY 1

-- In a table of its own, so that it can be read while items change.
-- name: movable
SELECT blob, side, path FROM movable ORDER BY rowid

-- The page keeps its id at the new path, and leaves the slug of the old one.
-- name: rename
UPDATE item SET (page_id, old_path, old_slug, leaves, renamed) =
    (SELECT page_id, path, old_slug, leaves, 1 FROM item WHERE path = ?1 AND action = 'drop')
WHERE path = ?2 AND action = 'write'

-- Take back what was planned for a path.
-- name: unplan
DELETE FROM item WHERE path = ? AND action = ?

-- For finding the members a group gets.
-- name: index_joins
CREATE INDEX joining ON item (joins) WHERE joins IS NOT NULL

-- For finding those it loses.
-- name: index_leaves
CREATE INDEX leaving ON item (leaves) WHERE leaves IS NOT NULL

-- For finding what is planned for a page.
-- name: index_pages
CREATE INDEX of_page ON item (page_id) WHERE page_id IS NOT NULL

-- The groups to be settled.
-- name: create_touched
CREATE TABLE touched (base TEXT PRIMARY KEY, contested INTEGER NOT NULL) WITHOUT ROWID

-- Bases of the groups that a path joins or leaves. A group with one newcomer and nobody else is not contested: the
-- newcomer has the base already.
-- name: collect_touched
INSERT INTO touched
SELECT base, max(contested) FROM (
    SELECT joins AS base, count(*) > 1 AS contested FROM item WHERE joins IS NOT NULL GROUP BY joins
    UNION ALL SELECT leaves, 1 FROM item WHERE leaves IS NOT NULL
    UNION ALL SELECT base, 1 FROM doubt
) GROUP BY base ORDER BY base

-- The next of them.
-- name: touched_bases
SELECT base, contested FROM touched WHERE base > ? ORDER BY base LIMIT ?

-- The paths that become members of a group.
-- name: joining
SELECT path, page_id FROM item WHERE joins = ?

-- The paths under which those that leave a group were its members.
-- name: leaving
SELECT coalesce(old_path, path) FROM item WHERE leaves = ?

-- The slug of a path that is written or noted anyway.
-- name: set_slug
UPDATE item SET slug = ?2 WHERE path = ?1 AND action IN ('write', 'record')

-- A path of which nothing but the slug changes.
-- name: reslug
INSERT INTO item (path, action, page_id, old_slug, slug) VALUES (?, 'reslug', ?, ?, ?)

-- A page that must let go of its slug first.
-- name: release
UPDATE item SET releases = 1 WHERE page_id = ? AND action IN ('write', 'record', 'reslug')

-- What git tells of a blob.
-- name: set_size
UPDATE item SET size = ? WHERE path = ? AND action = 'write'

-- The next paths to be read of whose size nothing is known.
-- name: unsized
SELECT path, blob FROM item WHERE action = 'write' AND size < 0 AND path > ? ORDER BY path LIMIT ?

-- A path found too large to be read: its page, if it has one, goes.
-- name: record_write
UPDATE item SET action = 'record', reason = ?2 WHERE path = ?1 AND action = 'write'

-- How many items there are, and how many bytes are to be read.
-- name: totals
SELECT count(*), coalesce(sum(CASE WHEN action = 'write' THEN size ELSE 0 END), 0) FROM item

-- How many pages have left the tree for good, or are of a kind now that no page is.
-- name: drops
SELECT count(*) FROM item WHERE action = 'drop' OR (action = 'record' AND page_id IS NOT NULL)

-- How many pages are read again, and might turn out to be none any more.
-- name: rewrites
SELECT count(*) FROM item WHERE action = 'write' AND page_id IS NOT NULL

-- Before anything new is written: what goes, and the slugs that must be free.
-- name: clearing
SELECT path, action, page_id, releases, old_path FROM item
WHERE (action IN ('drop', 'forget') OR releases = 1) AND (path, action) > (?, ?)
ORDER BY path, action LIMIT ?

-- What is written then: pages, ledger rows and slugs.
-- name: writing
SELECT path, action, blob, mode, size, reason, page_id, is_noted, renamed, slug FROM item
WHERE action IN ('write', 'record', 'reslug') AND (path, action) > (?, ?)
ORDER BY path, action LIMIT ?
