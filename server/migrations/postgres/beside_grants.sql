-- What the application's role may do beside the log; `anju_app` stands for the role.
GRANT SELECT, INSERT, UPDATE, DELETE ON note TO anju_app;
GRANT SELECT, INSERT, UPDATE ON outbox TO anju_app;
