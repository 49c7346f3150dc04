//! An event in the words of the other definition.

use crate::definition::Definition;
use crate::project::event::ProjectEvent;
use crate::project::fields;
use crate::project::migrated::Renamed;

/// Puts the ids of an event into the words of the other definition, through every renaming that came after it, and
/// counts its fact if, and only if, the other definition declares its type.
pub(super) fn translate(event: &mut ProjectEvent, renamed: &[&Renamed], other: &Definition) {
    for renamed in renamed {
        rename(event, renamed);
    }
    match event {
        ProjectEvent::FactRecorded(fact) if !other.facts.contains_key(&fact.fact) => {
            *event = ProjectEvent::OtherFact(fact.clone());
        }
        ProjectEvent::OtherFact(fact)
            if other
                .facts
                .get(&fact.fact)
                .is_some_and(|kind| fields::check(kind, &fact.fields, false).is_ok()) =>
        {
            *event = ProjectEvent::FactRecorded(fact.clone());
        }
        _ => {}
    }
}

fn rename(event: &mut ProjectEvent, renamed: &Renamed) {
    let to = |id: &mut String, new: &str| {
        if id != new {
            new.clone_into(id);
        }
    };
    match event {
        ProjectEvent::ProjectRegistered(registered) => {
            let new = renamed.stage(&registered.stage).to_owned();
            to(&mut registered.stage, &new);
        }
        ProjectEvent::FactRecorded(fact) | ProjectEvent::OtherFact(fact) => {
            let new = renamed.fact(&fact.fact).to_owned();
            to(&mut fact.fact, &new);
        }
        ProjectEvent::TransitionAccepted(asked)
        | ProjectEvent::TransitionRefused(asked)
        | ProjectEvent::LotPassed(asked)
        | ProjectEvent::LotRefused(asked) => {
            for stage in [&mut asked.from, &mut asked.to] {
                let new = renamed.stage(stage).to_owned();
                to(stage, &new);
            }
            for judgement in &mut asked.judgements {
                let new = renamed.requirement(&judgement.rule).to_owned();
                to(&mut judgement.rule, &new);
            }
        }
        ProjectEvent::DeadlineExtended(extension) => {
            let new = renamed.deadline(&extension.deadline).to_owned();
            to(&mut extension.deadline, &new);
        }
        ProjectEvent::EscalationRaised(raised) => {
            let new = renamed.deadline(&raised.key.deadline).to_owned();
            to(&mut raised.key.deadline, &new);
        }
        ProjectEvent::EscalationWithdrawn(withdrawn) => {
            let new = renamed.deadline(&withdrawn.key.deadline).to_owned();
            to(&mut withdrawn.key.deadline, &new);
        }
        _ => {}
    }
}
