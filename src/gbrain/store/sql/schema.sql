-- The version the brain was migrated to; null where there is no brain yet.
-- name: has_brain
SELECT to_regclass('gbrain.schema_versions') IS NOT NULL

-- The newest migration that was applied.
-- name: version
SELECT max(version) FROM gbrain.schema_versions

-- One migration at a time, whoever asks; let go at the end of the transaction.
-- name: lock_migrations
SELECT pg_advisory_xact_lock(7443001)

-- The schema and its own record.
-- name: create_schema
CREATE SCHEMA IF NOT EXISTS gbrain

-- The record of what was applied.
-- name: create_versions
CREATE TABLE IF NOT EXISTS gbrain.schema_versions (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- The one extension a brain needs.
-- name: create_vector
CREATE EXTENSION IF NOT EXISTS vector

-- True where the extension stands already.
-- name: has_vector
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')

-- True where the role may create schemas in this database.
-- name: may_create
SELECT has_database_privilege(current_database(), 'CREATE')

-- One more was applied.
-- name: record_version
INSERT INTO gbrain.schema_versions (version) VALUES (%(version)s)
