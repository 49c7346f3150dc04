//! Lots are declared, corrected, withdrawn; each passes a gate by itself.

mod error;

use std::collections::BTreeSet;

use anju_engine::event::{Data, MAX_INTEGER, OccurredAt};
use jiff::civil::Date;

use super::advance::{decide_return, not_before_previous, running};
use super::correct::basis_lost_with_lot;
use super::record::check_digests;
use super::register::public_text;
use super::{CommandError, Context, Decision, Refusal, assumed_years};
use crate::definition::FieldKind;
use crate::project::command::LotCommand;
use crate::project::deadline::open_of_lot;
use crate::project::event::{Extension, ProjectEvent, Transition};
use crate::project::fields::{Expected, FieldProblem};
use crate::project::lot::{
    LotCorrected, LotDeclared, LotState, LotWithdrawn, MAX_LOTS, When, is_lot_id,
};
use crate::project::state::{ProjectState, Status};
use crate::requirement::{Exact, View, judge_lot};

pub use error::LotError;

pub(super) fn decide(
    context: Context<'_>,
    state: &ProjectState,
    command: &LotCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if context.definition.lots.is_none() {
        return Err(CommandError::Lot(LotError::NoLots));
    }
    match command {
        LotCommand::Declare(declared) => declare(state, declared, occurred_at),
        LotCommand::Correct { note, .. } => {
            check_digests(note.iter())?;
            correct(context, state, command, occurred_at)
        }
        LotCommand::Withdraw { lot, note } => {
            check_digests(note.iter())?;
            let standing = standing(state, lot)?;
            not_before(occurred_at, standing.declared_on)?;
            Ok(Decision::one(
                ProjectEvent::LotWithdrawn(LotWithdrawn {
                    lot: lot.clone(),
                    note: note.clone(),
                }),
                occurred_at,
            ))
        }
        LotCommand::Advance { lot } => advance(context, state, lot, occurred_at),
        LotCommand::Return { to, lots, note } => {
            send_back(context, state, to, lots, note.as_ref(), occurred_at)
        }
        LotCommand::Extend {
            lot,
            deadline,
            due,
            note,
        } => {
            check_digests(note.iter())?;
            extend(
                context,
                state,
                (lot, deadline),
                *due,
                note.as_ref(),
                occurred_at,
            )
        }
    }
}

/// A fact may only name a lot that the project has, or has had.
pub(super) fn known_to(
    context: Context<'_>,
    state: &ProjectState,
    fact: &str,
    values: &Data,
) -> Result<(), CommandError> {
    let Some(kind) = context.definition.facts.get(fact) else {
        return Ok(());
    };
    for (key, field) in &kind.fields {
        if field.kind == FieldKind::Lot
            && let Some(lot) = values.get(key).and_then(|value| value.as_str())
            && !state.lots.contains_key(lot)
        {
            return Err(unknown(state, lot));
        }
    }
    Ok(())
}

fn unknown(state: &ProjectState, lot: &str) -> CommandError {
    CommandError::Unknown {
        what: ("标段", "lot"),
        value: lot.to_owned(),
        known: state
            .lots
            .iter()
            .filter(|(_, lot)| lot.withdrawn.is_none())
            .map(|(id, _)| id.clone())
            .collect(),
    }
}

/// The lot of that id, if it has not left.
fn standing<'a>(state: &'a ProjectState, lot: &str) -> Result<&'a LotState, CommandError> {
    let known = state.lots.get(lot).ok_or_else(|| unknown(state, lot))?;
    match &known.withdrawn {
        None => Ok(known),
        Some(gone) => Err(CommandError::Lot(LotError::Withdrawn {
            lot: lot.to_owned(),
            on: gone.day,
        })),
    }
}

fn declare(
    state: &ProjectState,
    declared: &LotDeclared,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    on_course(state)?;
    let mut problems = Vec::new();
    if !is_lot_id(&declared.lot) {
        problems.push(FieldProblem {
            field: "lot".to_owned(),
            value: declared.lot.clone(),
            expected: Expected::Lot,
        });
    }
    problems.extend(public_text("name", &declared.name));
    problems.extend(counters(
        declared.households,
        declared.buildings,
        declared.area_m2.as_deref(),
    ));
    if !problems.is_empty() {
        return Err(CommandError::Fields { problems });
    }
    if state.lots.contains_key(&declared.lot) {
        return Err(CommandError::Lot(LotError::Taken {
            lot: declared.lot.clone(),
        }));
    }
    if state.lots.len() >= MAX_LOTS {
        return Err(CommandError::Lot(LotError::TooMany));
    }
    not_before(occurred_at, state.registered_on)?;
    Ok(Decision::one(
        ProjectEvent::LotDeclared(declared.clone()),
        occurred_at,
    ))
}

fn counters(
    households: Option<u64>,
    buildings: Option<u64>,
    area: Option<&str>,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for (field, count) in [("households", households), ("buildings", buildings)] {
        if let Some(count) = count
            && i64::try_from(count).is_ok_and(|count| count <= MAX_INTEGER)
        {
            continue;
        }
        if let Some(count) = count {
            problems.push(FieldProblem {
                field: field.to_owned(),
                value: count.to_string(),
                expected: Expected::Count {
                    min: 0,
                    max: MAX_INTEGER,
                },
            });
        }
    }
    if let Some(area) = area
        && Exact::parse(area).is_none()
    {
        problems.push(FieldProblem {
            field: "area_m2".to_owned(),
            value: area.to_owned(),
            expected: Expected::Area,
        });
    }
    problems
}

