//! The views as a projection: events are folded into states, and the rows of the touched projects written anew.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use anju_engine::event::RecordedEvent;
use anju_engine::projection::{Checkpoint, Projection, ProjectionError};
use anju_workflows::calendar::Calendar;
use anju_workflows::handler::Handler;
use anju_workflows::project::event::ProjectId;
use anju_workflows::publish::CALENDAR_STREAM;
use async_trait::async_trait;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::ViewError;
use crate::cache::StateCache;
use crate::calendars::calendar_at;
use crate::fold::{self, Notes, Open, fold, programme_of};
use crate::rows::DeadlineLine;
use crate::store::{self, Batch, Reached, Touched, unpack, unsigned};

/// How many states one generation of the cache holds.
const CACHED: usize = 4_096;

/// How many snapshots are read at once.
const PAGE: usize = 512;

/// Another process has written the views meanwhile: look again where they are.
#[derive(Debug, thiserror::Error)]
#[error("another process has moved the views")]
pub(crate) struct Moved;

/// Writes the views.
pub(crate) struct ViewsProjection {
    handler: Arc<Handler>,
    connection: SqliteConnection,
    states: StateCache,
    /// The calendar at a position, 0 = the one that comes with the build.
    calendar: Option<(u64, Calendar)>,
}

/// What a batch has folded so far.
struct Folding {
    projects: BTreeMap<ProjectId, Open>,
    programmes: Vec<(String, String, u64)>,
    notes: Notes,
    calendar_position: u64,
    calendar: Calendar,
}

impl ViewsProjection {
    pub(crate) fn new(handler: Arc<Handler>, connection: SqliteConnection) -> Self {
        Self {
            handler,
            connection,
            states: StateCache::new(CACHED),
            calendar: None,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Forgets what it has in memory: the file was changed by somebody else.
    pub(crate) fn forget(&mut self) {
        self.states.clear();
        self.calendar = None;
    }

    /// Applies a batch in one transaction. `false`: the views are not where the batch begins, and nothing was done.
    async fn apply_batch(
        &mut self,
        events: &[RecordedEvent],
        checkpoint: &Checkpoint,
    ) -> Result<bool, ViewError> {
        let Some(first) = events.first() else {
            return Ok(true);
        };
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let before = store::reached(&mut transaction).await?;
        if before.position + 1 != first.position.0 {
            return Ok(false);
        }
        let calendar = match self.calendar.take() {
            Some((position, calendar)) if position == before.calendar => calendar,
            _ => calendar_at(&**self.handler.log(), before.calendar).await?,
        };
        let mut folding = Folding {
            projects: opened(&mut transaction, &mut self.states, events).await?,
            programmes: Vec::new(),
            notes: Notes {
                latest_day: before.latest_day,
                ..Notes::default()
            },
            calendar_position: before.calendar,
            calendar,
        };
        for event in events {
            folding.fold(&self.handler, event).await?;
        }
        let rows = Rows {
            handler: &self.handler,
            calendar: &folding.calendar,
        };
        let mut batch = Batch {
            programmes: folding.programmes,
            projects: Vec::with_capacity(folding.projects.len()),
            refusals: folding.notes.refusals,
            escalations: folding.notes.escalations,
        };
        for open in folding.projects.values() {
            batch.projects.push(rows.touched(open).await?);
        }
        let reached = Reached {
            version: checkpoint.version,
            origin: checkpoint.origin.clone(),
            position: checkpoint.position.0,
            root: checkpoint.root.to_vec(),
            latest_day: folding.notes.latest_day,
            calendar: folding.calendar_position,
        };
        store::write(&mut transaction, &batch, &reached).await?;
        if folding.calendar_position != before.calendar {
            let fresh: HashSet<u64> = folding.projects.values().map(|open| open.no).collect();
            rows.count_again(&mut transaction, &fresh).await?;
        }
        transaction.commit().await?;
        for (id, open) in folding.projects {
            self.states.put(id, (open.no, open.state));
        }
        self.calendar = Some((folding.calendar_position, folding.calendar));
        Ok(true)
    }
}

/// The states of all projects that a batch touches and that were registered before it.
async fn opened(
    connection: &mut SqliteConnection,
    cache: &mut StateCache,
    events: &[RecordedEvent],
) -> Result<BTreeMap<ProjectId, Open>, ViewError> {
    let mut open = BTreeMap::new();
    let mut missing = Vec::new();
    let mut seen = HashSet::new();
    for event in events {
        if !seen.insert(event.stream.clone()) {
            continue;
        }
        let Some(id) = ProjectId::of_stream(&event.stream) else {
            continue;
        };
        match cache.take(&id) {
            Some((no, state)) => {
                let known = Open {
                    no,
                    state,
                    new: false,
                };
                open.insert(id, known);
            }
            None => missing.push(id),
        }
    }
    for page in missing.chunks(PAGE) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT project_no, state FROM snapshot WHERE project IN (",
        );
        let mut list = sql.separated(", ");
        for id in page {
            list.push_bind(id.as_str());
        }
        sql.push(")");
        for row in sql
            .build()
            .persistent(false)
            .fetch_all(&mut *connection)
            .await?
        {
            let state = unpack(row.try_get("state")?)?;
            open.insert(
                state.id.clone(),
                Open {
                    no: unsigned(row.try_get("project_no")?),
                    state,
                    new: false,
                },
            );
        }
    }
    Ok(open)
}

impl Folding {
    async fn fold(&mut self, handler: &Handler, event: &RecordedEvent) -> Result<(), ViewError> {
        if let Some(id) = ProjectId::of_stream(&event.stream) {
            return self.fold_project(id, event);
        }
        let stream = event.stream.as_str();
        match event.kind.as_str() {
            "calendar_published" if stream == CALENDAR_STREAM => {
                self.calendar_position = event.position.0;
                self.calendar = calendar_at(&**handler.log(), event.position.0).await?;
            }
            "definition_published" => self.programmes.extend(programme_of(event)),
            _ => {}
        }
        Ok(())
    }

