//! The exported log is read, and its proofs are made and checked, by an implementation that is not ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anju_engine::checkpoint::{Checkpoint, CompareError, Ed25519Signer, SignedCheckpoint};
use anju_engine::merkle::{
    Hash, consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion,
};
use anju_engine::tiles::{ExportError, LogTree, export, export_records};
use anju_engine::{CreateOptions, EventLog, Expected, LogOptions, MemoryLog, Origin, Position};
use common::{Chance, clock, command, new_log};
use signed_note::{StandardVerifier, VerifierList};
use tlog_tiles::{
    HashReader, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record,
    prove_tree, record_hash, tree_hash,
};

/// The folder as the other implementation sees it.
struct Served(PathBuf);

impl Served {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(path)).ok()
    }
}

/// Its paths carry the height, which C2SP fixes at 8 and leaves out.
fn c2sp(tile: &Tile) -> String {
    let path = tile.path();
    let rest = path.strip_prefix("tile/8/").unwrap();
    format!("tile/{}", rest.replacen("data/", "entries/", 1))
}

impl TileReader for Served {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = tiles.iter().map(|tile| self.read(&c2sp(tile)));
        read.collect::<Option<_>>()
            .ok_or(tlog_tiles::Error::InvalidTile)
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn key() -> Ed25519Signer {
    Ed25519Signer::from_seed("tiles.example/log", &[3; 32]).unwrap()
}

async fn checkpoint_at(log: &dyn EventLog, size: u64) -> SignedCheckpoint {
    let origin = log.head().await.unwrap().origin.name;
    let root = log.root_at(size).await.unwrap();
    let checkpoint = Checkpoint::new(origin, size, root).unwrap();
    SignedCheckpoint::sign(checkpoint, &[&key()]).await.unwrap()
}

/// A log of exactly `size` records.
async fn log_of(size: u64) -> MemoryLog {
    let create = CreateOptions::new(Origin::real("tiles.example/log"));
    let log = MemoryLog::create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    let (mut left, mut n) = (u128::from(size - 1), 0);
    while left > 0 {
        let events = left.min(1_000);
        n += 1;
        log.append(command(n, &format!("s-{}", n % 9), Expected::Any, events))
            .await
            .unwrap();
        left -= events;
    }
    assert_eq!(log.head().await.unwrap().size, size);
    log
}

async fn exported(log: &dyn EventLog, size: u64, folder: &Path) -> SignedCheckpoint {
    let checkpoint = checkpoint_at(log, size).await;
    let done = export(log, &checkpoint, folder, &|_, _| {}).await.unwrap();
    assert_eq!(
        (done.records, done.root),
        (size, *checkpoint.checkpoint().root())
    );
    checkpoint
}

fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                found.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The checkpoint, verified by the other implementation: size and root.
fn theirs(served: &Served) -> (u64, tlog_tiles::Hash) {
    let bytes = served.read("checkpoint").unwrap();
    let note = signed_note::Note::from_bytes(&bytes).unwrap();
    let verifier = StandardVerifier::new(&key().verifier().to_string()).unwrap();
    note.verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), "tiles.example/log");
    (checkpoint.size(), *checkpoint.hash())
}

/// The records of every bundle, each checked against the hash that the other implementation has authenticated.
fn records(served: &Served, size: u64, root: tlog_tiles::Hash) -> Vec<Vec<u8>> {
    let hashes = TileHashReader::new(size, root, served);
    let mut records = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - index * 256).min(256);
        let tile = Tile::new(8, 0, index, u32::try_from(width).unwrap(), true);
        let bundle = served.read(&c2sp(&tile)).unwrap();
        let mut rest = &bundle[..];
        for _ in 0..width {
            let (length, after) = rest.split_first_chunk::<2>().unwrap();
            let (record, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            records.push(record.to_vec());
            rest = after;
        }
        assert!(
            rest.is_empty(),
            "bundle {index} has more than {width} records"
        );
    }
    let places: Vec<u64> = (0..size)
        .map(|n| tlog_tiles::stored_hash_index(0, n))
        .collect();
    for (places, records) in places.chunks(256).zip(records.chunks(256)) {
        let authenticated = hashes.read_hashes(places).unwrap();
        for (record, hash) in records.iter().zip(authenticated) {
            assert_eq!(record_hash(record), hash);
        }
    }
    records
}