fn correct(
    context: Context<'_>,
    state: &ProjectState,
    command: &LotCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let LotCommand::Correct {
        lot,
        name,
        households,
        buildings,
        area_m2,
        note,
    } = command
    else {
        return Err(CommandError::NothingToCorrect);
    };
    let known = state.lots.get(lot).ok_or_else(|| unknown(state, lot))?;
    let mut problems: Vec<FieldProblem> = name
        .iter()
        .filter_map(|name| public_text("name", name))
        .collect();
    problems.extend(counters(*households, *buildings, area_m2.as_deref()));
    if !problems.is_empty() {
        return Err(CommandError::Fields { problems });
    }
    let changes = name.as_ref().is_some_and(|name| *name != known.name)
        || households.is_some_and(|count| known.households != Some(count))
        || buildings.is_some_and(|count| known.buildings != Some(count))
        || area_m2.is_some() && *area_m2 != known.area_m2;
    if !changes {
        return Err(CommandError::NothingToCorrect);
    }
    let corrected = |basis_lost| {
        ProjectEvent::LotCorrected(LotCorrected {
            lot: lot.clone(),
            name: name.clone(),
            households: *households,
            buildings: *buildings,
            area_m2: area_m2.clone(),
            note: note.clone(),
            basis_lost,
        })
    };
    let lost = basis_lost_with_lot(context, state, lot, &corrected(Vec::new()), occurred_at);
    Ok(Decision::one(corrected(lost), occurred_at))
}

fn advance(
    context: Context<'_>,
    state: &ProjectState,
    lot: &str,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    running(state)?;
    let known = standing(state, lot)?;
    let definition = context.definition;
    let day = occurred_at.day();
    let always = When {
        day: Date::MAX,
        before: None,
    };
    let Some(owed) = state.owed_by(definition, lot, always) else {
        return Err(CommandError::Lot(
            match known.passed(definition, &state.stage, always) {
                Some(passage) => LotError::HasPassed {
                    lot: lot.to_owned(),
                    stage: state.stage.clone(),
                    on: passage.day,
                },
                None => LotError::NoGate {
                    lot: lot.to_owned(),
                    stage: state.stage.clone(),
                },
            },
        ));
    };
    let stage = owed.stage;
    not_before(occurred_at, known.declared_on)?;
    if stage == state.stage {
        not_before_previous(state, day)?;
    } else if let Some((_, entered)) = state.visits.get(&stage) {
        not_before(occurred_at, *entered)?;
    }
    if let Some(previous) = known.passages.iter().map(|passage| passage.day).max() {
        not_before(occurred_at, previous)?;
    }
    let view = View {
        definition,
        calendar: context.calendar,
        state,
        day,
        before: None,
    };
    let judgements = judge_lot(view, &stage, lot);
    let assumed_years = assumed_years(context, &judgements, |definition| {
        judge_lot(View { definition, ..view }, &stage, lot)
    });
    let refused = judgements.iter().any(|j| !j.met && !j.warn);
    // A gate has one way on, or the project chooses among several when it moves itself.
    let next = definition.next_stages(&stage, &state.placement());
    let to = match next.as_slice() {
        [only] => (*only).to_owned(),
        _ => stage.clone(),
    };
    let transition = Transition {
        from: stage.clone(),
        to: to.clone(),
        returned: false,
        lot: Some(lot.to_owned()),
        lots: Vec::new(),
        decided_at: context.decided_at(),
        definition: context.definition_digest.to_owned(),
        calendar: context.calendar.digest().to_owned(),
        assumed_years,
        judgements: judgements.clone(),
        note: None,
    };
    if refused {
        return Ok(Decision {
            events: vec![(ProjectEvent::LotRefused(transition), occurred_at.clone())],
            refusal: Some(Refusal {
                from: stage,
                to,
                judgements,
            }),
        });
    }
    Ok(Decision::one(
        ProjectEvent::LotPassed(transition),
        occurred_at,
    ))
}

fn send_back(
    context: Context<'_>,
    state: &ProjectState,
    to: &str,
    lots: &[String],
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let mut named: BTreeSet<&String> = BTreeSet::new();
    for lot in lots {
        standing(state, lot)?;
        named.insert(lot);
    }
    let mut decision = decide_return(context, state, to, note, occurred_at)?;
    for (event, _) in &mut decision.events {
        if let ProjectEvent::TransitionAccepted(transition) = event {
            transition.lots = named.iter().map(|lot| (*lot).clone()).collect();
        }
    }
    Ok(decision)
}

fn extend(
    context: Context<'_>,
    state: &ProjectState,
    (lot, deadline): (&str, &str),
    due: Date,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    standing(state, lot)?;
    let open = open_of_lot(context.definition, context.calendar, state, lot);
    let Some(current) = open.iter().find(|open| open.id == deadline) else {
        return Err(CommandError::Unknown {
            what: ("未完成的期限", "open deadline"),
            value: deadline.to_owned(),
            known: open.into_iter().map(|open| open.id).collect(),
        });
    };
    if due <= current.due {
        return Err(CommandError::NotLater {
            due,
            current: current.due,
        });
    }
    Ok(Decision::one(
        ProjectEvent::DeadlineExtended(Extension {
            deadline: deadline.to_owned(),
            lot: Some(lot.to_owned()),
            before: Some(current.due),
            due,
            late: occurred_at.day() > current.due,
            decided_at: context.decided_at(),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

/// Lots are declared while the project runs or stands still, not after it has ended.
fn on_course(state: &ProjectState) -> Result<(), CommandError> {
    match state.status {
        Status::Active | Status::Suspended => Ok(()),
        other => Err(CommandError::NotActive {
            status: other.as_str(),
        }),
    }
}

fn not_before(occurred_at: &OccurredAt, previous: Date) -> Result<(), CommandError> {
    let day = occurred_at.day();
    if day < previous {
        return Err(CommandError::BeforePrevious { day, previous });
    }
    Ok(())
}
