-- What bounds the connections of this role to this database: each limit with how many others take up of it. What is
-- reserved for administrators is left to them; a superuser's connections count against no limit of role or database.
-- name: limits
WITH others AS (
    SELECT datname, usename FROM pg_stat_activity
    WHERE datid IS NOT NULL AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'
)
SELECT 'server',
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - current_setting('reserved_connections')::integer,
       (SELECT count(*) FROM others)
UNION ALL
SELECT 'role', r.rolconnlimit, (SELECT count(*) FROM others WHERE usename = session_user)
FROM pg_roles AS r WHERE r.rolname = session_user AND r.rolconnlimit >= 0 AND NOT r.rolsuper
UNION ALL
SELECT 'database', d.datconnlimit, (SELECT count(*) FROM others WHERE datname = d.datname)
FROM pg_database AS d JOIN pg_roles AS r ON r.rolname = session_user
WHERE d.datname = current_database() AND d.datconnlimit >= 0 AND NOT r.rolsuper
