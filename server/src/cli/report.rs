//! What a command has done, told.

use anju_workflows::definition::{Definition, source_text};
use anju_workflows::handler::Outcome;
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::lot::When;
use anju_workflows::requirement::{Explained, explain};
use serde_json::{Value, json};

use super::Out;
use crate::app::{App, Failure};

/// Tells the outcome of a command on one project; a refused transition becomes [`Failure::Refused`].
pub async fn outcome(
    app: &App,
    out: &Out,
    project: &ProjectId,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let state = app.handler.load(project).await?;
    let Some(state) = state else {
        return Ok(());
    };
    let bound = &state.registered;
    let definition = app
        .handler
        .library()
        .definition(&bound.programme, &bound.definition)
        .await?;
    let requirements = requirements(outcome, &definition, out);
    let mut json = json!({
        "position": outcome.position,
        "project": project.as_str(),
        "outcome": if outcome.refusal.is_some() { "refused" } else { "done" },
        "repeated": outcome.repeated,
        "stage": state.stage,
        "status": state.status,
        "events": outcome.events.iter().map(|event| json!({
            "position": event.position,
            "event": event.id,
            "type": event.kind.as_str(),
            "at": event.occurred_at.as_str(),
        })).collect::<Vec<_>>(),
        "requirements": requirements.iter().map(requirement_json).collect::<Vec<_>>(),
    });
    let lots = lots(outcome, &definition, &state);
    if let Some(lots) = &lots {
        json["lots"] = json!({ "passed": lots.passed, "waiting": lots.waiting });
    }
    if let Some(order) = order_number(outcome) {
        json["order"] = json!(order);
    }
    out.answer(&json, || {
        let mut told = text(
            out,
            project,
            outcome,
            &definition,
            &state.stage,
            &requirements,
        );
        if let Some(lots) = &lots {
            told.push_str(&lots.line(out, &definition));
        }
        if let Some(order) = order_number(outcome) {
            told.push_str(&out.pick(format!("派单 #{order}\n"), format!("order #{order}\n")));
        }
        told
    });
    if outcome.refusal.is_some() {
        return Err(Failure::Refused);
    }
    Ok(())
}

fn requirements(outcome: &Outcome, definition: &Definition, out: &Out) -> Vec<Explained> {
    use anju_workflows::project::ProjectEvent::{
        LotPassed, LotRefused, TransitionAccepted, TransitionRefused,
    };
    outcome
        .events
        .iter()
        .filter_map(|event| anju_workflows::project::ProjectEvent::read(event).ok())
        .filter_map(|event| match event {
            TransitionAccepted(transition)
            | TransitionRefused(transition)
            | LotPassed(transition)
            | LotRefused(transition) => Some(transition),
            _ => None,
        })
        .flat_map(|transition| {
            transition
                .judgements
                .iter()
                .map(|judgement| explain(definition, &transition.from, judgement, out.lang))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Which lots have passed the gates that they have to pass now, after one of them did.
struct Lots {
    passed: Vec<String>,
    waiting: Vec<String>,
}

impl Lots {
    fn line(&self, out: &Out, definition: &Definition) -> String {
        let word = definition.lot_word(out.lang);
        if self.waiting.is_empty() {
            out.pick(
                format!("各{word}均已通过,项目可以 advance 进入下一阶段\n"),
                format!("every {word} has passed: the project can advance\n"),
            )
        } else {
            out.pick(
                format!("尚未通过的{word}:{}\n", self.waiting.join("、")),
                format!("still to pass: {}\n", self.waiting.join(", ")),
            )
        }
    }
}

/// `None` if no lot has passed by this command.
fn lots(outcome: &Outcome, definition: &Definition, state: &ProjectState) -> Option<Lots> {
    outcome
        .events
        .iter()
        .find(|event| event.kind.as_str() == "lot_passed")?;
    let when = When {
        day: jiff::civil::Date::MAX,
        before: None,
    };
    let (waiting, passed) = state
        .standing_lots(when)
        .map(|(id, _)| id.clone())
        .partition(|id| state.owed_by(definition, id, when).is_some());
    Some(Lots { passed, waiting })
}

/// The number of the order that a command was about.
fn order_number(outcome: &Outcome) -> Option<u64> {
    outcome
        .events
        .iter()
        .find(|event| event.kind.as_str().starts_with("order_"))?
        .data
        .get("order")?
        .as_u64()
}

/// A requirement as answers give it.
pub fn requirement_json(requirement: &Explained) -> Value {
    json!({
        "rule": requirement.rule,
        "name": requirement.name,
        "required": requirement.required_value,
        "actual": requirement.actual_value,
        "met": requirement.met,
        "warn": requirement.warn,
        "source": requirement.source,
    })
}

fn text(
    out: &Out,
    project: &ProjectId,
    outcome: &Outcome,
    definition: &Definition,
    stage: &str,
    requirements: &[Explained],
) -> String {
    let name = |stage: &str| {
        definition.stages.get(stage).map_or_else(
            || stage.to_owned(),
            |stage| stage.name.get(out.lang).to_owned(),
        )
    };
    let mut text = String::new();
    if let Some(refusal) = &outcome.refusal
        && let Some(lot) = &refusal.lot
    {
        let word = definition.lot_word(out.lang);
        text.push_str(&out.pick(
            format!(
                "未通过:{project} 的{word} {lot} 不能通过“{}”\n",
                name(&refusal.from)
            ),
            format!(
                "refused: {word} {lot} of {project} cannot pass {}\n",
                name(&refusal.from)
            ),
        ));
    } else if let Some(refusal) = &outcome.refusal {
        text.push_str(&out.pick(
            format!(
                "未通过:{project} 不能从“{}”进入“{}”\n",
                name(&refusal.from),
                name(&refusal.to)
            ),
            format!(
                "refused: {project} cannot go from {} to {}\n",
                name(&refusal.from),
                name(&refusal.to)
            ),
        ));
    } else {
        for event in &outcome.events {
            text.push_str(&format!(
                "{} {} {} ({} {})\n",
                event.position,
                event.kind.as_str(),
                event.id,
                event.stream,
                event.occurred_at
            ));
        }
        text.push_str(&out.pick(
            format!("{project}:{}\n", name(stage)),
            format!("{project}: {}\n", name(stage)),
        ));
    }
    for requirement in requirements {
        let mark = match (requirement.met, requirement.warn) {
            (true, _) => "✓",
            (false, true) => "!",
            (false, false) => "✗",
        };
        text.push_str(&format!("  {mark} {}\n", requirement.line(out.lang)));
        if !requirement.met && !requirement.source.is_empty() {
            let source = source_text(&requirement.source, out.lang);
            text.push_str(&out.pick(
                format!("      依据:{source}\n"),
                format!("      source: {source}\n"),
            ));
        }
    }
    if outcome.repeated {
        text.push_str(&out.pick(
            "(重复的命令,结果同前)\n",
            "(a repeat: this is the first outcome)\n",
        ));
    }
    text
}
