//! The log read once, from the first record to a fixed one: the records of each project into its drawer.

use std::collections::HashMap;
use std::sync::Arc;

use anju_engine::event::{Position, RecordedEvent, StreamId};
use anju_engine::log::{EventLog, ReadError, event_at};
use anju_engine::record::stream_and_type;
use anju_workflows::project::event::ProjectId;

use super::drawers::Drawers;
use super::{Report, on_the_side};
use crate::ViewError;
use crate::fold::programme_of;

/// How many records are read at once.
const READ: usize = 4_096;

/// What was gathered.
pub(crate) struct Gathered {
    pub(crate) drawers: Drawers,
    /// Id, digest, position: the publications of definitions in order.
    pub(crate) programmes: Vec<(String, String, u64)>,
    pub(crate) projects: u64,
}

/// Gathers the records up to `until` into `drawers`.
pub(crate) async fn gather(
    log: &Arc<dyn EventLog>,
    until: u64,
    drawers: Drawers,
    report: &Report,
) -> Result<Gathered, ViewError> {
    let mut sorter = Sorter {
        numbers: HashMap::new(),
        gathered: Gathered {
            drawers,
            programmes: Vec::new(),
            projects: 0,
        },
        until,
        scratch: report.scratch().to_owned(),
    };
    let read = |from: u64| {
        let log = Arc::clone(log);
        tokio::spawn(async move { log.read_records(Position(from), READ).await })
    };
    let mut from = 1;
    let mut reading = read(from);
    while from <= until {
        let records = reading.await.unwrap_or(Err(ReadError::Closed))?;
        if records.is_empty() {
            let size = from - 1;
            return Err(ReadError::Beyond { asked: until, size }.into());
        }
        let first = from;
        from += records.len() as u64;
        // The next ones are read while these are sorted.
        reading = read(from.min(until));
        sorter = on_the_side(move || {
            for (position, record) in (first..).zip(&records) {
                sorter.take(position, record)?;
            }
            Ok(sorter)
        })
        .await?;
        report.gathered(from - 1, sorter.gathered.projects);
    }
    Ok(sorter.gathered)
}

struct Sorter {
    /// The projects' numbers by stream.
    numbers: HashMap<Box<str>, u32>,
    gathered: Gathered,
    until: u64,
    /// For messages.
    scratch: std::path::PathBuf,
}

impl Sorter {
    fn take(&mut self, position: u64, record: &str) -> Result<(), ViewError> {
        if position > self.until {
            return Ok(());
        }
        match stream_and_type(record) {
            Some((stream, kind)) => self.sort(position, record, stream, kind),
            None => {
                // Not in the canonical order, or no record: reading it says which.
                let event = event_at(position, record)?;
                self.sort(position, record, event.stream.as_str(), event.kind.as_str())
            }
        }
    }

    fn sort(
        &mut self,
        position: u64,
        record: &str,
        stream: &str,
        kind: &str,
    ) -> Result<(), ViewError> {
        let number = match self.numbers.get(stream) {
            Some(number) => *number,
            None => match kind {
                // Events before the registration are no history of a project.
                "project_registered" => {
                    let Some(project) = ProjectId::of_stream(&StreamId::new(stream)?) else {
                        return Ok(());
                    };
                    let number = self.gathered.drawers.open(project);
                    self.numbers.insert(stream.into(), number);
                    self.gathered.projects += 1;
                    number
                }
                "definition_published" => {
                    let event: RecordedEvent = event_at(position, record)?;
                    self.gathered.programmes.extend(programme_of(&event));
                    return Ok(());
                }
                _ => return Ok(()),
            },
        };
        self.gathered
            .drawers
            .put(number, position, record)
            .map_err(|source| ViewError::File {
                path: self.scratch.clone(),
                source,
            })
    }
}
