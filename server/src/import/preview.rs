//! A dry run: rows are decided as they would be, and nothing is appended.

use std::collections::HashMap;

use anju_engine::event::Actor;
use anju_workflows::handler::{Decider, HandleError, event_id, request_digest};
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::state::Envelope;
use anju_workflows::project::{Command, ProjectState};

use super::door::{Door, Known, Trouble, request};
use super::item::{Fate, Intent};

/// Decides rows one after the other on the states that the earlier ones would have made.
pub(super) struct Preview<'a> {
    door: &'a mut Door,
    states: HashMap<ProjectId, ProjectState>,
}

impl<'a> Preview<'a> {
    pub(super) fn new(door: &'a mut Door) -> Self {
        Self {
            door,
            states: HashMap::new(),
        }
    }

    /// What would become of a row.
    pub(super) async fn decide(&mut self, intent: &Intent, actor: &Actor) -> Result<Fate, Trouble> {
        if let Some(fate) = self.door.known(intent).await? {
            return Ok(fate);
        }
        let state = match self.states.remove(&intent.project) {
            Some(state) => Some(state),
            None => self
                .door
                .load(&intent.project)
                .await
                .map_err(Trouble::Store)?
                .map(|state| (*state).clone()),
        };
        let programme = state
            .as_ref()
            .map(|state| state.registered.programme.clone())
            .or_else(|| intent.programme.clone());
        let known = match (&state, &programme) {
            (Some(state), _) => self.bound(state).await?,
            (None, Some(programme)) => {
                self.door
                    .newest(programme)
                    .await
                    .map_err(Trouble::Store)?
                    .ok_or_else(|| Trouble::Row(HandleError::UnknownProgramme(programme.clone())))?
            }
            (None, None) => {
                let project = intent.project.to_string();
                let error = CommandError::NotRegistered { project };
                return Err(Trouble::Row(error.into()));
            }
        };
        let mut command = intent.command.clone();
        if let Command::Record { note, .. } = &mut command
            && intent.note.is_some()
        {
            // No note is kept; the decision only looks at the form of its digest.
            *note = Some("0".repeat(64));
        }
        let calendar = self.door.handler.library().calendar().await?;
        let now = self.door.handler.now().await?;
        let request = request(intent, actor);
        let decided = Decider {
            definition: &known.definition,
            definition_digest: &known.digest,
            calendar: &calendar,
            now,
            simulated: false,
        }
        .decide(
            &intent.project,
            state.as_ref(),
            &command,
            &request,
            request_digest(&intent.project, intent.programme.as_deref(), &command, None),
        );
        let mut folded = state;
        let events = decided
            .as_ref()
            .map_or(&[][..], |decided| decided.decision.events.as_slice());
        for (event, occurred_at) in events {
            let envelope = Envelope {
                position: folded.as_ref().map_or(1, |state| state.position + 1),
                revision: folded.as_ref().map_or(0, |state| state.revision + 1),
                id: event_id(intent.id, 0),
                occurred_at: occurred_at.clone(),
                recorded_at: now,
            };
            folded = ProjectState::evolve(folded, &intent.project, event, &envelope);
        }
        if let Some(state) = folded {
            self.states.insert(intent.project.clone(), state);
        }
        decided?;
        Ok(Fate::WouldRecord)
    }

    /// The definition of a project, which an earlier row of the file may have registered.
    async fn bound(&mut self, state: &ProjectState) -> Result<Known, Trouble> {
        let bound = &state.registered;
        if let Some(newest) = self
            .door
            .newest(&bound.programme)
            .await
            .map_err(Trouble::Store)?
            && *newest.digest == *bound.definition
        {
            return Ok(newest);
        }
        self.door.bound(state).await.map_err(Trouble::Store)
    }
}
