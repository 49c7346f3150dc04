//! How often each rule of a definition has held in the histories that are stored.

use jiff::civil::Date;

use super::{View, judge};
use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::project::state::ProjectState;

/// What became of one requirement in the stored histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHistory {
    /// The stage whose exit it guards.
    pub stage: String,
    /// The requirement.
    pub rule: String,
    /// How many projects it meets have been in the stage.
    pub asked: u64,
    /// How many of those satisfy it.
    pub met: u64,
}

/// Judges every requirement of `definition` on every project as it stands on `day`, by stage and id. Projects that have
/// not come to the stage are not asked. A project may be bound to another version of the definition: what is judged are
/// its facts.
#[must_use]
pub fn rule_histories<'a>(
    definition: &Definition,
    calendar: &Calendar,
    projects: impl IntoIterator<Item = &'a ProjectState>,
    day: Date,
) -> Vec<RuleHistory> {
    let mut histories: Vec<RuleHistory> = definition
        .stages
        .iter()
        .flat_map(|(stage, rules)| {
            rules.exit.keys().map(|rule| RuleHistory {
                stage: stage.clone(),
                rule: rule.clone(),
                asked: 0,
                met: 0,
            })
        })
        .collect();
    for state in projects {
        let placement = state.placement();
        let view = View {
            definition,
            calendar,
            state,
            day,
            before: None,
        };
        for history in &mut histories {
            let Some(requirement) = definition
                .stages
                .get(&history.stage)
                .and_then(|stage| stage.exit.get(&history.rule))
            else {
                continue;
            };
            if state.visits_of(&history.stage) == 0
                || !definition.applies(&requirement.applies, &placement)
            {
                continue;
            }
            history.asked += 1;
            if judge(view, &history.stage, &history.rule, requirement).met {
                history.met += 1;
            }
        }
    }
    histories
}
