//! What is read.

use super::*;
use crate::event::Position;
use crate::log::ReadError;
use crate::merkle::{self, Hash, leaf_hash, root_of};
use crate::tiles::LogTree;

/// A log of `1 + records` records in a few streams.
async fn filled(backend: &dyn Backend, records: u128) -> Arc<dyn EventLog> {
    let log = open(backend).await;
    let mut left = records;
    let mut n = 0;
    while left > 0 {
        n += 1;
        let count = left.min(1 + n % 90);
        let name = format!("s-{}", n % 3);
        log.append(several(n, &name, count)).await.unwrap();
        left -= count;
    }
    log
}

/// None, some, exactly all, and beyond.
pub async fn reads_stop_at_the_limit_and_at_the_end(backend: &dyn Backend) {
    let log = filled(backend, 600).await;
    for (from, limit, expected) in [
        (1, 0, 0..0),
        (1, 1, 1..2),
        (0, 2, 1..3),
        (1, 255, 1..256),
        (1, 256, 1..257),
        (1, 257, 1..258),
        (200, 300, 200..500),
        (1, 601, 1..602),
        (1, 602, 1..602),
        (1, usize::MAX, 1..602),
        (601, 5, 601..602),
        (602, 5, 0..0),
        (u64::MAX, usize::MAX, 0..0),
    ] {
        let events = log.read(Position(from), limit).await.unwrap();
        let positions: Vec<u64> = events.iter().map(|e| e.position.0).collect();
        assert_eq!(
            positions,
            expected.clone().collect::<Vec<_>>(),
            "{from} {limit}"
        );
        let records = log.read_records(Position(from), limit).await.unwrap();
        assert_eq!(records.len(), positions.len(), "{from} {limit}");
    }
}

/// Across the groups in which a backend may store or fetch them.
pub async fn streams_are_read_from_any_revision(backend: &dyn Backend) {
    let log = filled(backend, 1_200).await;
    let everything = all(&*log).await;
    for name in ["s-0", "s-1", "s-2", "log", "none"] {
        let of: Vec<_> = everything
            .iter()
            .filter(|e| e.stream.as_str() == name)
            .collect();
        for (from, limit) in [
            (0, usize::MAX),
            (0, 1),
            (0, 256),
            (1, 256),
            (255, 257),
            (of.len(), 10),
            (of.len().saturating_sub(1), 10),
            (5, 0),
        ] {
            let read = log
                .read_stream(&stream(name), Revision(from as u64), limit)
                .await
                .unwrap();
            let expected: Vec<_> = of.iter().skip(from).take(limit).copied().collect();
            assert_eq!(
                read.iter().collect::<Vec<_>>(),
                expected,
                "{name} {from} {limit}"
            );
        }
        let last = of.last().map(|e| e.revision);
        assert_eq!(log.stream_revision(&stream(name)).await.unwrap(), last);
    }
    let beyond = log
        .read_stream(&stream("s-0"), Revision(u64::MAX), 10)
        .await;
    assert!(beyond.unwrap().is_empty());
}

/// What a decision begins with is what each question by itself would say.
pub async fn a_look_sees_the_stream_the_others_and_the_head(backend: &dyn Backend) {
    let log = filled(backend, 1_200).await;
    let others = [stream("s-1"), stream("none"), stream("log")];
    for name in ["s-0", "none"] {
        for (from, limit) in [
            (0, usize::MAX),
            (0, 256),
            (0, 257),
            (300, 10),
            (5_000, 10),
            (0, 0),
        ] {
            let looked = log
                .look(&stream(name), Revision(from), limit, &others)
                .await
                .unwrap();
            let alone = log.read_stream(&stream(name), Revision(from), limit).await;
            assert_eq!(looked.events, alone.unwrap(), "{name} {from} {limit}");
            assert_eq!(looked.head, log.head().await.unwrap());
            let mut revisions = Vec::new();
            for other in &others {
                revisions.push(log.stream_revision(other).await.unwrap());
            }
            assert_eq!(looked.others, revisions);
            assert_eq!(revisions[1..], [None, Some(Revision(0))]);
        }
    }
}

/// Byte for byte.
pub async fn records_are_the_canonical_bytes_of_the_events(backend: &dyn Backend) {
    let log = filled(backend, 30).await;
    let records = log.read_records(Position(1), usize::MAX).await.unwrap();
    for (record, event) in records.iter().zip(all(&*log).await) {
        assert_eq!(crate::record::decode_strict(record).as_ref(), Ok(&event));
        assert_eq!(&crate::record::encode(&event).unwrap(), record);
    }
}

/// Each root that the head once had can be asked for later, and is the root over the records.
pub async fn roots_of_past_sizes_are_those_that_were(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut heads = vec![log.head().await.unwrap()];
    for n in 1..=40_u128 {
        log.append(several(n, "a", 1 + (n * n) % 37)).await.unwrap();
        heads.push(log.head().await.unwrap());
    }
    let records = log.read_records(Position(1), usize::MAX).await.unwrap();
    let leaves: Vec<Hash> = records.iter().map(|r| leaf_hash(r.as_bytes())).collect();
    for head in &heads {
        assert_eq!(log.root_at(head.size).await.unwrap(), head.root);
    }
    for size in 0..=leaves.len() {
        let root = log.root_at(size as u64).await.unwrap();
        assert_eq!(root, root_of(&leaves[..size]), "{size}");
    }
    let beyond = leaves.len() as u64 + 1;
    assert!(matches!(
        log.root_at(beyond).await,
        Err(ReadError::Beyond { asked, size }) if asked == beyond && size == beyond - 1
    ));
}