    fn fold_project(&mut self, id: ProjectId, recorded: &RecordedEvent) -> Result<(), ViewError> {
        let known = self.projects.remove(&id);
        let open = fold(known, &id, recorded, &self.calendar, &mut self.notes)?;
        if let Some(open) = open {
            self.projects.insert(id, open);
        }
        Ok(())
    }
}

/// What rows are made with.
struct Rows<'a> {
    handler: &'a Handler,
    calendar: &'a Calendar,
}

impl Rows<'_> {
    async fn touched<'s>(&self, open: &'s Open) -> Result<Touched<'s>, ViewError> {
        let state = &open.state;
        let bound = &state.registered;
        let definition = self
            .handler
            .library()
            .definition(&bound.programme, &bound.definition)
            .await?;
        fold::rows(
            open.no,
            open.new,
            Cow::Borrowed(state),
            &definition,
            self.calendar,
        )
    }

    /// A new calendar moves due days: those of every project are counted again, except those just counted.
    async fn count_again(
        &self,
        connection: &mut SqliteConnection,
        fresh: &HashSet<u64>,
    ) -> Result<(), ViewError> {
        let mut after = 0i64;
        loop {
            let page = sqlx::query(
                "SELECT project_no, state FROM snapshot WHERE project_no > ? ORDER BY project_no LIMIT ? + 0",
            )
            .bind(after)
            .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.try_get("project_no")?;
            let mut lines = Vec::with_capacity(page.len());
            for row in &page {
                let no = unsigned(row.try_get("project_no")?);
                if fresh.contains(&no) {
                    continue;
                }
                let state = unpack(row.try_get("state")?)?;
                let bound = &state.registered;
                let definition = self
                    .handler
                    .library()
                    .definition(&bound.programme, &bound.definition)
                    .await?;
                lines.push((no, DeadlineLine::all(&definition, self.calendar, &state)));
            }
            let lines: Vec<_> = lines
                .iter()
                .map(|(no, lines)| (*no, lines.as_slice()))
                .collect();
            store::deadlines(connection, &lines).await?;
        }
    }
}

#[async_trait]
impl Projection for ViewsProjection {
    fn name(&self) -> &str {
        "views"
    }

    fn version(&self) -> u32 {
        store::VERSION
    }

    async fn checkpoint(&mut self) -> Result<Option<Checkpoint>, ProjectionError> {
        self.forget();
        let reached = async {
            store::prepare(&mut self.connection).await?;
            store::reached(&mut self.connection).await
        };
        let reached = reached.await.map_err(stopped)?;
        if reached.version == 0 {
            return Ok(None);
        }
        Ok(Some(Checkpoint {
            version: reached.version,
            position: reached.position(),
            // A root of another length is no root of any log: the views are built again.
            root: reached.root.try_into().unwrap_or_default(),
            origin: reached.origin,
        }))
    }

    async fn apply(
        &mut self,
        events: &[RecordedEvent],
        reached: &Checkpoint,
    ) -> Result<(), ProjectionError> {
        match self.apply_batch(events, reached).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.forget();
                Err(ProjectionError::Store(Box::new(Moved)))
            }
            Err(error) => {
                // States were taken out and perhaps folded: what is stored is what counts.
                self.forget();
                Err(stopped(error))
            }
        }
    }

    async fn reset(&mut self) -> Result<(), ProjectionError> {
        self.forget();
        store::reset(&mut self.connection).await.map_err(stopped)
    }
}

/// An error on its way through the runner; [`came_out`] takes it out again.
fn stopped(error: ViewError) -> ProjectionError {
    ProjectionError::Store(Box::new(error))
}

/// What the runner stopped for. `None`: another process has moved the views, which is no failure.
pub(crate) fn came_out(error: ProjectionError) -> Option<ViewError> {
    match error {
        ProjectionError::Read(error) => Some(error.into()),
        ProjectionError::Event { position, what } => {
            Some(ViewError::row(format!("position {position}: {what}")))
        }
        ProjectionError::Store(error) if error.is::<Moved>() => None,
        ProjectionError::Store(error) => Some(match error.downcast::<ViewError>() {
            Ok(error) => *error,
            Err(error) => ViewError::row(error),
        }),
    }
}
