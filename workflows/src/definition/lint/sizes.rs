//! How much a definition may hold, so that judging it takes bounded time.

use super::super::problem::Problem;
use super::{At, Lint};

/// The most areas: a province with all its streets.
const MAX_AREAS: usize = 2_000;
/// The most areas above one another.
const MAX_AREA_DEPTH: usize = 16;
/// The most entries of every other register, and of the stages' rules together.
const MAX_ENTRIES: usize = 1_000;
/// The most expressions: each is tried with many inputs.
const MAX_EXPRESSIONS: usize = 100;
/// The most stages, tracks and steps.
const MAX_STEPS: usize = 100;

impl Lint<'_> {
    /// Whether the definition is small enough to be judged; tells if it is not.
    pub(super) fn sizes(&mut self) -> bool {
        let definition = self.definition;
        let root = At::root();
        let stages = definition.stages.values();
        let fields: usize = definition
            .facts
            .values()
            .map(|fact| fact.fields.len())
            .sum();
        let rules: usize = stages
            .map(|stage| stage.exit.len() + stage.deadlines.len() + stage.responsible.len())
            .sum();
        let exit = || {
            definition
                .stages
                .values()
                .flat_map(|stage| stage.exit.values())
        };
        let procedures: usize = exit().map(|rule| rule.procedures.len()).sum();
        let expressions: usize = exit()
            .map(|rule| {
                let waivers = rule.procedures.values().flat_map(|p| &p.waived);
                usize::from(rule.expression.is_some())
                    + waivers.filter(|waiver| waiver.when.is_some()).count()
            })
            .sum();
        for (part, found, limit) in [
            ("areas", definition.areas.len(), MAX_AREAS),
            ("tracks", definition.tracks.len(), MAX_STEPS),
            ("facts", definition.facts.len(), MAX_ENTRIES),
            ("facts", fields, 10 * MAX_ENTRIES),
            ("stages", definition.stages.len(), MAX_STEPS),
            ("stages", rules, MAX_ENTRIES),
            ("stages", procedures, MAX_ENTRIES),
            ("stages", expressions, MAX_EXPRESSIONS),
            ("targets", definition.targets.len(), MAX_ENTRIES),
            ("ladder", definition.ladder.len(), MAX_STEPS),
        ] {
            if found > limit {
                let at = root.to(part);
                let problem = Problem::error(
                    "too_many",
                    self.on_key(&at),
                    format!("{part} 里有 {found} 项，上限是 {limit}"),
                    format!("`{part}` holds {found} entries; the limit is {limit}"),
                );
                self.tell(&at, problem);
            }
        }
        for id in definition.areas.keys() {
            let mut above = id;
            let depth = std::iter::from_fn(|| {
                above = definition.areas.get(above)?.parent.as_ref()?;
                Some(above)
            })
            .take(MAX_AREA_DEPTH)
            // A circle is told by name later; it only must not be long.
            .take_while(|parent| *parent != id)
            .count();
            if depth == MAX_AREA_DEPTH {
                let at = root.to("areas").to(id);
                let problem = Problem::error(
                    "too_deep",
                    self.on_key(&at),
                    format!("区域“{id}”的上级超过 {MAX_AREA_DEPTH} 层，或在环上"),
                    format!(
                        "the areas above `{id}` are more than {MAX_AREA_DEPTH}, or run in a circle"
                    ),
                );
                self.tell(&at, problem);
            }
        }
        !self
            .problems
            .iter()
            .any(|problem| matches!(problem.code, "too_many" | "too_deep"))
    }
}
