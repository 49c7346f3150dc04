//! Procedures: each can be shown done, and each waiver says by what.

use std::collections::BTreeMap;

use super::super::super::Procedure;
use super::super::super::problem::Problem;
use super::super::{At, Lint};

impl Lint<'_> {
    pub(super) fn procedures(&mut self, at: &At, procedures: &BTreeMap<String, Procedure>) {
        for (id, procedure) in procedures {
            let at = at.to(id);
            self.applies(&at, &procedure.applies, None);
            self.fact_match(&at.to("done"), &procedure.done);
            let Some(waiver) = &procedure.waived else {
                continue;
            };
            let at = at.to("waived");
            if let Some(by) = &waiver.by {
                self.fact_match(&at.to("by"), by);
                if *by == procedure.done {
                    self.cannot_fail(&at.to("by"));
                }
            }
            if let Some(when) = &waiver.when {
                self.expression(&at.to("when"), when);
            }
            if waiver.by.is_none() && waiver.when.is_none() {
                let problem = Problem::error(
                    "no_condition",
                    self.on_key(&at),
                    "没有写在什么条件下可免",
                    "it does not say under which condition it is waived",
                )
                .expecting("by, when");
                self.tell(&at, problem);
            }
        }
    }
}
