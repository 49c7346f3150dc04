-- Schema version 2: the index from streams to positions is cut by epochs of 262,144 positions, so that what is inserted
-- goes to the pages of the newest epoch, however long the log is. In a new log the old index is empty.
-- The rows are taken in the order in which the old index has them, so nothing is sorted: each epoch is filled in order.

ALTER TABLE stream_event RENAME TO stream_event_1;

-- Where the events of a stream are. Revisions count from 0; the epoch is (position - 1) >> 18.
CREATE TABLE stream_event (
    epoch     INTEGER NOT NULL,
    stream_no INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (epoch, stream_no, revision)
) STRICT, WITHOUT ROWID;

INSERT INTO stream_event (epoch, stream_no, revision, position)
SELECT (position - 1) >> 18, stream_no, revision, position FROM stream_event_1 ORDER BY stream_no, revision;

DROP TABLE stream_event_1;
