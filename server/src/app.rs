//! A store, opened: the log, the handler, the read models and the notes beside it.

mod failure;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anju_engine::clock::{Clock, SystemClock};
use anju_engine::event::{Actor, CommandId, OccurredAt, PersonRef, Source};
use anju_engine::log::{AnyLog, EventLog, Origin};
use anju_engine::{CreateOptions, LogOptions, OpenError};
use anju_projections::Views;
use anju_projections::notices::{Spooled, spool_new, spool_page};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{BUILTIN_PROGRAMMES, Definition, Lang, Parsed, parse_builtin};
use anju_workflows::handler::{HandleError, Handler, Request, new_command_id};
use anju_workflows::publish::OverriddenRehearsal;
use uuid::Uuid;

pub use failure::Failure;
pub use store::{NoStateFolder, Store, StoreError};

use crate::beside::Beside;
use crate::notes::Notes;

/// How long a page waits for the views to come up to the log.
const MOMENT: Duration = Duration::from_secs(2);

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It must exist.
    Existing,
    /// It must exist, is only read, and stays in the format it has.
    ReadOnly,
    /// It is created, as a real log, if it does not exist.
    OrCreate,
}

/// A store, opened.
pub struct App {
    /// Where it is.
    pub store: Store,
    /// The log.
    pub log: Arc<AnyLog>,
    /// The door.
    pub handler: Arc<Handler>,
    /// The language of answers.
    pub lang: Lang,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    beside: tokio::sync::OnceCell<Option<Arc<Beside>>>,
    notes: tokio::sync::OnceCell<Notes>,
    views: tokio::sync::OnceCell<Arc<Views>>,
}

impl App {
    /// Opens a store with the machine's clock.
    pub async fn open(
        store: &Store,
        mode: Mode,
        lang: Lang,
        confirm_clock: bool,
    ) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let options = LogOptions {
            confirm_clock,
            read_only: mode == Mode::ReadOnly,
            ..LogOptions::default()
        };
        let opened = match mode {
            Mode::Existing | Mode::ReadOnly => store.open(options, clock.clone()).await,
            Mode::OrCreate => {
                let create = CreateOptions::new(new_origin());
                store.open_or_create(create, options, clock.clone()).await
            }
        };
        let log = match opened {
            Err(OpenError::NotFound { .. }) => return Err(Failure::NoStore(store.clone())),
            opened => opened?,
        };
        Ok(Self::over(store.clone(), Arc::new(log), clock, lang))
    }

    /// An app over an open log.
    #[must_use]
    pub fn over(store: Store, log: Arc<AnyLog>, clock: Arc<dyn Clock>, lang: Lang) -> Self {
        let dynamic: Arc<dyn EventLog> = log.clone();
        Self {
            handler: Arc::new(Handler::new(dynamic, clock.clone())),
            store,
            log,
            lang,
            clock,
            beside: tokio::sync::OnceCell::new(),
            notes: tokio::sync::OnceCell::new(),
            views: tokio::sync::OnceCell::new(),
        }
    }

    /// The read models, caught up with the log.
    pub async fn views(&self) -> Result<&Arc<Views>, Failure> {
        let views = self.views_as_they_stand().await?;
        views.catch_up().await?;
        Ok(views)
    }

    /// The read models, caught up if that is done in a moment. While they are far behind the log, as on the first start
    /// on a large one, somebody has to bring them up meanwhile; an answer says by its position how fresh it is.
    pub async fn views_at_hand(&self) -> Result<&Arc<Views>, Failure> {
        let views = self.views_as_they_stand().await?;
        views.freshen(MOMENT).await?;
        Ok(views)
    }

    /// The read models, wherever they stand.
    pub async fn views_as_they_stand(&self) -> Result<&Arc<Views>, Failure> {
        self.views
            .get_or_try_init(|| async {
                let path = self.kept_in("views.db")?;
                let views = Views::open(&path, self.handler.clone()).await?;
                Ok::<_, Failure>(Arc::new(views))
            })
            .await
    }

    /// Where this machine keeps something of the log: `anju.db` has `anju.views.db` beside it; what belongs to a log in
    /// a database stands in a folder of this machine, which is made if it is not there.
    pub fn kept_in(&self, suffix: &str) -> Result<PathBuf, Failure> {
        let path = self.store.beside(&self.log.origin().name, suffix)?;
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            make_folder(folder).map_err(|source| Failure::File {
                path: folder.display().to_string(),
                source,
            })?;
        }
        Ok(path)
    }

    /// What stands beside the log in its database; `None` for a log in a file.
    pub async fn beside(&self) -> Result<Option<&Arc<Beside>>, Failure> {
        let beside = self
            .beside
            .get_or_try_init(|| async {
                match self.store.database() {
                    None => Ok(None),
                    Some(address) => Beside::open(address).await.map(Arc::new).map(Some),
                }
            })
            .await?;
        Ok(beside.as_ref())
    }

    /// The erasable store of notes.
    pub async fn notes(&self) -> Result<&Notes, Failure> {
        self.notes
            .get_or_try_init(|| async {
                match (self.store.notes_file(), self.beside().await?) {
                    (_, Some(beside)) => Ok(Notes::Database(beside.clone())),
                    (file, None) => Ok(Notes::open(file.unwrap_or_default()).await?),
                }
            })
            .await
    }

    /// Writes every notice into `folder` that is not written yet. Beside a log in a file the folder itself says which
    /// those are; the servers of a log in a database share one mark there, so that each notice goes into the folder of
    /// one of them.
    pub async fn spool(&self, folder: &Path) -> Result<Spooled, Failure> {
        let views = self.views().await?;
        let Some(beside) = self.beside().await? else {
            return Ok(spool_new(views, folder).await?);
        };
        let origin = &self.log.origin().name;
        let mut written = 0;
        loop {
            let Some(turn) = beside.turn(origin).await? else {
                // Another server is writing them.
                let position = views.position().await?;
                return Ok(Spooled { written, position });
            };
            let page = spool_page(views, folder, turn.position).await?;
            beside.end_turn(turn, origin, page.position).await?;
            written += page.written;
            if page.last {
                return Ok(Spooled {
                    written,
                    position: page.position,
                });
            }
        }
    }

    /// Puts a text into the notes and gives its digest for the record; nothing for no text.
    pub async fn note(&self, text: Option<&str>) -> Result<Option<String>, Failure> {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => Ok(Some(self.notes().await?.keep(text).await?)),
        }
    }

    /// A request with a fresh id, or the one given.
    #[must_use]
    pub fn request(
        &self,
        actor: Actor,
        source: Source,
        command_id: Option<Uuid>,
        occurred_at: Option<OccurredAt>,
    ) -> Request {
        Request {
            command_id: command_id.map_or_else(|| new_command_id(self.clock.now()), CommandId),
            actor,
            source,
            occurred_at,
        }
    }

    /// A request of the installation itself: publications, rules.
    #[must_use]
    pub fn own_request(&self) -> Request {
        self.request(rule_actor(), Source::Rule, None, None)
    }

    /// The newest definition of a programme; one that this build brings is published first if the log has none.
    pub async fn programme(&self, programme: &str) -> Result<(Arc<Definition>, String), Failure> {
        match self.handler.library().newest_definition(programme).await {
            Err(HandleError::UnknownProgramme(_)) => {}
            other => return Ok(other?),
        }
        if !BUILTIN_PROGRAMMES.contains(&programme) {
            return Err(HandleError::UnknownProgramme(programme.to_owned()).into());
        }
        let parsed = parse_builtin(programme).map_err(Failure::Definition)?;
        self.publish(&parsed.definition, &sources(&parsed)).await?;
        Ok(self.handler.library().newest_definition(programme).await?)
    }

    /// Publishes a definition, and with the first one the calendar of this build.
    pub async fn publish(
        &self,
        definition: &Definition,
        sources: &BTreeMap<String, String>,
    ) -> Result<bool, Failure> {
        self.publish_version(definition, sources, None).await
    }

    /// Publishes a version, and records the rehearsal that was overridden for it.
    pub async fn publish_version(
        &self,
        definition: &Definition,
        sources: &BTreeMap<String, String>,
        overridden: Option<&OverriddenRehearsal>,
    ) -> Result<bool, Failure> {
        self.publish_first_calendar().await?;
        Ok(self
            .handler
            .publish_version(definition, sources, overridden, &self.own_request())
            .await?
            .is_some())
    }
}

