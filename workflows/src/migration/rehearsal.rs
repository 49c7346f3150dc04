//! What a migration would change for one project, and what forbids it.

use std::collections::{BTreeMap, BTreeSet};

use anju_engine::event::{EventId, OccurredAt};
use jiff::civil::Date;
use serde::Serialize;

use super::{Blocker, Mapping, known_ids};
use crate::calendar::Calendar;
use crate::definition::{Definition, Placement};
use crate::project::deadline::{OpenDeadline, all_open};
use crate::project::decide::Context;
use crate::project::escalation::{due_steps, wrong_steps};
use crate::project::event::{ProjectEvent, ProjectId, StepKey};
use crate::project::fields;
use crate::project::lot::When;
use crate::project::migrated::{
    CarriedDay, CarriedDeadline, CarriedLot, DeadlineChoice, DefinitionMigrated, Renamed,
    StepChange, VisitChange,
};
use crate::project::state::{Envelope, FactState, ProjectState, Status};
use crate::requirement::{Judgement, View, judge_exit};

/// A version of a programme: its definition, and the digest it is known by.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// The definition.
    pub definition: &'a Definition,
    /// Its digest.
    pub digest: &'a str,
}

/// What a migration is to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The version to go to.
    pub to: Version<'a>,
    /// Ids that are called otherwise, and what becomes of each open deadline.
    pub mapping: &'a Mapping,
    /// The digest of a reason.
    pub note: Option<&'a str>,
}

/// What a migration would change for one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// The project.
    pub project: ProjectId,
    /// The digest of the version it is bound to.
    pub from: String,
    /// Its stage.
    pub stage: String,
    /// What the stage is called in the new version.
    pub becomes: String,
    /// What would change.
    pub changes: Vec<Change>,
    /// Requirements for leaving its stage that are unmet in the new version and were met, or were not asked, in the
    /// old one.
    pub newly_unmet: Vec<Unmet>,
    /// Requirements, by their old ids, that the new version does not ask.
    pub no_longer_asked: Vec<String>,
    /// What forbids it; empty = it can go over.
    pub blockers: Vec<Blocker>,
}

/// One thing that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// An open deadline is carried over.
    Deadline {
        /// Its id.
        deadline: String,
        /// Its id in the new version.
        becomes: String,
        /// The lot that answers for it, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        lot: Option<String>,
        /// What was chosen.
        choice: DeadlineChoice,
        /// Its last permitted day.
        before: Date,
        /// Its last permitted day afterwards; absent if there is none (any more, or yet).
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<Date>,
    },
    /// The new version brings a deadline.
    NewDeadline {
        /// Its id.
        deadline: String,
        /// The lot that answers for it, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        lot: Option<String>,
        /// Its last permitted day.
        due: Date,
        /// Whether that has passed.
        passed: bool,
    },
    /// Facts of a type count for nothing from then on.
    Uncounted {
        /// The type.
        fact: String,
        /// How many facts.
        facts: usize,
    },
    /// Facts recorded before the type was declared count from then on.
    Counted {
        /// The type.
        fact: String,
        /// How many facts.
        facts: usize,
    },
    /// Facts recorded before the type was declared do not fit it and go on counting for nothing.
    NotCounted {
        /// The type.
        fact: String,
        /// Their positions.
        positions: Vec<u64>,
    },
    /// Fields of facts that the new version does not read.
    Unread {
        /// The type.
        fact: String,
        /// The fields.
        fields: Vec<String>,
    },
    /// A stage that it went through has no counterpart. The history stays as it is.
    StageGone {
        /// The stage.
        stage: String,
    },
    /// Steps of the ladder that the new version would not have taken stand all the same.
    StepsStand {
        /// How many.
        steps: usize,
    },
    /// A step of the ladder is due at once.
    StepDue {
        /// Which.
        key: StepKey,
        /// The ladder step's id.
        ladder: String,
    },
}

