//! Making a bundle.

use std::collections::BTreeSet;

use crate::checkpoint::{SignedCheckpoint, SignedNote, Signer, compare};
use crate::event::{Position, Revision, StreamId};
use crate::log::EventLog;
use crate::merkle::{ProofError, inclusion_proof, leaf_hash, verify_inclusion};
use crate::tiles::LogTree;

use super::{Bundle, BundleError, ProvedRecord, Statement};

/// Bundles the events of `subject` up to the checkpoint's size, with the log's first record and those at `others`
/// (positions beyond the checkpoint's size are an error). With a signer the bundle states how many events the stream has;
/// it should be the key that has signed the checkpoint.
///
/// Every proof is verified before it is handed out.
///
/// # Errors
/// [`BundleError::Checkpoint`] if the log has not only grown since the checkpoint; [`BundleError::NoSuchStream`];
/// [`BundleError::NotInLog`] if the log is damaged.
pub async fn make(
    log: &dyn EventLog,
    subject: &StreamId,
    others: &[Position],
    checkpoint: SignedCheckpoint,
    signer: Option<&dyn Signer>,
) -> Result<Bundle, BundleError> {
    compare(log, checkpoint.checkpoint()).await?;
    let size = checkpoint.checkpoint().size();
    let (events, own) = own_positions(log, subject, size).await?;
    let mut positions: BTreeSet<u64> = others.iter().map(|position| position.0).collect();
    positions.insert(1);
    positions.extend(own);

    let root = checkpoint.checkpoint().root();
    let mut records = Vec::with_capacity(positions.len());
    for position in positions {
        let record = record_at(log, position).await?;
        let index = position - 1;
        let proof = inclusion_proof(&LogTree(log), index, size).await?;
        let leaf = leaf_hash(record.as_bytes());
        verify_inclusion(&leaf, index, size, &proof, root)
            .map_err(|source| BundleError::NotInLog { position, source })?;
        records.push(ProvedRecord { record, proof });
    }

    let statement = match signer {
        None => None,
        Some(signer) => {
            let statement = Statement {
                checkpoint: checkpoint.checkpoint().clone(),
                stream: subject.clone(),
                events,
            };
            Some(SignedNote::sign(statement.to_string(), &[signer]).await?)
        }
    };
    Ok(Bundle {
        subject: subject.clone(),
        checkpoint,
        statement,
        records,
    })
}

/// How many events the stream has among the first `size` records, and where.
async fn own_positions(
    log: &dyn EventLog,
    stream: &StreamId,
    size: u64,
) -> Result<(u64, Vec<u64>), BundleError> {
    let mut positions = Vec::new();
    loop {
        let from = Revision(positions.len() as u64);
        let events = log.read_stream(stream, from, 512).await?;
        let before = positions.len();
        let inside = events.iter().map(|event| event.position.0);
        positions.extend(inside.take_while(|position| *position <= size));
        if events.is_empty() || positions.len() < before + events.len() {
            break;
        }
    }
    if positions.is_empty() {
        return Err(BundleError::NoSuchStream {
            stream: stream.clone(),
            size,
        });
    }
    Ok((positions.len() as u64, positions))
}

async fn record_at(log: &dyn EventLog, position: u64) -> Result<String, BundleError> {
    // There is no position 0: whoever asks for it is not answered with the first record.
    let records = match position {
        0 => Vec::new(),
        _ => log.read_records(Position(position), 1).await?,
    };
    records.into_iter().next().ok_or(BundleError::NotInLog {
        position,
        source: ProofError::Range,
    })
}
