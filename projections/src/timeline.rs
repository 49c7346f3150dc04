//! One project's history, straight from the log: as of any day, as known on any day.
//!
//! *As known D* is what was recorded before the end of D. *As of D* is, of that, the facts and transitions whose day is
//! not after D, folded in position order. A correction or void that is known changes the fact it names even if its own
//! day is later; a fact whose corrected day is after D is left out. Past decisions are shown as they were made.

mod answer;
mod facts;
mod parts;

use anju_engine::event::{Position, end_of_shanghai_day, shanghai_day};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, Lang};
use anju_workflows::handler::Handler;
use anju_workflows::project::ProjectState;
use anju_workflows::project::deadline::all_open;
use anju_workflows::project::event::{ProjectEvent, ProjectId, Transition};
use anju_workflows::requirement::{View, explain};
use jiff::civil::Date;

use crate::calendars::calendar_where;
use crate::history::{self, Past};
use crate::names::{Names, Part, area_name, rule_names, stage_name, step_name};
use crate::{ViewError, Views};

pub use parts::{
    LotsCounter, OpeningSum, OrderMoved, ReplayedBatch, ReplayedLot, ReplayedOpening,
    ReplayedOrder, ReplayedPassage,
};

pub use answer::{
    ClockEvent, DecisionOutcome, FieldLabel, Replay, ReplayQuery, ReplayedCorrection,
    ReplayedDeadline, ReplayedDecision, ReplayedFact, ReplayedMigration, ReplayedRequirement,
    ReplayedStep,
};

impl Views {
    /// The history of a project: see [`replay`].
    pub async fn replay(
        &self,
        project: &ProjectId,
        query: &ReplayQuery,
    ) -> Result<Replay, ViewError> {
        replay(self.handler(), project, query).await
    }
}

/// The history of a project, from the log itself: no read model has a part in it.
///
/// # Errors
/// [`ViewError::UnknownProject`] if it is not in the log; [`ViewError::NotYet`] if it was not registered by then, or
/// not known to be.
pub async fn replay(
    handler: &Handler,
    project: &ProjectId,
    query: &ReplayQuery,
) -> Result<Replay, ViewError> {
    let log = handler.log();
    let position = Position(log.head().await?.size);
    let mut events = history::read(&**log, project, position).await?;
    if events.is_empty() {
        return Err(ViewError::UnknownProject(project.to_string()));
    }
    let as_known = match query.as_known {
        Some(day) => {
            let end = end_of_shanghai_day(day);
            events.retain(|past| past.recorded.recorded_at < end);
            day
        }
        None => shanghai_day(handler.now().await?),
    };
    let as_of = query.as_of.unwrap_or(as_known);
    let known_until = query.as_known.map(end_of_shanghai_day);
    let calendar = calendar_where(&**log, |event| {
        event.position <= position && known_until.is_none_or(|end| event.recorded_at < end)
    })
    .await?;
    let state = history::fold(project, &events, as_of).ok_or_else(|| ViewError::NotYet {
        project: project.to_string(),
        as_of,
        as_known,
    })?;
    let shown: Vec<&Past> = history::until(&events, as_of).collect();
    let mut names = Names::new(handler);
    let bound = &state.registered;
    let definition = names
        .definition(&bound.programme, &bound.definition)
        .await?;
    let decisions = decisions(&mut names, &state, &shown, query.lang).await?;
    let escalations = escalations(&mut names, &state, &shown, query.lang).await?;
    let lang = query.lang;
    Ok(Replay {
        position,
        project: project.clone(),
        name: bound.name.clone(),
        programme: bound.programme.clone(),
        programme_name: definition.name.get(lang).to_owned(),
        definition: bound.definition.clone(),
        area: bound.area.clone(),
        area_name: area_name(&definition, bound.area.as_deref(), lang),
        track: bound.track.clone(),
        category: bound.category.clone(),
        registered_on: state.registered_on,
        adopted: bound.adopted,
        counted: bound.counted,
        stage: state.stage.clone(),
        stage_name: stage_name(&definition, &state.stage, lang),
        since: state.since,
        status: state.status,
        as_of,
        as_known,
        revision: state.revision,
        facts: facts::facts(&definition, &state, &shown, lang),
        decisions,
        clock: shown.iter().filter_map(|past| clock_event(past)).collect(),
        escalations,
        migrations: shown.iter().filter_map(|past| migration(past)).collect(),
        open_deadlines: deadlines(&definition, &calendar, &state, as_of, lang),
        compounds: bound.compounds.clone(),
        plan: bound.plan.clone(),
        lots: parts::lots(&definition, &state, as_of, lang),
        lots_counters: parts::counters(View {
            definition: &definition,
            calendar: &calendar,
            state: &state,
            day: as_of,
            before: None,
        }),
        orders: parts::orders(&definition, &state, &shown, as_of, lang),
        batches: parts::batches(&definition, &state, &shown),
        opening: parts::opening(&definition, &shown, lang),
    })
}

