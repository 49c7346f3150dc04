//! A running project goes over to another version of its programme.
//!
//! The migration is not one of the [commands](crate::project::Command) that a definition judges: it needs both
//! versions. It comes in by the same door, with its own call.

use anju_engine::event::OccurredAt;

use super::{Context, Decision};
use crate::definition::Lang;
use crate::migration::{Blocker, Plan, rehearse};
use crate::project::event::{ProjectEvent, ProjectId};
use crate::project::state::ProjectState;

/// Why a project was not moved: everything that forbids it. Nothing is appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message(Lang::En))]
pub struct MigrationRefused {
    /// The project.
    pub project: ProjectId,
    /// What forbids it.
    pub blockers: Vec<Blocker>,
}

impl MigrationRefused {
    /// The reasons in words.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        let reasons: Vec<String> = self
            .blockers
            .iter()
            .map(|blocker| blocker.message(lang))
            .collect();
        match lang {
            Lang::Zh => format!("项目“{}”不能迁移:{}", self.project, reasons.join(";")),
            Lang::En => format!(
                "project {:?} cannot go over: {}",
                self.project.as_str(),
                reasons.join("; ")
            ),
        }
    }
}

/// Decides one migration, dated today. Steps of the ladder that were taken stay as they are, whatever the new version
/// would have said: nothing is withdrawn for it.
pub fn decide_migration(
    context: Context<'_>,
    plan: Plan<'_>,
    state: &ProjectState,
) -> Result<Decision, MigrationRefused> {
    let (rehearsal, event) = rehearse(context, plan, state);
    match event {
        Some(event) => Ok(Decision::one(
            ProjectEvent::DefinitionMigrated(event),
            &OccurredAt::on(context.today()),
        )),
        None => Err(MigrationRefused {
            project: state.id.clone(),
            blockers: rehearsal.blockers,
        }),
    }
}
