//! What is legal and hardly meant: a rule that looks at facts of other projects, a gate that opens after its due day, an
//! addressee that is nearly a word of the language.

use super::super::problem::{Problem, nearest};
use super::super::{Applies, Requirement, Stage};
use super::{At, Lint};

/// The word that stands for the unit a stage names.
const RESPONSIBLE: &str = "responsible";

impl Lint<'_> {
    pub(super) fn suspicious(&mut self) {
        let definition = self.definition;
        for (stage_id, stage) in &definition.stages {
            for (id, requirement) in &stage.exit {
                let at = At::root().to("stages").to(stage_id).to("exit").to(id);
                self.facts_of_others(&at, stage, requirement);
                self.opens_after_due(&at, stage, requirement);
            }
        }
        for (id, step) in &definition.ladder {
            for (index, to) in step.to.iter().enumerate() {
                if to == RESPONSIBLE || nearest(to, [RESPONSIBLE]).is_none() {
                    continue;
                }
                let at = At::root().to("ladder").to(id).to("to").item(index);
                let problem = Problem::warning(
                    "nearly_responsible",
                    self.on_value(&at),
                    format!("“{to}”会被当作单位名称"),
                    format!("`{to}` is taken for the name of a unit"),
                )
                .suggesting(to, [RESPONSIBLE]);
                self.tell(&at, problem);
            }
        }
    }

    /// A requirement all of whose fact types belong to projects that it does not meet.
    fn facts_of_others(&mut self, at: &At, stage: &Stage, requirement: &Requirement) {
        let named: Vec<&str> = requirement
            .fact_types()
            .into_iter()
            .filter(|name| self.definition.facts.contains_key(*name))
            .collect();
        let meets = |applies: &Applies| {
            applies.is_everywhere()
                || self.all_meet(&[&stage.applies, &requirement.applies, applies])
        };
        let strangers = !named.is_empty()
            && named
                .iter()
                .filter_map(|name| self.definition.facts.get(*name))
                .all(|fact| !meets(&fact.applies));
        if strangers {
            let names = named.join(", ");
            let problem = Problem::warning(
                "facts_of_others",
                self.on_key(at),
                format!("所依据的事实（{names}）只属于别的项目"),
                format!("the facts it looks at ({names}) belong to other projects only"),
            )
            .hinting(
                "核对事实类型的 applies",
                "compare the `applies` of the fact type",
            );
            self.tell(at, problem);
        }
    }

    /// Whether some project meets all of them.
    fn all_meet(&self, all: &[&Applies]) -> bool {
        let share = |list: fn(&Applies) -> &Vec<String>| {
            let mut given = all
                .iter()
                .map(|applies| list(applies))
                .filter(|l| !l.is_empty());
            let Some(first) = given.next() else {
                return true;
            };
            let rest: Vec<&Vec<String>> = given.collect();
            first
                .iter()
                .any(|word| rest.iter().all(|list| list.contains(word)))
        };
        share(|applies| &applies.tracks)
            && share(|applies| &applies.categories)
            && self.some_area_meets(all)
    }

    /// A stage that must be left before it may be.
    fn opens_after_due(&mut self, at: &At, stage: &Stage, requirement: &Requirement) {
        let Some(not_before) = &requirement.not_before else {
            return;
        };
        let year = self.definition.year.as_ref().and_then(|year| year.value);
        let Some(first) = not_before.day.first_day(year) else {
            return;
        };
        let late = stage.deadlines.iter().find(|(_, deadline)| {
            deadline.met_by.is_none()
                && self.all_meet(&[&stage.applies, &requirement.applies, &deadline.applies])
                && deadline
                    .due
                    .on
                    .and_then(|on| on.last_day(year))
                    .is_some_and(|last| deadline.bound.last_day(last) < first)
        });
        if let Some((id, _)) = late {
            let at = at.to("not_before").to("day");
            self.warn(
                &at,
                "opens_after_due",
                format!("{first} 起才可离开本阶段，晚于期限“{id}”"),
                format!("the stage may be left from {first} on, after `{id}` is due"),
            );
        }
    }
}