/// The origin of a new log that records the world: a name that no other log has.
#[must_use]
pub fn new_origin() -> Origin {
    Origin::real(format!("anju.local/{}", Uuid::new_v4()))
}

/// Makes a folder that only this user reads: read models hold what the log holds.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl App {
    /// Publishes the calendar of this build into a log that has none, or into one whose newest calendar knows less: a
    /// calendar that was published by hand and knows more years is not put aside.
    async fn publish_first_calendar(&self) -> Result<(), Failure> {
        let builtin = Calendar::builtin();
        let newest = self.handler.library().calendar().await?;
        let added = newest
            .definition()
            .notices
            .iter()
            .any(|notice| !builtin.definition().notices.contains(notice));
        if !added {
            self.handler
                .publish_calendar(&builtin, &self.own_request())
                .await?;
        }
        Ok(())
    }
}

/// The files a definition was written in, by name. Folders stay out of the log: they say nothing of the plan.
#[must_use]
pub fn sources(parsed: &Parsed) -> BTreeMap<String, String> {
    parsed
        .sources
        .iter()
        .map(|source| {
            let name = source
                .name
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or(&source.name);
            (name.to_owned(), source.text.clone())
        })
        .collect()
}

/// The actor of what rules do by themselves.
#[must_use]
pub fn rule_actor() -> Actor {
    Actor {
        person: None,
        role: "rule".to_owned(),
        unit: None,
        area: None,
    }
}

/// An actor from the words of a command line or a form.
pub fn actor(
    role: &str,
    unit: Option<&str>,
    area: Option<&str>,
    person: Option<&str>,
) -> Result<Actor, Failure> {
    Ok(Actor {
        person: person
            .map(str::parse::<PersonRef>)
            .transpose()
            .map_err(HandleError::from)?,
        role: role.to_owned(),
        unit: unit.map(str::to_owned),
        area: area.map(str::to_owned),
    })
}
