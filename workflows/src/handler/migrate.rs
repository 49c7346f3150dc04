//! Migrations come in by the same door: load, decide, append, and again if somebody was faster.

use std::sync::Arc;

use anju_engine::event::CommandId;
use anju_engine::log::AppendError;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::deciding::{Rendering, calendars_at};
use super::{HandleError, Handler, Outcome, RETRIES, Request};
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::migration::{Mapping, Plan, Rehearsal, Version, rehearse};
use crate::project::decide::{CommandError, Context, decide_migration};
use crate::project::event::ProjectId;
use crate::project::state::ProjectState;

/// A migration, for any number of projects of one programme.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The version to go to.
    pub to: Arc<Definition>,
    /// Its digest.
    pub digest: String,
    /// Ids that are called otherwise, and what becomes of each open deadline.
    pub mapping: Mapping,
    /// The digest of a reason.
    pub note: Option<String>,
}

impl Migration {
    fn plan(&self) -> Plan<'_> {
        Plan {
            to: Version {
                definition: &self.to,
                digest: &self.digest,
            },
            mapping: &self.mapping,
            note: self.note.as_deref(),
        }
    }

    /// SHA-256 of what is asked of one project, without id, revision or now. The reason is left out: kept under a
    /// fresh salt each time it is given, it has another digest when an interrupted migration is run again.
    fn request_digest(&self, project: &ProjectId) -> [u8; 32] {
        // serde_json keeps the keys of a value sorted: equal migrations have equal bytes.
        let value = json!({
            "migrate": project.as_str(),
            "to": self.digest,
            "mapping": serde_json::to_value(&self.mapping).unwrap_or_default(),
        });
        Sha256::digest(value.to_string().as_bytes()).into()
    }
}

/// The id of the command that moves one project, made from the id of the whole migration: a migration that is run
/// again under its id finds what it has done.
#[must_use]
pub fn migration_command_id(migration: CommandId, project: &ProjectId) -> CommandId {
    let hash = Sha256::digest(format!("migrate/{migration}/{project}"));
    let mut sixteen = [0u8; 16];
    sixteen.copy_from_slice(&hash[..16]);
    CommandId(Builder::from_custom_bytes(sixteen).into_uuid())
}

impl Handler {
    /// What a migration would change for one project; appends nothing.
    pub async fn rehearse(
        &self,
        state: &ProjectState,
        migration: &Migration,
    ) -> Result<Rehearsal, HandleError> {
        let bound = &state.registered;
        let definition = self
            .library()
            .definition(&bound.programme, &bound.definition)
            .await?;
        let calendar = self.library().calendar().await?;
        let context = self
            .context(&definition, &bound.definition, &calendar)
            .await?;
        Ok(rehearse(context, migration.plan(), state).0)
    }

    /// Moves one project: decides on its fresh state and appends one event. A repeat under the same command id changes
    /// nothing and gives the first outcome.
    pub async fn migrate(
        &self,
        project: &ProjectId,
        migration: &Migration,
        request: &Request,
    ) -> Result<Outcome, HandleError> {
        let digest = migration.request_digest(project);
        if let Some(known) = self.log().find_command(request.command_id).await? {
            if known.request_digest != digest {
                return Err(AppendError::CommandReused {
                    command_id: request.command_id,
                }
                .into());
            }
            return self.stored(known.first, known.last, true).await;
        }
        for _ in 0..RETRIES {
            let state = self.load(project).await?.ok_or_else(|| {
                HandleError::Command(CommandError::NotRegistered {
                    project: project.to_string(),
                })
            })?;
            let bound = &state.registered;
            let definition = self
                .library()
                .definition(&bound.programme, &bound.definition)
                .await?;
            let (revision, calendar) = self.library().newest_calendar().await?;
            let context = self
                .context(&definition, &bound.definition, &calendar)
                .await?;
            let decision = decide_migration(context, migration.plan(), &state)?;
            let simulated = self.log().head().await?.origin.simulated;
            let mut append = Rendering {
                project,
                state: Some(&state),
                request,
                request_digest: digest,
                simulated,
            }
            .append(&decision)?;
            append.unchanged = vec![calendars_at(revision)?];
            match self.log().append(append).await {
                Ok(appended) => {
                    let outcome = self
                        .stored(appended.first, appended.last, appended.repeated)
                        .await?;
                    if !outcome.repeated {
                        self.remember(project, Some(state), &decision, &outcome.events);
                    }
                    return Ok(outcome);
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HandleError::Contended(project.to_string()))
    }

    async fn context<'a>(
        &self,
        definition: &'a Definition,
        definition_digest: &'a str,
        calendar: &'a Calendar,
    ) -> Result<Context<'a>, HandleError> {
        Ok(Context {
            definition,
            definition_digest,
            calendar,
            now: self.now().await?,
            role: "rule",
            unit: None,
        })
    }
}