#[tokio::test]
async fn another_implementation_reads_the_export_and_agrees_on_every_proof() {
    // Below, at and above the bounds of tiles; the last has a partial tile on level 2.
    for size in [1, 2, 255, 256, 257, 700, 65_535, 65_536, 66_049] {
        let directory = tempfile::tempdir().unwrap();
        let log = log_of(size).await;
        let checkpoint = exported(&log, size, directory.path()).await;
        let served = Served(directory.path().to_owned());

        let (their_size, their_root) = theirs(&served);
        assert_eq!(
            (their_size, their_root.0),
            (size, *checkpoint.checkpoint().root())
        );
        let hashes = TileHashReader::new(size, their_root, &served);
        assert_eq!(tree_hash(size, &hashes).unwrap(), their_root);

        // Exactly the files that the tree has by their count, and no other.
        let mut expected: BTreeSet<String> = Tile::new_tiles(8, 0, size).iter().map(c2sp).collect();
        for mut tile in Tile::new_tiles(8, 0, size) {
            if tile.level() == 0 {
                tile.set_is_data();
                expected.insert(c2sp(&tile));
            }
        }
        expected.insert("checkpoint".to_owned());
        assert_eq!(files_below(directory.path()), expected, "size {size}");

        let read = records(&served, size, their_root);
        let ours = log.read_records(Position(1), usize::MAX).await.unwrap();
        assert!(
            read.iter()
                .map(Vec::as_slice)
                .eq(ours.iter().map(String::as_bytes))
        );

        let tree = LogTree(&log);
        let mut chance = Chance::new(size);
        for _ in 0..40 {
            let (index, old) = (chance.below(size), 1 + chance.below(size));
            let leaf = leaf_hash(&read[usize::try_from(index).unwrap()]);
            let root: Hash = their_root.0;

            let their_proof = prove_record(size, index, &hashes).unwrap();
            let our_proof = inclusion_proof(&tree, index, size).await.unwrap();
            assert!(
                their_proof
                    .iter()
                    .map(|h| h.0)
                    .eq(our_proof.iter().copied())
            );
            check_record(
                &their_proof,
                size,
                their_root,
                index,
                tlog_tiles::Hash(leaf),
            )
            .unwrap();
            verify_inclusion(&leaf, index, size, &our_proof, &root).unwrap();

            let old_root = log.root_at(old).await.unwrap();
            let their_proof = prove_tree(size, old, &hashes).unwrap();
            let our_proof = consistency_proof(&tree, old, size).await.unwrap();
            assert!(
                their_proof
                    .iter()
                    .map(|h| h.0)
                    .eq(our_proof.iter().copied())
            );
            check_tree(
                &their_proof,
                size,
                their_root,
                old,
                tlog_tiles::Hash(old_root),
            )
            .unwrap();
            verify_consistency(old, &old_root, size, &root, &our_proof).unwrap();
        }
    }
}

#[tokio::test]
async fn a_past_size_is_exported_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of(1_500).await;
    exported(&log, 600, directory.path()).await;
    let served = Served(directory.path().to_owned());
    let (size, root) = theirs(&served);
    assert_eq!((size, records(&served, size, root).len()), (600, 600));
}

#[tokio::test]
async fn a_changed_tile_is_refused_by_the_other_implementation() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of(700).await;
    exported(&log, 700, directory.path()).await;
    let served = Served(directory.path().to_owned());
    let (size, root) = theirs(&served);
    for tile in Tile::new_tiles(8, 0, 700) {
        let path = directory.path().join(c2sp(&tile));
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[5] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        // The first hash of the tile is changed: a record below its second hash needs it for its proof.
        let level = 8 * u32::from(tile.level());
        let index = (tile.level_index() * 256 + 1) << level;
        let record = log.read_records(Position(index + 1), 1).await.unwrap();
        let leaf = record_hash(record[0].as_bytes());
        let hashes = TileHashReader::new(size, root, &served);
        let proved = prove_record(size, index, &hashes)
            .and_then(|proof| check_record(&proof, size, root, index, leaf));
        assert!(proved.is_err(), "{}", c2sp(&tile));
        std::fs::write(&path, &good).unwrap();
        let proof = prove_record(size, index, &hashes).unwrap();
        check_record(&proof, size, root, index, leaf).unwrap();
    }
}