/// Whoever has read up to a size reads the same later, proves each record of it against the root it had then, and
/// proves that the log has only grown since.
pub async fn what_is_read_at_a_past_size_stays_what_it_was(backend: &dyn Backend) {
    let log = open(backend).await;
    let mut past = Vec::new();
    for n in 1..=12_u128 {
        let count = 1 + (n * 29) % 61;
        log.append(several(n, "a", count)).await.unwrap();
        let head = log.head().await.unwrap();
        let limit = usize::try_from(head.size).unwrap();
        past.push((
            head,
            log.read_records(Position(1), limit).await.unwrap(),
            log.read_stream(&stream("a"), Revision(0), limit)
                .await
                .unwrap(),
        ));
    }
    let now = log.head().await.unwrap();
    let source = LogTree(&*log);
    for (head, records, events) in &past {
        let again = log.read_records(Position(1), records.len()).await.unwrap();
        assert_eq!(&again, records);
        let of = log
            .read_stream(&stream("a"), Revision(0), events.len())
            .await
            .unwrap();
        assert_eq!(&of, events);
        for position in [1, head.size / 2 + 1, head.size] {
            let proof = merkle::inclusion_proof(&source, position - 1, head.size)
                .await
                .unwrap();
            let leaf = leaf_hash(records[usize::try_from(position).unwrap() - 1].as_bytes());
            merkle::verify_inclusion(&leaf, position - 1, head.size, &proof, &head.root).unwrap();
        }
        let proof = merkle::consistency_proof(&source, head.size, now.size)
            .await
            .unwrap();
        merkle::verify_consistency(head.size, &head.root, now.size, &now.root, &proof).unwrap();
    }
}

/// Size, root, and progress up to the end.
pub async fn verification_agrees_with_the_head(backend: &dyn Backend) {
    let log = filled(backend, 3_000).await;
    let told = std::sync::Mutex::new(Vec::new());
    let verified = log
        .verify(&|done, total| told.lock().unwrap().push((done, total)))
        .await
        .unwrap();
    let head = log.head().await.unwrap();
    assert_eq!((verified.size, verified.root), (head.size, head.root));
    assert_eq!(verified.checked_records, 3_001);
    let told = told.into_inner().unwrap();
    assert_eq!(told.last(), Some(&(3_001, 3_001)));
    assert!(told.is_sorted());
}

/// Those that wait are finished, later ones are told.
pub async fn a_closed_log_takes_no_appends(backend: &dyn Backend) {
    let (log, hold) = held(backend, LogOptions::default()).await;
    let mut waiting = Vec::new();
    for n in 1..=10 {
        waiting.push(
            enqueue(&*log, single(n, "a", Expected::Any))
                .await
                .ok()
                .unwrap(),
        );
    }
    hold.send_replace(false);
    let ((), answers) = tokio::join!(backend.close(), futures::future::join_all(waiting));
    for answer in answers {
        answer.unwrap();
    }
    let late = log.append(single(11, "a", Expected::Any)).await;
    assert!(matches!(late, Err(AppendError::Closed)), "{late:?}");
}

/// Records, head, streams, commands, roots; and it goes on.
pub async fn everything_is_the_same_after_reopening(backend: &dyn Backend) {
    for round in 0..4_u128 {
        let log = if round == 0 {
            open(backend).await
        } else {
            match backend.reopen(LogOptions::default(), clock()).await {
                Some(log) => log,
                None => return,
            }
        };
        let before = all(&*log).await;
        let appended = log.append(several(100 + round, "a", 170)).await.unwrap();
        assert_eq!(appended.first.0, before.len() as u64 + 1);
        let head = log.head().await.unwrap();
        let events = all(&*log).await;
        assert_eq!(before[..], events[..before.len()]);
        backend.close().await;
        if let Some(log) = backend.reopen(LogOptions::default(), clock()).await {
            assert_eq!(log.head().await.unwrap(), head);
            assert_eq!(all(&*log).await, events);
            assert_eq!(log.verify(&|_, _| {}).await.unwrap().root, head.root);
            backend.close().await;
        }
    }
}

/// Whatever is asked of the tree, the answer is hashes or an error: a level or a place that no log is long enough for is
/// beyond it, and a run that is not there is not shortened.
pub async fn hashes_that_no_log_can_have_are_refused(backend: &dyn Backend) {
    let log = open(backend).await;
    log.append(several(1, "a", 299)).await.unwrap();
    for level in 8..=u8::MAX {
        let asked = log.tree_hashes(level, 0, 1).await;
        assert!(
            matches!(
                asked,
                Err(ReadError::Beyond {
                    asked: u64::MAX,
                    size: 300
                })
            ),
            "level {level}: {asked:?}"
        );
    }
    for (level, start, count) in [(0, u64::MAX, 1), (1, u64::MAX >> 8, 1), (7, 255, 1)] {
        let asked = log.tree_hashes(level, start, count).await;
        assert!(matches!(asked, Err(ReadError::Beyond { .. })), "{asked:?}");
    }
    for (level, start, count) in [(0, 250, 7), (0, 299, 2), (1, 1, 1), (2, 0, 1), (7, 254, 1)] {
        let asked = log.tree_hashes(level, start, count).await;
        assert!(matches!(asked, Err(ReadError::Corrupt { .. })), "{asked:?}");
    }
    assert_eq!(log.tree_hashes(0, 0, 256).await.unwrap().len(), 256);
    assert_eq!(log.tree_hashes(0, 256, 44).await.unwrap().len(), 44);
    assert_eq!(log.tree_hashes(1, 0, 1).await.unwrap().len(), 1);
}
