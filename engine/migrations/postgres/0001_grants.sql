-- What the application's role may do: read, add, and move the head. Run by the owner after `0001_log.sql`, with
-- `anju_app` standing for the role.
GRANT SELECT, INSERT ON record, stream, tile TO anju_app;
GRANT SELECT ON log_head TO anju_app;
GRANT UPDATE (size, root, recorded_at, streams, commands) ON log_head TO anju_app;
GRANT USAGE ON SEQUENCE lease_term TO anju_app;
