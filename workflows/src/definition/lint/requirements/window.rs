//! A window: of a kind that figures reach, with bounds that are known and in order.

use super::super::super::problem::Problem;
use super::super::super::{Bound, Judged, Requirement, Window};
use super::super::{At, Lint};

impl Lint<'_> {
    pub(super) fn window(
        &mut self,
        at: &At,
        stage_id: &str,
        requirement: &Requirement,
        window: &Window,
    ) {
        let reached = requirement.share.is_some()
            || requirement.vote.is_some()
            || requirement.sum.is_some()
            || requirement.fact.is_some();
        if !reached {
            let problem = Problem::error(
                "misplaced_key",
                self.on_key(at),
                "window 只用于 share、vote、sum、fact",
                "a window belongs to `share`, `vote`, `sum` or `fact`",
            );
            self.tell(at, problem);
        }
        for (key, bound) in [("from", &window.from), ("to", &window.to)] {
            if let Some(bound) = bound {
                let at = at.to(key);
                self.due(&at, stage_id, bound);
                if let Some(on) = &bound.on {
                    self.known(&at.to("on"), on);
                }
            }
        }
        if window.to.is_none() {
            if window.judged == Judged::AtEnd {
                let problem = Problem::error(
                    "cannot_hold",
                    self.on_key(at),
                    "judged: at_end 要有 to，否则永远不到期",
                    "`judged: at_end` needs `to`: a window without an end is never over",
                );
                self.tell(at, problem);
            }
            if window.bound == Bound::Before {
                self.error(
                    &at.to("bound"),
                    "misplaced_key",
                    "bound 说明的是 to",
                    "`bound` speaks of `to`",
                );
            }
        }
        let on = |bound: &Option<super::super::super::Due>| bound.as_ref().and_then(|due| due.on);
        if let (Some(from), Some(to)) = (on(&window.from), on(&window.to)) {
            self.days_in_order(&at.to("from").to("on"), &from, &to, window.bound);
        }
        // What is under an upper bound is so from the beginning.
        let upper = requirement
            .share
            .as_ref()
            .is_some_and(|share| share.at_most.is_some() || share.less_than.is_some())
            || requirement
                .sum
                .as_ref()
                .is_some_and(|sum| sum.at_most.is_some());
        if upper && window.judged == Judged::WhenReached {
            let problem = Problem::error(
                "cannot_fail",
                self.on_key(at),
                "上限一开始就未超过：应在期满时判断",
                "an upper bound is kept from the beginning: judge it at the end",
            )
            .hinting("加上 judged: at_end", "add `judged: at_end`");
            self.tell(at, problem);
        }
        for (index, fact) in window.brings_into_force.iter().enumerate() {
            self.fact_named(&at.to("brings_into_force").item(index), fact);
        }
    }
}
