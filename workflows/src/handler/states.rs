//! The states of projects, kept between commands.

use std::collections::HashMap;
use std::sync::Arc;

use crate::project::ProjectState;
use crate::project::event::ProjectId;

/// States used lately, at most twice `generation` of them: when the young generation is full it becomes the old one, and
/// the old one goes. What is used moves to the young one, so what goes was not used for a whole generation.
///
/// A state is as of its revision, and the append of what was decided on it checks that: a state that is behind costs a
/// second decision, never a wrong one. Whoever only shows one asks the log first what has come after it.
#[derive(Debug)]
pub(super) struct States {
    generation: usize,
    young: HashMap<ProjectId, Arc<ProjectState>>,
    old: HashMap<ProjectId, Arc<ProjectState>>,
}

impl States {
    pub(super) fn new(generation: usize) -> Self {
        Self {
            generation: generation.max(1),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// The newest state that is known of a project.
    pub(super) fn get(&mut self, project: &ProjectId) -> Option<Arc<ProjectState>> {
        if let Some(state) = self.young.get(project) {
            return Some(Arc::clone(state));
        }
        let state = self.old.remove(project)?;
        self.put(project, Arc::clone(&state));
        Some(state)
    }

    /// Keeps a state, unless a newer one is known.
    pub(super) fn put(&mut self, project: &ProjectId, state: Arc<ProjectState>) {
        let known = self.young.get(project).or_else(|| self.old.get(project));
        if known.is_some_and(|known| known.revision > state.revision) {
            return;
        }
        if self.young.len() >= self.generation && !self.young.contains_key(project) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(project.clone(), state);
    }

    /// Lets go of a project's state; whoever holds it holds it alone then, if nobody else took it.
    pub(super) fn remove(&mut self, project: &ProjectId) {
        self.young.remove(project);
        self.old.remove(project);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use anju_engine::event::{EventId, OccurredAt};
    use jiff::Timestamp;
    use jiff::civil::date;
    use uuid::Uuid;

    use super::*;
    use crate::project::ProjectEvent;
    use crate::project::event::ProjectRegistered;
    use crate::project::state::Envelope;

    fn state(id: &ProjectId, revision: u64) -> Arc<ProjectState> {
        let registered = ProjectEvent::ProjectRegistered(ProjectRegistered {
            programme: "x".to_owned(),
            definition: "0".repeat(64),
            name: "长江花园".to_owned(),
            area: None,
            track: None,
            category: None,
            compounds: Vec::new(),
            plan: BTreeMap::new(),
            stage: "survey".to_owned(),
            adopted: false,
            batch: None,
            counted: false,
        });
        let envelope = Envelope {
            position: revision + 1,
            revision,
            id: EventId(Uuid::from_u128(1)),
            occurred_at: OccurredAt::on(date(2021, 3, 1)),
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        Arc::new(ProjectState::evolve(None, id, &registered, &envelope).unwrap())
    }

    #[test]
    fn no_more_than_two_generations_are_kept_and_what_is_used_stays() {
        let ids: Vec<_> = (0..100)
            .map(|n| ProjectId::new(format!("p{n}")).unwrap())
            .collect();
        let mut states = States::new(10);
        for id in &ids {
            states.put(id, state(id, 0));
            // The first is used all the time.
            assert!(states.get(&ids[0]).is_some());
            assert!(states.young.len() + states.old.len() <= 20);
        }
        assert!(states.get(&ids[99]).is_some());
        assert!(states.get(&ids[50]).is_none());
    }

    #[test]
    fn an_older_state_does_not_take_the_place_of_a_newer_one() {
        let id = ProjectId::new("p").unwrap();
        let mut states = States::new(10);
        states.put(&id, state(&id, 7));
        states.put(&id, state(&id, 3));
        assert_eq!(states.get(&id).unwrap().revision, 7);
        states.remove(&id);
        assert!(states.get(&id).is_none());
    }
}