async fn decisions(
    names: &mut Names<'_>,
    state: &ProjectState,
    shown: &[&Past],
    lang: Lang,
) -> Result<Vec<ReplayedDecision>, ViewError> {
    let mut decisions = Vec::new();
    for past in shown {
        let (transition, outcome) = match &past.event {
            ProjectEvent::TransitionAccepted(transition) if transition.returned => {
                (transition, DecisionOutcome::Returned)
            }
            ProjectEvent::TransitionAccepted(transition) => (transition, DecisionOutcome::Accepted),
            ProjectEvent::TransitionRefused(transition) | ProjectEvent::LotRefused(transition) => {
                (transition, DecisionOutcome::Refused)
            }
            ProjectEvent::LotPassed(transition) => (transition, DecisionOutcome::Accepted),
            _ => continue,
        };
        let definition = names
            .definition(&state.registered.programme, &transition.definition)
            .await?;
        decisions.push(decision(
            &definition,
            state,
            past,
            transition,
            outcome,
            lang,
        ));
    }
    Ok(decisions)
}

fn decision(
    definition: &Definition,
    state: &ProjectState,
    past: &Past,
    transition: &Transition,
    outcome: DecisionOutcome,
    lang: Lang,
) -> ReplayedDecision {
    let recorded = &past.recorded;
    let mut basis_lost: Vec<String> = state
        .basis_lost
        .iter()
        .filter(|lost| lost.transition == recorded.position.0)
        .map(|lost| lost.rule.clone())
        .collect();
    basis_lost.sort();
    basis_lost.dedup();
    ReplayedDecision {
        position: recorded.position,
        event: recorded.id,
        at: recorded.occurred_at.as_str().to_owned(),
        recorded_at: recorded.recorded_at,
        decided_at: transition.decided_at.clone(),
        from: transition.from.clone(),
        from_name: stage_name(definition, &transition.from, lang),
        to: transition.to.clone(),
        to_name: stage_name(definition, &transition.to, lang),
        outcome,
        lot_name: transition
            .lot
            .as_ref()
            .and_then(|lot| state.lots.get(lot))
            .map(|lot| lot.name.clone()),
        lot: transition.lot.clone(),
        lots: transition.lots.clone(),
        definition: transition.definition.clone(),
        calendar: transition.calendar.clone(),
        assumed_years: transition.assumed_years.clone(),
        requirements: transition
            .judgements
            .iter()
            .map(|judgement| {
                let explained = explain(definition, &transition.from, judgement, lang);
                ReplayedRequirement {
                    rule: explained.rule,
                    name: explained.name,
                    required: explained.required_value,
                    actual: explained.actual_value,
                    met: explained.met,
                    warn: explained.warn,
                    source: explained.source,
                    cites: judgement.cites.clone(),
                }
            })
            .collect(),
        basis_lost,
        actor_role: recorded.actor.role.clone(),
        unit: recorded.actor.unit.clone(),
    }
}

