//! A vote: every base has the figures that its bars compare, in one unit.

use super::super::super::problem::Problem;
use super::super::super::{Bar, Reference, Vote};
use super::super::{At, Lint};

impl Lint<'_> {
    pub(super) fn vote(&mut self, at: &At, vote: &Vote) {
        self.fact_named(&at.to("of"), &vote.of);
        self.with(at, std::slice::from_ref(&vote.of), &vote.with);
        if vote.bases.is_empty() {
            self.cannot_hold(&at.to("bases"));
        }
        for (id, base) in &vote.bases {
            let at = at.to("bases").to(id);
            let field = |field: &String| Reference {
                subject: vote.of.clone(),
                field: field.clone(),
            };
            // An unknown vote is told once, above.
            let known = self.definition.facts.contains_key(&vote.of);
            let agreed = known
                .then(|| self.quantity(&at.to("agreed"), &field(&base.agreed)))
                .flatten();
            let voted = base
                .voted
                .as_ref()
                .filter(|_| known)
                .and_then(|voted| self.quantity(&at.to("voted"), &field(voted)));
            let electorate = base
                .electorate
                .as_ref()
                .and_then(|electorate| self.quantity(&at.to("electorate"), electorate));
            if let (Some(agreed), Some(voted)) = (&agreed, &voted)
                && !agreed.fits(voted)
            {
                self.units_differ(&at.to("voted"), voted, agreed);
            }
            if let (Some(agreed), Some(electorate)) = (&agreed, &electorate)
                && !agreed.fits(electorate)
            {
                self.units_differ(&at.to("electorate"), electorate, agreed);
            }
            if base.voted.as_ref() == Some(&base.agreed) {
                self.cannot_fail(&at.to("agreed"));
            }
            let needs_voted = vote.quorum.is_some() || !vote.of_electorate;
            if needs_voted && base.voted.is_none() {
                self.needed(&at, "voted", "参与数", "who took part");
            }
            let needs_electorate = vote.quorum.is_some() || vote.of_electorate;
            if needs_electorate && base.electorate.is_none() {
                self.needed(&at, "electorate", "有权参与的总数", "who may vote");
            }
            if let Some(electorate) = &base.electorate
                && electorate.subject != "project"
                && electorate.subject != crate::definition::LOT_SUBJECT
            {
                self.values_of(
                    &at.to("electorate_where"),
                    std::slice::from_ref(&electorate.subject),
                    &base.electorate_where,
                );
            } else if !base.electorate_where.is_empty() {
                self.error(
                    &at.to("electorate_where"),
                    "not_a_fact",
                    "electorate_where 只用于取自事实的 electorate",
                    "`electorate_where` chooses among facts; this electorate is none",
                );
            }
        }
        if let Some(quorum) = &vote.quorum {
            self.bar(&at.to("quorum"), quorum);
        }
        self.bar(&at.to("consent"), &vote.consent);
    }

    fn needed(&mut self, at: &At, key: &str, zh: &str, en: &str) {
        let problem = Problem::error(
            "missing_key",
            self.on_key(at),
            format!("缺少“{key}”：{zh}"),
            format!("`{key}` is missing: {en}"),
        );
        self.tell(at, problem);
    }

    fn bar(&mut self, at: &At, bar: &Bar) {
        match (bar.at_least, bar.more_than) {
            (None, None) | (Some(_), Some(_)) => {
                let problem = Problem::error(
                    "threshold",
                    self.on_key(at),
                    "at_least（含）和 more_than（不含）要写且只写一个",
                    "give one of `at_least` (inclusive) and `more_than` (exclusive)",
                );
                self.tell(at, problem);
            }
            (Some(at_least), None) if at_least.is_zero() => self.cannot_fail(&at.to("at_least")),
            (Some(at_least), None) if at_least.is_above_whole() => {
                self.cannot_hold(&at.to("at_least"));
            }
            (None, Some(more_than)) if more_than.is_whole() || more_than.is_above_whole() => {
                self.cannot_hold(&at.to("more_than"));
            }
            _ => {}
        }
    }
}
