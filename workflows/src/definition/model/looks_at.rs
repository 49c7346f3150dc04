//! Which facts a requirement looks at: forms, the demo and the lists of helpers ask for them.

use super::{Definition, Reference, Requirement};
use crate::definition::LOT_SUBJECT;
use crate::requirement::cel::Program;

impl Requirement {
    /// The fact types whose facts can meet it, each once; without those that an expression reads.
    #[must_use]
    pub fn fact_types(&self) -> Vec<&str> {
        let mut once: Vec<&str> = Vec::new();
        for name in self.names() {
            if name != "project" && name != LOT_SUBJECT && !once.contains(&name) {
                once.push(name);
            }
        }
        once
    }

    /// The same, with the fact types that an expression of it reads.
    #[must_use]
    pub fn fact_types_in(&self, definition: &Definition) -> Vec<String> {
        let mut types: Vec<String> = self.fact_types().into_iter().map(str::to_owned).collect();
        let program = self
            .expression
            .as_ref()
            .and_then(|expression| Program::read(&expression.cel, definition).ok());
        for fact in program.iter().flat_map(|program| program.inputs()) {
            if let Some(fact) = fact.fact()
                && !types.iter().any(|known| known == fact)
            {
                types.push(fact.to_owned());
            }
        }
        types
    }

    /// The fields that it looks at, as `fact.field` or `project.counter`.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let field = |fact: &str, field: &str| Reference {
            subject: fact.to_owned(),
            field: field.to_owned(),
        };
        let mut references = Vec::new();
        if let Some(share) = &self.share {
            references.extend([share.of.clone(), share.over.clone()]);
        }
        if let Some(sum) = &self.sum {
            references.push(sum.of.clone());
            references.extend(sum.per.clone());
        }
        if let Some(signers) = &self.signers {
            references.push(signers.of.clone());
        }
        if let Some(vote) = &self.vote {
            for base in vote.bases.values() {
                references.push(field(&vote.of, &base.agreed));
                references.extend(base.voted.iter().map(|voted| field(&vote.of, voted)));
                references.extend(base.electorate.clone());
            }
        }
        if let Some(conditions) = &self.conditions {
            references.push(field(&conditions.set, &conditions.key));
            references.extend(
                conditions
                    .before_field
                    .iter()
                    .map(|before| field(&conditions.set, before)),
            );
            references.push(field(&conditions.discharged, &conditions.key));
        }
        if let Some(inspection) = &self.inspection {
            references.push(field(&inspection.of, &inspection.item));
            references.push(field(&inspection.of, &inspection.result));
            references.extend(
                inspection
                    .rectified
                    .iter()
                    .map(|rectified| field(rectified, &inspection.item)),
            );
        }
        references
    }

    /// Every fact type it names, with repeats.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        if let Some(share) = &self.share {
            names.extend([share.of.subject.as_str(), share.over.subject.as_str()]);
        }
        if let Some(vote) = &self.vote {
            names.push(&vote.of);
            names.extend(
                vote.bases
                    .values()
                    .filter_map(|base| Some(base.electorate.as_ref()?.subject.as_str())),
            );
        }
        if let Some(count) = &self.fact {
            names.extend(count.any_of.iter().map(String::as_str));
        }
        for procedure in self.procedures.values() {
            names.extend(procedure.done.any_of.iter().map(String::as_str));
        }
        if let Some(publicity) = &self.publicity {
            names.extend(publicity.posted.any_of.iter().map(String::as_str));
            names.extend(publicity.objections.iter().map(|o| o.closed.as_str()));
        }
        if let Some(signers) = &self.signers {
            names.push(&signers.of.subject);
        }
        if let Some(sum) = &self.sum {
            names.push(&sum.of.subject);
            names.extend(sum.per.iter().map(|per| per.subject.as_str()));
        }
        if let Some(order) = &self.order {
            names.extend(order.earlier.any_of.iter().map(String::as_str));
        }
        if let Some(settled) = &self.settled {
            names.push(&settled.closed);
        }
        if let Some(conditions) = &self.conditions {
            names.extend([conditions.discharged.as_str(), conditions.set.as_str()]);
        }
        if let Some(inspection) = &self.inspection {
            names.push(&inspection.of);
            names.extend(inspection.rectified.as_deref());
        }
        names
    }
}
