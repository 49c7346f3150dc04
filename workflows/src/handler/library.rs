//! The definitions and calendars of a log, read once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anju_engine::event::{RecordedEvent, Revision, StreamId};
use anju_engine::log::{EventLog, ReadError};

use super::HandleError;
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::publish::{CALENDAR_STREAM, Publications, definition_stream};

/// Definitions and calendars by stream and digest. What a digest names never changes; what is newest is asked of the
/// log each time, at the price of one look-up, or kept with the revision that the append then asks for.
pub struct Library {
    log: Arc<dyn EventLog>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    definitions: HashMap<String, Arc<Definition>>,
    /// Programme → the revision its stream had, and the newest digest then.
    newest: HashMap<String, (Revision, String)>,
    calendar: Option<(Revision, Arc<Calendar>)>,
}

impl Library {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            kept: Mutex::new(Kept::default()),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Only a cache of what the log holds.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was newest.
    pub(super) fn forget(&self) {
        let mut kept = self.kept();
        kept.newest.clear();
        kept.calendar = None;
    }

    /// The newest definition of a programme, with its digest.
    pub async fn newest_definition(
        &self,
        programme: &str,
    ) -> Result<(Arc<Definition>, String), HandleError> {
        let (_, definition, digest) = self.newest_at(programme).await?;
        Ok((definition, digest))
    }

    /// The newest definition of a programme, with the revision its stream has and its digest.
    pub(super) async fn newest_at(
        &self,
        programme: &str,
    ) -> Result<(Revision, Arc<Definition>, String), HandleError> {
        let stream = definition_stream(programme)?;
        let revision = self
            .log
            .stream_revision(&stream)
            .await?
            .ok_or_else(|| HandleError::UnknownProgramme(programme.to_owned()))?;
        let known = self.kept().newest.get(programme).cloned();
        let digest = match known {
            Some((at, digest)) if at == revision => digest,
            _ => {
                let publications = Publications::fold(&self.read_all(&stream).await?);
                let newest = publications
                    .newest()
                    .map(str::to_owned)
                    .ok_or_else(|| HandleError::UnknownProgramme(programme.to_owned()))?;
                self.keep(&publications, &newest)?;
                self.kept()
                    .newest
                    .insert(programme.to_owned(), (revision, newest.clone()));
                newest
            }
        };
        let definition = self.definition(programme, &digest).await?;
        Ok((revision, definition, digest))
    }

    /// The definition of a programme by its digest.
    pub async fn definition(
        &self,
        programme: &str,
        digest: &str,
    ) -> Result<Arc<Definition>, HandleError> {
        if let Some(definition) = self.kept_definition(digest) {
            return Ok(definition);
        }
        let stream = definition_stream(programme)?;
        let publications = Publications::fold(&self.read_all(&stream).await?);
        self.keep(&publications, digest)?
            .ok_or_else(|| HandleError::UnknownDefinition {
                programme: programme.to_owned(),
                digest: digest.to_owned(),
            })
    }

    /// The definition with this digest, if it is kept.
    pub(super) fn kept_definition(&self, digest: &str) -> Option<Arc<Definition>> {
        self.kept().definitions.get(digest).cloned()
    }

    /// The calendar that was the newest when its stream had this revision, if it is kept.
    pub(super) fn kept_calendar(&self, revision: Revision) -> Option<Arc<Calendar>> {
        let kept = self.kept();
        let (at, calendar) = kept.calendar.as_ref()?;
        (*at == revision).then(|| Arc::clone(calendar))
    }

    /// The digests under which definitions of a programme were published, oldest first.
    pub async fn versions(&self, programme: &str) -> Result<Vec<String>, HandleError> {
        let stream = definition_stream(programme)?;
        let publications = Publications::fold(&self.read_all(&stream).await?);
        if publications.digests.is_empty() {
            return Err(HandleError::UnknownProgramme(programme.to_owned()));
        }
        Ok(publications.digests)
    }

    fn keep(
        &self,
        publications: &Publications,
        digest: &str,
    ) -> Result<Option<Arc<Definition>>, HandleError> {
        let Some(definition) = publications.definition(digest)?.map(Arc::new) else {
            return Ok(None);
        };
        self.kept()
            .definitions
            .insert(digest.to_owned(), definition.clone());
        Ok(Some(definition))
    }

    /// The newest calendar of the log, or the one this build brings if none was published.
    pub async fn calendar(&self) -> Result<Arc<Calendar>, HandleError> {
        Ok(self.newest_calendar().await?.1)
    }

    /// The same, with the revision of the calendars' stream.
    pub(super) async fn newest_calendar(
        &self,
    ) -> Result<(Option<Revision>, Arc<Calendar>), HandleError> {
        let stream = StreamId::new(CALENDAR_STREAM)?;
        let revision = self.log.stream_revision(&stream).await?;
        Ok((revision, self.calendar_at(revision).await?))
    }

    /// The newest calendar of the log, whose stream has this revision.
    pub(super) async fn calendar_at(
        &self,
        revision: Option<Revision>,
    ) -> Result<Arc<Calendar>, HandleError> {
        let Some(revision) = revision else {
            return Ok(Arc::new(Calendar::builtin()));
        };
        let stream = StreamId::new(CALENDAR_STREAM)?;
        if let Some(calendar) = self.kept_calendar(revision) {
            return Ok(calendar);
        }
        let publications = Publications::fold(&self.read_all(&stream).await?);
        let calendar = Arc::new(publications.calendar()?.unwrap_or_else(Calendar::builtin));
        self.kept().calendar = Some((revision, calendar.clone()));
        Ok(calendar)
    }

    /// The digest of the newest published calendar.
    pub(super) async fn published_calendar(&self) -> Result<Option<String>, HandleError> {
        let stream = StreamId::new(CALENDAR_STREAM)?;
        match self.log.stream_revision(&stream).await? {
            None => Ok(None),
            Some(_) => Ok(Some(self.calendar().await?.digest().to_owned())),
        }
    }

    async fn read_all(&self, stream: &StreamId) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut all = Vec::new();
        loop {
            let events = self
                .log
                .read_stream(stream, Revision(all.len() as u64), 256)
                .await?;
            if events.is_empty() {
                return Ok(all);
            }
            all.extend(events);
        }
    }
}
