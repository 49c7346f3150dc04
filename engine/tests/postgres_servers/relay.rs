//! What servers that write in turns tell one another ahead of their commits, and what comes of it if it is not true.

use anju_engine::merkle::{Hash, leaf_hash, root_of};

use super::*;

/// Each caller of each server appends so often, to streams that the other servers write too. `from` is no number of an append
/// before.
async fn append_together(logs: &[&Arc<PostgresLog>], from: u128, each: u128) {
    let mut callers = Vec::new();
    for (server, log) in (0..).zip(logs) {
        for caller in 0..CALLERS {
            let log = Arc::clone(log);
            callers.push(tokio::spawn(async move {
                for n in 0..each {
                    let number = from + (server * CALLERS + caller) * each + n;
                    let name = format!("s-{}", n % 7);
                    let append = command(number, &name, Expected::Any, 1 + n % 2);
                    let appended = log.append(append).await.unwrap();
                    assert!(!appended.repeated);
                }
            }));
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
}

async fn told(conn: &mut PgConnection) -> i64 {
    let last = "SELECT coalesce(max(number), 0) FROM anju_log_beside.relay";
    sqlx::query_scalar(last).fetch_one(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_that_write_at_once_tell_one_another_and_leave_one_log() {
    let url = shared().database();
    let logs = [make(&url).await, open(&url).await, open(&url).await];
    let each = 60;
    append_together(&logs.each_ref(), 1, each).await;
    let size = logs[0].head().await.unwrap().size;
    assert_eq!(u128::from(size), 1 + 3 * CALLERS * (each + each / 2));
    let mut conn = beside(&url).await;
    // Of nearly every batch, 179 of 180; on a machine that is busy with other tests a server may be left alone for a while, and
    // then tells nothing, but never before it has found itself alone for 16 turns.
    let told = told(&mut conn).await;
    assert!(told >= 16, "of {told} batches was told");
    for log in &logs {
        log.verify(&|_, _| {}).await.unwrap();
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_and_is_never_written_holds_nobody_up_and_leaves_no_trace() {
    let url = shared().database();
    let (a, b) = (make(&url).await, open(&url).await);
    let mut conn = beside(&url).await;
    for round in 0..10 {
        append_together(&[&a, &b], 1 + round * 1_000, 12).await;
        // As a server that has told of a batch, and died: all of it is as it would be.
        let size = a.head().await.unwrap().size;
        let records = a.read_records(Position(1), 100_000).await.unwrap();
        let mut leaves: Vec<Hash> = records.iter().map(|r| leaf_hash(r.as_bytes())).collect();
        assert_eq!(leaves.len() as u64, size);
        leaves.push([9; 32]);
        let before = told(&mut conn).await;
        sqlx::query(
            "INSERT INTO anju_log_beside.relay SELECT ($1 % 8)::smallint, $1, size + 1, size + 1, $2, recorded_at, streams, \
             commands, $3, '{1}', '{999}' FROM anju_log.log_head \
             ON CONFLICT (slot) DO UPDATE SET number = excluded.number, first = excluded.first, size = excluded.size, \
             root = excluded.root, recorded_at = excluded.recorded_at, commands = excluded.commands, \
             leaves = excluded.leaves, stream_nos = excluded.stream_nos, revisions = excluded.revisions",
        )
        .bind(before + 1)
        .bind(root_of(&leaves).to_vec())
        .bind([9_u8; 32].to_vec())
        .execute(&mut conn)
        .await
        .unwrap();
        append_together(&[&a, &b], 500 + round * 1_000, 12).await;
        let more = u64::try_from(2 * CALLERS * (12 + 6)).unwrap();
        assert_eq!(a.head().await.unwrap().size, size + more);
    }
    a.verify(&|_, _| {}).await.unwrap();
    for log in [a, b] {
        log.close().await;
    }
}

/// As it would be told of a batch without records: it leads on from wherever the log stands, so whatever else it says is planned on.
const TOLD_OF_NOTHING: &str = "INSERT INTO anju_log_beside.relay \
     SELECT (next % 8)::smallint, next, size + 1, size, root, recorded_at, streams, commands, '', '{}', '{}' \
     FROM anju_log.log_head, (SELECT max(number) + 1 AS next FROM anju_log_beside.relay) AS numbers \
     ON CONFLICT (slot) DO UPDATE SET number = excluded.number, first = excluded.first, size = excluded.size, \
     root = excluded.root, recorded_at = excluded.recorded_at, streams = excluded.streams, \
     commands = excluded.commands, leaves = '', stream_nos = '{}', revisions = '{}'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_and_is_wrong_is_not_written_and_holds_nobody_up() {
    let url = shared().database();
    let (a, b) = (make(&url).await, open(&url).await);
    let mut conn = beside(&url).await;
    let wrong = [
        "streams = streams + 7",
        "commands = sha256(commands)",
        "recorded_at = '2021-03-11T01:29:59.000000Z'",
        "recorded_at = 'yesterday'",
        "recorded_at = NULL",
        "root = sha256(root)",
        "root = '\\x00'",
        "size = size + 1",
        "size = 9223372036854775807",
        "first = -1, size = -5",
        "leaves = '\\x0102'",
        "leaves = sha256(root)",
        "stream_nos = '{1}', revisions = '{0}'",
        "leaves = sha256(root), stream_nos = '{1}', revisions = '{-9}'",
        "number = 9223372036854775807",
    ];
    for (round, set) in (0..).zip(wrong) {
        append_together(&[&a, &b], 1 + round * 1_000, 12).await;
        let size = a.head().await.unwrap().size;
        conn.execute(TOLD_OF_NOTHING).await.unwrap();
        let update = format!(
            "UPDATE anju_log_beside.relay SET {set} WHERE number = (SELECT max(number) FROM anju_log_beside.relay)"
        );
        conn.execute(sqlx::AssertSqlSafe(update)).await.unwrap();
        append_together(&[&a, &b], 500 + round * 1_000, 12).await;
        let more = u64::try_from(2 * CALLERS * (12 + 6)).unwrap();
        assert_eq!(a.head().await.unwrap().size, size + more, "{set}");
        let verified = a.verify(&|_, _| {}).await;
        assert!(verified.is_ok(), "{set}: {verified:?}");
    }
    for log in [a, b] {
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_nowhere_to_tell_is_written_by_several_servers_too() {
    let url = shared().database();
    make(&url).await.close().await;
    let mut conn = beside(&url).await;
    // As it was before there was any.
    conn.execute("DROP SCHEMA anju_log_beside CASCADE")
        .await
        .unwrap();
    let (a, b) = (open(&url).await, open(&url).await);
    append_together(&[&a, &b], 1, 30).await;
    let size = u64::try_from(1 + 2 * CALLERS * (30 + 15)).unwrap();
    assert_eq!(a.head().await.unwrap().size, size);
    for log in [a, b] {
        log.verify(&|_, _| {}).await.unwrap();
        log.close().await;
    }
    // Who lets a role in makes it.
    let role = "CREATE ROLE anju_relay_test LOGIN";
    conn.execute(role).await.unwrap();
    PostgresLog::grant(&url, "anju_relay_test", &options())
        .await
        .unwrap();
    assert_eq!(told(&mut conn).await, 0);
    conn.execute("DROP OWNED BY anju_relay_test; DROP ROLE anju_relay_test")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_connection_for_turns_is_ended_again_and_again_loses_nothing() {
    let url = shared().database();
    let (a, b) = (make(&url).await, open(&url).await);
    let mut conn = beside(&url).await;
    let appends = {
        let (a, b) = (Arc::clone(&a), Arc::clone(&b));
        tokio::spawn(async move { append_together(&[&a, &b], 1, 200).await })
    };
    let mut ended: i64 = 0;
    while !appends.is_finished() {
        ended += sqlx::query_scalar::<_, i64>(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = 'anju turn' AND datname = current_database()",
        )
        .fetch_one(&mut conn)
        .await
        .unwrap();
    }
    appends.await.unwrap();
    assert!(ended > 0, "there was none to be ended");
    let size = u64::try_from(1 + 2 * CALLERS * 300).unwrap();
    assert_eq!(a.head().await.unwrap().size, size);
    a.verify(&|_, _| {}).await.unwrap();
    for log in [a, b] {
        log.close().await;
    }
}
