-- What stands beside the log in the same database, in a schema of its own: unlike the log it may be changed and erased.
-- Run by the owner with that schema alone on the search path; repeating it changes nothing.

-- Free texts that records name by digest. Erasing a row erases the salt with the text: the digest then says nothing.
CREATE TABLE IF NOT EXISTS note (
    digest text COLLATE "C" PRIMARY KEY,
    salt   bytea NOT NULL,
    text   text  NOT NULL
);

-- For each log, up to which position every notice has been written into the spool folder of some server. Whoever spools
-- locks the row, so that of several servers one writes a notice.
CREATE TABLE IF NOT EXISTS outbox (
    origin   text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL
);
