-- A client that is stopped holds up nobody for longer than this, and a lock is not waited for without end.
-- name: bound
SELECT set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '15s', true)