#[tokio::test]
async fn an_export_grows_in_its_folder_and_never_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of(900).await;
    exported(&log, 300, directory.path()).await;
    exported(&log, 300, directory.path()).await;
    exported(&log, 900, directory.path()).await;
    let served = Served(directory.path().to_owned());
    let (size, root) = theirs(&served);
    assert_eq!(records(&served, size, root).len(), 900);
    // The partial tile of the checkpoint before may still be asked for.
    assert!(served.read("tile/0/001.p/44").is_some());

    let older = checkpoint_at(&log, 300).await;
    let refused = export(&log, &older, directory.path(), &|_, _| {}).await;
    assert!(
        matches!(
            refused,
            Err(ExportError::Older {
                there: 900,
                size: 300,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(theirs(&served).0, 900);
}

#[tokio::test]
async fn a_folder_with_another_export_or_with_something_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of(500).await;
    exported(&log, 400, directory.path()).await;
    let before = files_below(directory.path());

    let create = CreateOptions::new(Origin::real("tiles.example/other"));
    let other = MemoryLog::create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    let checkpoint = checkpoint_at(&other, 1).await;
    let refused = export(&other, &checkpoint, directory.path(), &|_, _| {}).await;
    let Err(ExportError::Contradicts {
        source: CompareError::OtherLog { .. },
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    let shorter = log_of(350).await;
    let checkpoint = checkpoint_at(&shorter, 350).await;
    let refused = export(&shorter, &checkpoint, directory.path(), &|_, _| {}).await;
    let Err(ExportError::Contradicts {
        source: CompareError::Shorter { .. },
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(files_below(directory.path()), before);

    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("checkpoint"), "my saved game").unwrap();
    let checkpoint = checkpoint_at(&log, 500).await;
    let refused = export(&log, &checkpoint, foreign.path(), &|_, _| {}).await;
    assert!(
        matches!(refused, Err(ExportError::Foreign { .. })),
        "{refused:?}"
    );

    // A checkpoint that this log does not agree with is not exported either.
    let false_root = Checkpoint::new("tiles.example/log", 500, [7; 32]).unwrap();
    let false_root = SignedCheckpoint::sign(false_root, &[&key()]).await.unwrap();
    let empty = tempfile::tempdir().unwrap();
    let refused = export(&log, &false_root, empty.path(), &|_, _| {}).await;
    assert!(matches!(
        refused,
        Err(ExportError::Checkpoint(CompareError::Rewritten { .. }))
    ));
    assert!(files_below(empty.path()).is_empty());
}

#[tokio::test]
async fn records_that_are_not_those_of_the_tree_are_not_exported_as_if_they_were() {
    use sqlx::{ConnectOptions, Connection, Executor};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = new_log(&path).await;
    log.append(command(1, "s", Expected::Any, 600))
        .await
        .unwrap();
    let checkpoint = checkpoint_at(&log, 601).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut conn = options.connect().await.unwrap();
    conn.execute(
        "UPDATE record SET record = replace(record, '第三次', '第二次') WHERE position = 40",
    )
    .await
    .unwrap();
    conn.close().await.unwrap();

    let folder = directory.path().join("tiles");
    let refused = export(&log, &checkpoint, &folder, &|_, _| {}).await;
    assert!(
        matches!(refused, Err(ExportError::Root { size: 601 })),
        "{refused:?}"
    );
    assert!(!folder.join("checkpoint").exists());
    log.close().await;
}

#[tokio::test]
async fn the_exported_lines_are_the_records() {
    let log = log_of(5_000).await;
    let mut out = Vec::new();
    let heard = std::sync::Mutex::new(Vec::new());
    let progress = |done, total| heard.lock().unwrap().push((done, total));
    let done = export_records(&log, 4_999, &mut out, Path::new("lines"), &progress)
        .await
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    let records = log.read_records(Position(1), 4_999).await.unwrap();
    assert_eq!(
        text,
        records.iter().map(|r| format!("{r}\n")).collect::<String>()
    );
    assert_eq!(done.bytes, text.len() as u64);
    assert_eq!(done.root, log.root_at(4_999).await.unwrap());
    assert_eq!(
        heard.into_inner().unwrap(),
        [(4_096, 4_999), (4_999, 4_999)]
    );
}