/// A requirement that would be unmet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// As the new version judges it today.
    pub judgement: Judgement,
    /// Whether the old version asks it (and finds it met), or does not ask it.
    pub asked_before: bool,
}

/// Rehearses one migration. The context holds the version the project is bound to, the calendar and now. With it comes
/// the event that would be appended, if nothing forbids it.
#[must_use]
pub fn rehearse(
    context: Context<'_>,
    plan: Plan<'_>,
    state: &ProjectState,
) -> (Rehearsal, Option<DefinitionMigrated>) {
    let renamed = renamed_in(&plan.mapping.renamed(), context.definition);
    let mut rehearsal = Rehearsal {
        project: state.id.clone(),
        from: context.definition_digest.to_owned(),
        becomes: renamed.stage(&state.stage).to_owned(),
        stage: state.stage.clone(),
        changes: Vec::new(),
        newly_unmet: Vec::new(),
        no_longer_asked: Vec::new(),
        blockers: Vec::new(),
    };
    let scene = Scene {
        context,
        plan,
        state,
        placement: state.placement(),
        renamed,
    };
    if let Some(blocker) = scene.not_this_one() {
        rehearsal.blockers.push(blocker);
        return (rehearsal, None);
    }
    scene.place(&mut rehearsal);
    scene.parts(&mut rehearsal);
    let mut event = DefinitionMigrated {
        from: context.definition_digest.to_owned(),
        to: plan.to.digest.to_owned(),
        renamed: scene.renamed.clone(),
        deadlines: BTreeMap::new(),
        uncounted: Vec::new(),
        counted: Vec::new(),
        ladder: scene.ladder(),
        standing_steps: Vec::new(),
        decided_at: context.decided_at(),
        calendar: context.calendar.digest().to_owned(),
        note: plan.note.map(str::to_owned),
    };
    scene.facts(&mut rehearsal, &mut event);
    scene.choices(&mut rehearsal, &mut event);
    if rehearsal
        .blockers
        .iter()
        .any(|blocker| matches!(blocker, Blocker::NoStage { .. }))
    {
        return (rehearsal, None);
    }
    let after = scene.afterwards(&mut rehearsal, &mut event);
    scene.requirements(&mut rehearsal, &after);
    let possible = rehearsal.blockers.is_empty();
    (rehearsal, possible.then_some(event))
}

/// Every open deadline that a definition gives, for the project and each of its lots. Orders have days of their own.
fn open(definition: &Definition, calendar: &Calendar, state: &ProjectState) -> Vec<OpenDeadline> {
    all_open(definition, calendar, state)
        .into_iter()
        .flatten()
        .filter(|open| open.order_number.is_none())
        .collect()
}

/// Of the ids that are called otherwise, those that the version before has.
fn renamed_in(renamed: &Renamed, before: &Definition) -> Renamed {
    let of = |part: &str, map: &BTreeMap<String, String>| {
        let known = known_ids(before, part);
        map.iter()
            .filter(|(old, _)| known.contains(&old.as_str()))
            .map(|(old, new)| (old.clone(), new.clone()))
            .collect()
    };
    Renamed {
        stages: of("stages", &renamed.stages),
        facts: of("facts", &renamed.facts),
        requirements: of("requirements", &renamed.requirements),
        deadlines: of("deadlines", &renamed.deadlines),
    }
}

/// What a rehearsal looks at.
struct Scene<'a> {
    context: Context<'a>,
    plan: Plan<'a>,
    state: &'a ProjectState,
    placement: Placement,
    renamed: Renamed,
}

