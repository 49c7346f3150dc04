//! The log that grows, in a file or in a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anju_engine::log::AnyLog;

use crate::app::{Failure, Store, StoreError};
use crate::bench::database::Database;
use crate::bench::log;

/// A log with what a server has to know to serve it.
pub(super) struct Subject {
    pub(super) log: Arc<AnyLog>,
    address: String,
    /// The folder for what this machine keeps of it, if that does not stand beside it.
    state: Option<PathBuf>,
    views: PathBuf,
    /// The log's file; `None` in a database.
    file: Option<PathBuf>,
}

impl Subject {
    /// A new one below `folder`, or in this database.
    pub(super) async fn create(
        folder: &Path,
        database: Option<&Database>,
    ) -> Result<Self, Failure> {
        let Some(database) = database else {
            let file = folder.join("anju.db");
            let log = log::create(&file).await?;
            return Ok(Self {
                log: Arc::new(log.into()),
                address: format!("sqlite:{}", file.display()),
                state: None,
                views: folder.join("anju.views.db"),
                file: Some(file),
            });
        };
        let log: AnyLog = database.log().await?.into();
        let store: Store = database
            .url()
            .parse()
            .map_err(|error: StoreError| Failure::usage(error.to_string(), error.to_string()))?;
        let store = store.with_state(Some(folder.to_owned()));
        Ok(Self {
            views: store.beside(&log.origin().name, "views.db")?,
            log: Arc::new(log),
            address: database.url().to_owned(),
            state: Some(folder.to_owned()),
            file: None,
        })
    }

    /// As `anju --store` takes it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// As `anju --state` takes it, where it is needed.
    pub(super) fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// Where a server on this machine looks for its read models.
    pub(super) fn views(&self) -> &Path {
        &self.views
    }

    /// The log's file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}