async fn escalations(
    names: &mut Names<'_>,
    state: &ProjectState,
    shown: &[&Past],
    lang: Lang,
) -> Result<Vec<ReplayedStep>, ViewError> {
    let mut steps = Vec::new();
    for past in shown {
        let ProjectEvent::EscalationRaised(raised) = &past.event else {
            continue;
        };
        let recorded = &past.recorded;
        let definition = names
            .definition(&state.registered.programme, &raised.definition)
            .await?;
        let stands = state
            .steps
            .iter()
            .find(|step| step.event == recorded.id && !step.superseded);
        steps.push(ReplayedStep {
            position: recorded.position,
            event: recorded.id,
            key: raised.key.clone(),
            name: step_name(&definition, &raised.ladder, lang),
            ladder: raised.ladder.clone(),
            at: recorded.occurred_at.as_str().to_owned(),
            recorded_at: recorded.recorded_at,
            due: raised.due,
            step_due: raised.step_due,
            to: raised.to.clone(),
            superseded: raised.superseded.clone(),
            draft: raised.draft,
            reply_by: raised.reply_by,
            acknowledged: stands.is_some_and(|step| step.acknowledged),
            withdrawn: stands.is_some_and(|step| step.withdrawn),
        });
    }
    Ok(steps)
}

fn migration(past: &Past) -> Option<ReplayedMigration> {
    let ProjectEvent::DefinitionMigrated(migrated) = &past.event else {
        return None;
    };
    let recorded = &past.recorded;
    Some(ReplayedMigration {
        position: recorded.position,
        event: recorded.id,
        at: recorded.occurred_at.as_str().to_owned(),
        recorded_at: recorded.recorded_at,
        from: migrated.from.clone(),
        to: migrated.to.clone(),
        renamed_stages: migrated.renamed.stages.clone(),
        deadlines: migrated.deadlines.clone(),
        actor_role: recorded.actor.role.clone(),
    })
}

fn clock_event(past: &Past) -> Option<ClockEvent> {
    let recorded = &past.recorded;
    let mut shown = ClockEvent {
        position: recorded.position,
        event: recorded.id,
        kind: recorded.kind.as_str().to_owned(),
        at: recorded.occurred_at.as_str().to_owned(),
        recorded_at: recorded.recorded_at,
        cause: None,
        deadline: None,
        lot: None,
        before: None,
        due: None,
        late: false,
        actor_role: recorded.actor.role.clone(),
    };
    match &past.event {
        ProjectEvent::ProjectSuspended(suspension) | ProjectEvent::ProjectResumed(suspension) => {
            shown.cause.clone_from(&suspension.cause);
        }
        ProjectEvent::ProjectWithdrawn(_) => {}
        ProjectEvent::DeadlineExtended(extension) => {
            shown.deadline = Some(extension.deadline.clone());
            shown.lot.clone_from(&extension.lot);
            shown.before = extension.before;
            shown.due = Some(extension.due);
            shown.late = extension.late;
        }
        _ => return None,
    }
    Some(shown)
}

fn deadlines(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    as_of: Date,
    lang: Lang,
) -> Vec<ReplayedDeadline> {
    all_open(definition, calendar, state)
        .into_iter()
        .flatten()
        .map(|open| {
            let order = open
                .order_number
                .and_then(|number| Some((number, state.orders.get(&number)?)));
            let part = Part {
                lot: None,
                order: order.map(|(number, order)| (number, order.about.as_str())),
            };
            let (name, source) = rule_names(definition, &open.id, part, lang);
            let overdue_days = open.overdue_days(as_of);
            ReplayedDeadline {
                name,
                source,
                stage_name: stage_name(definition, &open.stage, lang),
                stage: open.stage,
                overdue_days,
                overdue_working_days: if overdue_days > 0 {
                    calendar.working_days_between(open.due, as_of)
                } else {
                    Some(0)
                },
                due: open.due,
                late_at_adoption: open.late_at_adoption,
                assumed: open.assumed,
                rule: open.id,
                lot: open.lot,
                order: open.order_number,
            }
        })
        .collect()
}
