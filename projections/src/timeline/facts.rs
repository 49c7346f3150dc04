//! Facts as they stand, with what became of them.

use std::collections::BTreeMap;

use anju_engine::event::{Data, EventId};
use anju_workflows::definition::{Definition, Field, FieldKind, Lang};
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::{FactCorrected, ProjectEvent};
use serde_json::Value;

use super::{FieldLabel, ReplayedCorrection, ReplayedFact};
use crate::figures::Total;
use crate::history::Past;

/// The facts that are shown, in position order.
pub(super) fn facts(
    definition: &Definition,
    state: &ProjectState,
    shown: &[&Past],
    lang: Lang,
) -> Vec<ReplayedFact> {
    let mut facts: Vec<ReplayedFact> = Vec::new();
    let mut places: BTreeMap<EventId, usize> = BTreeMap::new();
    for past in shown {
        let recorded = &past.recorded;
        match &past.event {
            ProjectEvent::FactRecorded(fact) | ProjectEvent::OtherFact(fact) => {
                let declared = matches!(past.event, ProjectEvent::FactRecorded(_));
                let kind = definition.facts.get(&fact.fact);
                places.insert(recorded.id, facts.len());
                facts.push(ReplayedFact {
                    position: recorded.position,
                    event: recorded.id,
                    kind: fact.fact.clone(),
                    name: kind
                        .map_or_else(|| fact.fact.clone(), |kind| kind.name.get(lang).to_owned()),
                    declared,
                    at: recorded.occurred_at.as_str().to_owned(),
                    recorded_at: recorded.recorded_at,
                    fields: fact.fields.clone(),
                    labels: Vec::new(),
                    documents: fact.documents.clone(),
                    note: fact.note.clone(),
                    voided: false,
                    voided_by: None,
                    corrected_by: Vec::new(),
                    actor_role: recorded.actor.role.clone(),
                    unit: recorded.actor.unit.clone(),
                    source: recorded.source,
                });
            }
            ProjectEvent::FactCorrected(correction) => {
                if let Some(fact) = places
                    .get(&correction.event)
                    .and_then(|i| facts.get_mut(*i))
                {
                    let replayed = replayed(past, correction, &fact.fields);
                    correct(fact, correction);
                    fact.corrected_by.push(replayed);
                }
            }
            ProjectEvent::FactVoided(void) => {
                if let Some(fact) = places.get(&void.event).and_then(|i| facts.get_mut(*i)) {
                    fact.voided = true;
                    fact.voided_by = Some(recorded.id);
                }
            }
            _ => {}
        }
    }
    for fact in &mut facts {
        // The state is what decisions are made from: it has the last word on how a fact stands.
        if let Some(stands) = state.facts.get(&fact.position.0) {
            fact.fields.clone_from(&stands.fields);
            stands.occurred_at.as_str().clone_into(&mut fact.at);
            fact.voided = stands.voided;
            // A migration may rename its type, or count it or count it no more.
            fact.declared = stands.declared;
            if stands.fact != fact.kind {
                fact.kind.clone_from(&stands.fact);
                if let Some(kind) = definition.facts.get(&fact.kind) {
                    kind.name.get(lang).clone_into(&mut fact.name);
                }
            }
        }
        fact.labels = labels(definition, state, &fact.kind, &fact.fields, lang);
    }
    facts
}

fn replayed(past: &Past, correction: &FactCorrected, before: &Data) -> ReplayedCorrection {
    let changed =
        |key: &&String| correction.fields.contains_key(*key) || correction.cleared.contains(*key);
    ReplayedCorrection {
        position: past.recorded.position,
        event: past.recorded.id,
        at: past.recorded.occurred_at.as_str().to_owned(),
        recorded_at: past.recorded.recorded_at,
        before: before
            .iter()
            .filter(|(key, _)| changed(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        fields: correction.fields.clone(),
        cleared: correction.cleared.clone(),
        happened: correction
            .happened
            .as_ref()
            .map(|at| at.as_str().to_owned()),
        actor_role: past.recorded.actor.role.clone(),
        unit: past.recorded.actor.unit.clone(),
    }
}

fn correct(fact: &mut ReplayedFact, correction: &FactCorrected) {
    for (key, value) in &correction.fields {
        fact.fields.insert(key.clone(), value.clone());
    }
    for key in &correction.cleared {
        fact.fields.remove(key);
    }
}

fn labels(
    definition: &Definition,
    state: &ProjectState,
    fact: &str,
    fields: &Data,
    lang: Lang,
) -> Vec<FieldLabel> {
    let kind = definition.facts.get(fact);
    fields
        .iter()
        .map(|(key, value)| {
            let field = kind.and_then(|kind| kind.fields.get(key));
            FieldLabel {
                key: key.clone(),
                name: field.map_or_else(|| key.clone(), |field| field.name.get(lang).to_owned()),
                text: match field {
                    Some(field) if field.kind == FieldKind::Lot => lot_in_words(state, value),
                    field => in_words(field, value, lang),
                },
            }
        })
        .collect()
}

/// A figure of `fact.field`: its name, and its value in words.
pub(super) fn sum_in_words(
    definition: &Definition,
    reference: &str,
    value: &Value,
    lang: Lang,
) -> (String, String) {
    let found = reference.split_once('.').and_then(|(fact, field)| {
        let kind = definition.facts.get(fact)?;
        Some((kind, kind.fields.get(field)?))
    });
    match found {
        Some((kind, field)) => (
            format!("{} · {}", kind.name.get(lang), field.name.get(lang)),
            in_words(Some(field), value, lang),
        ),
        None => (reference.to_owned(), in_words(None, value, lang)),
    }
}

/// The id of a lot, with its name where that is another.
fn lot_in_words(state: &ProjectState, value: &Value) -> String {
    let id = value.as_str().unwrap_or_default();
    match state.lots.get(id) {
        Some(lot) if lot.name != id => format!("{id}({})", lot.name),
        _ => id.to_owned(),
    }
}

/// A value as people read it.
fn in_words(field: Option<&Field>, value: &Value, lang: Lang) -> String {
    let plain = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Some(field) = field else { return plain };
    let zh_en = |zh: &str, en: &str| match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    };
    let code = |code: &str| {
        field
            .values
            .get(code)
            .map_or_else(|| code.to_owned(), |text| text.get(lang).to_owned())
    };
    match field.kind {
        FieldKind::Code => code(&plain),
        FieldKind::Codes => match value {
            Value::Array(codes) => codes
                .iter()
                .filter_map(Value::as_str)
                .map(code)
                .collect::<Vec<_>>()
                .join(&zh_en("、", ", ")),
            _ => plain,
        },
        FieldKind::Money => match value.as_u64() {
            Some(fen) => format!("{}{}", yuan(fen), zh_en("元", " yuan")),
            None => plain,
        },
        FieldKind::Area => format!("{plain}㎡"),
        FieldKind::Length => format!("{plain}m"),
        FieldKind::YesNo => match value.as_bool() {
            Some(true) => zh_en("是", "yes"),
            Some(false) => zh_en("否", "no"),
            None => plain,
        },
        FieldKind::Count => format!("{plain}{}", field.unit.as_deref().unwrap_or_default()),
        FieldKind::Day | FieldKind::Reference | FieldKind::Document | FieldKind::Lot => plain,
    }
}

fn yuan(fen: u64) -> String {
    Total::whole(fen).divided_by(100).to_string()
}
