//! States kept in memory: those used lately.

use std::collections::HashMap;

use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;

/// A project's number, and its state.
pub(crate) type Numbered = (u64, ProjectState);

/// At most twice `generation` states: when the young generation is full it becomes the old one, and the old one goes.
/// What is used moves to the young one, so what goes was not used for a whole generation.
pub(crate) struct StateCache {
    generation: usize,
    young: HashMap<ProjectId, Numbered>,
    old: HashMap<ProjectId, Numbered>,
}

impl StateCache {
    pub(crate) fn new(generation: usize) -> Self {
        Self {
            generation,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Takes a state out.
    pub(crate) fn take(&mut self, id: &ProjectId) -> Option<Numbered> {
        self.young.remove(id).or_else(|| self.old.remove(id))
    }

    /// Puts a state in.
    pub(crate) fn put(&mut self, id: ProjectId, state: Numbered) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, state);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use anju_engine::event::{EventId, OccurredAt};
    use anju_workflows::project::event::{ProjectEvent, ProjectRegistered};
    use anju_workflows::project::state::Envelope;
    use jiff::Timestamp;
    use jiff::civil::date;
    use uuid::Uuid;

    use super::*;

    pub(crate) fn state(id: &ProjectId) -> ProjectState {
        let registered = ProjectEvent::ProjectRegistered(ProjectRegistered {
            programme: "town".to_owned(),
            definition: String::new(),
            name: String::new(),
            area: None,
            track: None,
            category: None,
            compounds: Vec::new(),
            plan: BTreeMap::new(),
            stage: "survey".to_owned(),
            adopted: false,
            counted: false,
            batch: None,
        });
        let envelope = Envelope {
            position: 1,
            revision: 0,
            id: EventId(Uuid::nil()),
            occurred_at: OccurredAt::on(date(2021, 1, 1)),
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        ProjectState::evolve(None, id, &registered, &envelope).unwrap()
    }

    #[test]
    fn at_most_two_generations_are_kept_and_what_is_used_outlives_what_is_not() {
        let mut cache = StateCache::new(3);
        let id = |n: u64| ProjectId::new(format!("P{n}")).unwrap();
        let used = id(0);
        cache.put(used.clone(), (0, state(&used)));
        for n in 1..100 {
            cache.put(id(n), (n, state(&id(n))));
            assert!(cache.young.len() + cache.old.len() <= 6);
            let kept = cache.take(&used).expect("used again and again");
            cache.put(used.clone(), kept);
        }
        assert!(cache.take(&id(99)).is_some());
        assert!(cache.take(&id(1)).is_none());
    }
}
