//! An expression: readable, typed, cheap, and neither always true nor always false.

use super::super::super::problem::Problem;
use super::super::{At, Lint};
use crate::requirement::cel::Program;

impl Lint<'_> {
    pub(super) fn expression(&mut self, at: &At, text: &str) {
        let definition = self.definition;
        let program = match Program::read(text, definition) {
            Ok(program) => program,
            Err(found) => {
                let letter = found.at + 1;
                let mut problem = Problem::error(
                    "expression",
                    self.on_value(at),
                    format!("表达式第 {letter} 个字符：{}", found.zh),
                    format!("letter {letter} of the expression: {}", found.en),
                );
                if let Some((name, known)) = &found.unknown {
                    problem = problem.suggesting(name, known.iter().map(String::as_str));
                }
                self.tell(at, problem);
                return;
            }
        };
        let sampled = program.sample(definition);
        if program.inputs().is_empty() {
            // Nothing can change it: what was tried is all there is.
            if sampled.holds.is_some() {
                self.cannot_fail(at);
            } else {
                self.cannot_hold(at);
            }
            return;
        }
        if sampled.holds.is_none() {
            self.warn(
                at,
                "never_seen_to_hold",
                "试过的数据都不能使它成立",
                "nothing that was tried makes it hold",
            );
        } else if sampled.fails.is_none() {
            self.warn(
                at,
                "never_seen_to_fail",
                "试过的数据都不能使它不成立",
                "nothing that was tried makes it fail",
            );
        }
    }
}
