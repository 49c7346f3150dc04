//! A store, opened: the log, the handler, the read models and the notes beside it.

mod failure;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use anju_engine::clock::{Clock, SystemClock};
use anju_engine::event::{Actor, CommandId, OccurredAt, PersonRef, Source};
use anju_engine::log::{EventLog, Origin};
use anju_engine::{CreateOptions, LogOptions, OpenError, SqliteLog};
use anju_projections::Views;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{BUILTIN_PROGRAMMES, Definition, Lang, Parsed, parse_builtin};
use anju_workflows::handler::{HandleError, Handler, Request, new_command_id};
use uuid::Uuid;

pub use failure::Failure;
pub use store::Store;

use crate::notes::Notes;

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It must exist.
    Existing,
    /// It is created, as a real log, if it does not exist.
    OrCreate,
}

/// A store, opened.
pub struct App {
    /// Where it is.
    pub store: Store,
    /// The log.
    pub log: Arc<SqliteLog>,
    /// The door.
    pub handler: Arc<Handler>,
    /// The language of answers.
    pub lang: Lang,
    /// The clock.
    pub clock: Arc<dyn Clock>,
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
            ..LogOptions::default()
        };
        let path = store.path();
        let opened = match mode {
            Mode::Existing => SqliteLog::open(path, options, clock.clone()).await,
            Mode::OrCreate => {
                let origin = Origin::real(format!("anju.local/{}", Uuid::new_v4()));
                SqliteLog::open_or_create(path, CreateOptions::new(origin), options, clock.clone())
                    .await
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
    pub fn over(store: Store, log: Arc<SqliteLog>, clock: Arc<dyn Clock>, lang: Lang) -> Self {
        let dynamic: Arc<dyn EventLog> = log.clone();
        Self {
            handler: Arc::new(Handler::new(dynamic, clock.clone())),
            store,
            log,
            lang,
            clock,
            notes: tokio::sync::OnceCell::new(),
            views: tokio::sync::OnceCell::new(),
        }
    }

    /// The read models, caught up with the log.
    pub async fn views(&self) -> Result<&Arc<Views>, Failure> {
        let views = self
            .views
            .get_or_try_init(|| async {
                Views::open(&self.store.beside("views.db"), self.handler.clone())
                    .await
                    .map(Arc::new)
            })
            .await?;
        views.catch_up().await?;
        Ok(views)
    }

    /// The erasable store of notes.
    pub async fn notes(&self) -> Result<&Notes, Failure> {
        self.notes
            .get_or_try_init(|| Notes::open(self.store.beside("notes.db")))
            .await
            .map_err(Failure::from)
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
        self.handler
            .publish_calendar(&Calendar::builtin(), &self.own_request())
            .await?;
        Ok(self
            .handler
            .publish_definition(definition, sources, &self.own_request())
            .await?
            .is_some())
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
