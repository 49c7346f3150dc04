//! A project enters its programme.

use anju_engine::event::OccurredAt;

use super::{CommandError, Context, Decision};
use crate::definition::{Definition, Placement, Relevance, Text};
use crate::project::command::Register;
use crate::project::event::{ProjectEvent, ProjectId};
use crate::project::fields::{Expected, FieldProblem, MAX_TEXT, holds_personal_number};
use crate::project::state::ProjectState;
use crate::requirement::Exact;

pub(super) fn decide(
    context: Context<'_>,
    id: &ProjectId,
    state: Option<&ProjectState>,
    register: &Register,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if state.is_some() {
        return Err(CommandError::AlreadyRegistered {
            project: id.to_string(),
        });
    }
    let definition = context.definition;
    known(
        ("改造区域", "area"),
        register.area.as_ref(),
        definition.areas.iter().map(|(id, area)| (id, &area.name)),
    )?;
    known(
        ("计划类别", "track"),
        register.track.as_ref(),
        definition
            .tracks
            .iter()
            .map(|(id, track)| (id, &track.name)),
    )?;
    check_texts(register)?;
    if let Some(year) = register.batch {
        super::batch::check_year(year)?;
    }
    let track = track_of(definition, register)?;
    let placement = Placement {
        track: track.clone(),
        area: register.area.clone(),
        category: register.category.clone(),
    };
    let stages: Vec<&str> = definition
        .stages_in_order(&placement)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let first = definition
        .first_stage(&placement)
        .map(str::to_owned)
        .ok_or_else(|| CommandError::Unknown {
            what: ("阶段", "stage"),
            value: String::new(),
            known: Vec::new(),
        })?;
    let stage = match &register.adopt {
        None => first,
        Some(stage) if stages.contains(&stage.as_str()) => stage.clone(),
        Some(stage) => {
            return Err(CommandError::Unknown {
                what: ("阶段", "stage"),
                value: stage.clone(),
                known: stages.into_iter().map(str::to_owned).collect(),
            });
        }
    };
    let adopted = register.adopt.is_some();
    let event = Register {
        track,
        ..register.clone()
    }
    .into_event(&definition.id, context.definition_digest, stage, adopted);
    Ok(Decision::one(
        ProjectEvent::ProjectRegistered(event),
        occurred_at,
    ))
}

/// The track a project goes by. One that names none goes by the only track of old compounds, where no stage is
/// open to a project without a track.
fn track_of(definition: &Definition, register: &Register) -> Result<Option<String>, CommandError> {
    let without = Placement {
        track: None,
        area: register.area.clone(),
        category: register.category.clone(),
    };
    if register.track.is_some() || definition.first_stage(&without).is_some() {
        return Ok(register.track.clone());
    }
    let mut core = definition
        .tracks
        .iter()
        .filter(|(_, track)| track.relevance == Relevance::Core)
        .map(|(id, _)| id);
    match (core.next(), core.next()) {
        (Some(only), None) => Ok(Some(only.clone())),
        _ => Err(CommandError::TrackNeeded {
            known: definition.tracks.keys().cloned().collect(),
        }),
    }
}

/// An id that must be one of `known`. Clerks write names, so the refusal lists both.
fn known<'a>(
    what: (&'static str, &'static str),
    value: Option<&String>,
    known: impl Iterator<Item = (&'a String, &'a Text)> + Clone,
) -> Result<(), CommandError> {
    match value {
        Some(value) if !known.clone().any(|(id, _)| id == value) => Err(CommandError::Unknown {
            what,
            value: value.clone(),
            known: known
                .map(|(id, name)| format!("{}({id})", name.zh))
                .collect(),
        }),
        _ => Ok(()),
    }
}

/// What is wrong with a public text: it is there, short, and holds no number of a person.
pub(super) fn public_text(field: &str, text: &str) -> Option<FieldProblem> {
    let expected = if text.trim().is_empty() {
        Some(Expected::Required)
    } else if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        Some(Expected::ShortText)
    } else if holds_personal_number(text) {
        Some(Expected::NoPersonalValue)
    } else {
        None
    };
    expected.map(|expected| FieldProblem {
        field: field.to_owned(),
        value: text.to_owned(),
        expected,
    })
}

/// Names of projects and compounds are public; they are still short, and hold no number of a person.
fn check_texts(register: &Register) -> Result<(), CommandError> {
    let mut problems = Vec::new();
    let mut check = |field: &str, text: &str| problems.extend(public_text(field, text));
    check("name", &register.name);
    if let Some(category) = &register.category {
        check("category", category);
    }
    for compound in &register.compounds {
        check("compound", &compound.name);
        check("compound_id", &compound.id);
        for alias in &compound.aliases {
            check("alias", alias);
        }
    }
    for compound in &register.compounds {
        if let Some(area) = &compound.area_m2
            && Exact::parse(area).is_none()
        {
            problems.push(FieldProblem {
                field: "area_m2".to_owned(),
                value: area.clone(),
                expected: Expected::Area,
            });
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Fields { problems })
    }
}