impl Scene<'_> {
    fn to(&self) -> &Definition {
        self.plan.to.definition
    }

    /// What makes the question itself wrong.
    fn not_this_one(&self) -> Option<Blocker> {
        let programme = &self.state.registered.programme;
        if *programme != self.to().id {
            return Some(Blocker::AnotherProgramme {
                programme: programme.clone(),
                asked: self.to().id.clone(),
            });
        }
        if matches!(self.state.status, Status::Completed | Status::Withdrawn) {
            return Some(Blocker::NotRunning {
                status: self.state.status.as_str(),
            });
        }
        (self.state.registered.definition == self.plan.to.digest).then_some(Blocker::SameVersion)
    }

    /// The stage it stands in, those it went through, its track and its area.
    fn place(&self, rehearsal: &mut Rehearsal) {
        let possible: Vec<String> = self
            .to()
            .stages_in_order(&self.placement)
            .into_iter()
            .map(|(id, _)| id.to_owned())
            .collect();
        if !possible.contains(&rehearsal.becomes) {
            rehearsal.blockers.push(Blocker::NoStage {
                stage: rehearsal.stage.clone(),
                becomes: rehearsal.becomes.clone(),
                possible,
            });
        }
        for stage in self.state.visits.keys() {
            let gone = !self.to().stages.contains_key(self.renamed.stage(stage));
            if gone && *stage != self.state.stage {
                rehearsal.changes.push(Change::StageGone {
                    stage: stage.clone(),
                });
            }
        }
        let mut known = |what: &'static str, value: &Option<String>, known: Vec<&String>| {
            if let Some(value) = value
                && !known.contains(&value)
            {
                rehearsal.blockers.push(Blocker::NoPlace {
                    what,
                    value: value.clone(),
                    known: known.into_iter().cloned().collect(),
                });
            }
        };
        let tracks = self.to().tracks.keys().collect();
        known("track", &self.placement.track, tracks);
        let areas = self.to().areas.keys().collect();
        known("area", &self.placement.area, areas);
    }

    /// Facts whose type the new version lacks, has anew, or reads otherwise.
    fn facts(&self, rehearsal: &mut Rehearsal, event: &mut DefinitionMigrated) {
        let mut types: BTreeMap<&str, Vec<(u64, &FactState)>> = BTreeMap::new();
        for (position, fact) in &self.state.facts {
            if !fact.voided {
                types
                    .entry(self.renamed.fact(&fact.fact))
                    .or_default()
                    .push((*position, fact));
            }
        }
        for (id, facts) in types {
            let (counted, other): (Vec<_>, Vec<_>) =
                facts.into_iter().partition(|(_, fact)| fact.declared);
            let Some(kind) = self.to().facts.get(id) else {
                if !counted.is_empty() {
                    event.uncounted.push(id.to_owned());
                    rehearsal.changes.push(Change::Uncounted {
                        fact: id.to_owned(),
                        facts: counted.len(),
                    });
                }
                continue;
            };
            let mut unread = BTreeSet::new();
            for (position, fact) in counted {
                let (read, rest): (Vec<_>, Vec<_>) = fact
                    .fields
                    .iter()
                    .partition(|(key, _)| kind.fields.contains_key(*key));
                unread.extend(rest.into_iter().map(|(key, _)| key.clone()));
                let read = read
                    .into_iter()
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                if let Err(problems) = fields::check(kind, &read, true) {
                    let blocker = Blocker::misfit(position, id, &problems);
                    rehearsal.blockers.push(blocker);
                }
            }
            if !unread.is_empty() {
                rehearsal.changes.push(Change::Unread {
                    fact: id.to_owned(),
                    fields: unread.into_iter().collect(),
                });
            }
            let misfits: Vec<u64> = other
                .iter()
                .filter(|(_, fact)| fields::check(kind, &fact.fields, false).is_err())
                .map(|(position, _)| *position)
                .collect();
            if !misfits.is_empty() {
                rehearsal.changes.push(Change::NotCounted {
                    fact: id.to_owned(),
                    positions: misfits,
                });
            } else if !other.is_empty() {
                event.counted.push(id.to_owned());
                rehearsal.changes.push(Change::Counted {
                    fact: id.to_owned(),
                    facts: other.len(),
                });
            }
        }
    }

    /// Lots that stand and orders that are open must still be known.
    fn parts(&self, rehearsal: &mut Rehearsal) {
        let now = When {
            day: Date::MAX,
            before: None,
        };
        let lots: Vec<String> = self
            .state
            .standing_lots(now)
            .map(|(id, _)| id.clone())
            .collect();
        if !lots.is_empty() && self.to().lots.is_none() {
            rehearsal.blockers.push(Blocker::LosesLots { lots });
        }
        let (before, after) = (&self.context.definition.orders, &self.to().orders);
        for (number, order) in &self.state.orders {
            let known = match after {
                Some(orders) => orders.about.is_empty() || orders.about.contains_key(&order.about),
                None => before.is_none(),
            };
            if order.is_open(now) == Some(true) && !known {
                rehearsal.blockers.push(Blocker::LosesOrder {
                    order: *number,
                    about: order.about.clone(),
                    known: after
                        .iter()
                        .flat_map(|orders| orders.about.keys().cloned())
                        .collect(),
                });
            }
        }
    }

    /// Steps of the ladder whose place is another: a step is known by its id.
    fn ladder(&self) -> Vec<StepChange> {
        let before = &self.context.definition.ladder;
        before
            .iter()
            .filter_map(|(id, step)| {
                let to = self.to().ladder.get(id)?.step;
                (to != step.step).then_some(StepChange {
                    from: step.step,
                    to,
                })
            })
            .collect()
    }

    /// What becomes of each open deadline, as chosen: one word for the project and its lots.
    fn choices(&self, rehearsal: &mut Rehearsal, event: &mut DefinitionMigrated) {
        let mut asked = BTreeSet::new();
        for open in self.open_before() {
            let becomes = self.renamed.deadline(&open.id);
            let counterpart = self.has_deadline(becomes, &open, &rehearsal.becomes);
            let blocker = match (self.plan.mapping.choices.get(&open.id), counterpart) {
                (Some(DeadlineChoice::Lapse), true) => Blocker::NotLapsing {
                    deadline: open.id.clone(),
                },
                (Some(DeadlineChoice::Keep | DeadlineChoice::Recompute), false) => {
                    Blocker::NoDeadline {
                        deadline: open.id.clone(),
                        becomes: becomes.to_owned(),
                    }
                }
                (Some(choice), _) => {
                    let carried =
                        event
                            .deadlines
                            .entry(open.id.clone())
                            .or_insert(CarriedDeadline {
                                choice: *choice,
                                own: None,
                                lots: Vec::new(),
                            });
                    let day = CarriedDay {
                        before: open.due,
                        due: None,
                        visit: None,
                    };
                    match open.lot {
                        None => carried.own = Some(day),
                        Some(lot) => carried.lots.push(CarriedLot { lot, day }),
                    }
                    continue;
                }
                (None, counterpart) => Blocker::Undecided {
                    deadline: open.id.clone(),
                    due: open.due,
                    counterpart,
                },
            };
            // Once for the deadline, not for each lot.
            if asked.insert(open.id) {
                rehearsal.blockers.push(blocker);
            }
        }
    }

    fn open_before(&self) -> Vec<OpenDeadline> {
        open(self.context.definition, self.context.calendar, self.state)
    }

    /// Whether the new version has a deadline for this project, or for a lot that answers by itself, in `stage` or
    /// after it.
    fn has_deadline(&self, id: &str, open: &OpenDeadline, stage: &str) -> bool {
        let to = self.to();
        let here = to.stages.get(stage).map_or(0, |stage| stage.order);
        let by_lot = to.lots.is_some() && !self.state.lots.is_empty();
        to.stages.values().any(|stage| {
            (stage.order >= here || open.lot.is_some())
                && to.applies(&stage.applies, &self.placement)
                && stage.deadlines.get(id).is_some_and(|deadline| {
                    to.applies(&deadline.applies, &self.placement)
                        && (by_lot && deadline.per_lot) == open.lot.is_some()
                })
        })
    }

    /// The state after the event, which is completed by what only that state tells.
    fn afterwards(
        &self,
        rehearsal: &mut Rehearsal,
        event: &mut DefinitionMigrated,
    ) -> ProjectState {
        let (to, calendar) = (self.to(), self.context.calendar);
        let after = self.folded(event);
        let open = open(to, calendar, &after);
        let mut images = BTreeSet::new();
        for before in self.open_before() {
            let becomes = self.renamed.deadline(&before.id);
            let found = open
                .iter()
                .find(|open| open.id == becomes && open.lot == before.lot);
            images.insert((becomes.to_owned(), before.lot.clone()));
            let Some(carrying) = event.deadlines.get_mut(&before.id) else {
                continue;
            };
            let choice = carrying.choice;
            let Some(carried) = carrying.day_of_mut(before.lot.as_deref()) else {
                continue;
            };
            carried.due = found.map(|open| open.due);
            carried.visit =
                found
                    .filter(|open| open.visit != before.visit)
                    .map(|open| VisitChange {
                        from: before.visit,
                        to: open.visit,
                    });
            rehearsal.changes.push(Change::Deadline {
                deadline: before.id.clone(),
                becomes: becomes.to_owned(),
                lot: before.lot.clone(),
                choice,
                before: before.due,
                due: carried.due,
            });
        }
        let today = self.context.today();
        for new in open {
            if images.contains(&(new.id.clone(), new.lot.clone())) {
                continue;
            }
            rehearsal.changes.push(Change::NewDeadline {
                deadline: new.id,
                lot: new.lot,
                due: new.due,
                passed: new.due < today,
            });
        }
        let after = self.folded(event);
        let standing: BTreeSet<EventId> = wrong_steps(to, calendar, &after)
            .map(|step| step.event)
            .collect();
        if !standing.is_empty() {
            rehearsal.changes.push(Change::StepsStand {
                steps: standing.len(),
            });
            event.standing_steps = standing.into_iter().collect();
        }
        let after = self.folded(event);
        for due in due_steps(to, calendar, &after, today) {
            rehearsal.changes.push(Change::StepDue {
                key: due.key,
                ladder: due.ladder,
            });
        }
        after
    }

    fn folded(&self, event: &DefinitionMigrated) -> ProjectState {
        let envelope = Envelope {
            position: self.state.position + 1,
            revision: self.state.revision + 1,
            id: EventId(uuid::Uuid::nil()),
            occurred_at: OccurredAt::on(self.context.today()),
            recorded_at: self.context.now,
        };
        let event = ProjectEvent::DefinitionMigrated(event.clone());
        let (state, id) = (self.state.clone(), &self.state.id);
        // A state that is there stays there: only a first event can leave none.
        ProjectState::evolve(Some(state), id, &event, &envelope)
            .unwrap_or_else(|| self.state.clone())
    }

    /// What leaving the stage demands, before and after.
    fn requirements(&self, rehearsal: &mut Rehearsal, after: &ProjectState) {
        let judged = |definition, state: &ProjectState| {
            let view = View {
                definition,
                calendar: self.context.calendar,
                state,
                day: self.context.today(),
                before: None,
            };
            judge_exit(view, &state.stage)
        };
        let old = judged(self.context.definition, self.state);
        let new = judged(self.to(), after);
        let before: BTreeMap<&str, &Judgement> = old
            .iter()
            .map(|judgement| (self.renamed.requirement(&judgement.rule), judgement))
            .collect();
        for (rule, judgement) in &before {
            if !new.iter().any(|new| new.rule == *rule) {
                rehearsal.no_longer_asked.push(judgement.rule.clone());
            }
        }
        for judgement in new.into_iter().filter(|judgement| !judgement.met) {
            let known = before.get(judgement.rule.as_str());
            if known.is_none_or(|before| before.met) {
                rehearsal.newly_unmet.push(Unmet {
                    asked_before: known.is_some(),
                    judgement,
                });
            }
        }
    }
}
