//! The form that records a fact: first which one, then its fields as the definition types them.

use std::collections::BTreeSet;

use anju_workflows::definition::{Definition, FactType};
use anju_workflows::handler::new_command_id;
use anju_workflows::requirement::{View, judge_exit};
use maud::{Markup, html};

use super::Project;
use crate::web::form::{self, Draft};
use crate::web::shared::{part, source};
use crate::web::submit_role;
use crate::web::visit::Visit;
use crate::web::{Site, words};

pub(super) fn render(
    project: &Project,
    site: &Site,
    visit: &Visit,
    draft: Option<&Draft>,
) -> Markup {
    let suggested;
    let draft = match draft {
        Some(draft) => draft,
        None => {
            suggested = suggestion(project);
            &suggested
        }
    };
    let kind = project.definition.facts.get(&draft.fact);
    html! {
        div #h-record { (part(visit, "登记事实", "Record a fact")) }
        (chooser(project, visit, &draft.fact))
        @match kind {
            Some(kind) => (fact_form(project, site, visit, kind, draft)),
            None if draft.fact.is_empty() => {},
            None => p.error { (visit.pick("流程定义没有这类事实，请重新选择。", "The definition has no such fact; choose another.")) },
        }
    }
}

/// The form of the fact that the first unmet requirement looks for; else of the first of the stage. Empty: what is
/// suggested is a type, never a value.
fn suggestion(project: &Project) -> Draft {
    let view = View {
        definition: &project.definition,
        calendar: &project.calendar,
        state: &project.state,
        day: project.today,
        before: None,
    };
    let mut unmet = judge_exit(view, &project.state.stage);
    unmet.retain(|judgement| !judgement.met);
    unmet.sort_by_key(|judgement| judgement.warn);
    let exit = project
        .definition
        .stages
        .get(&project.state.stage)
        .map(|stage| &stage.exit);
    unmet
        .iter()
        .filter_map(|judgement| exit?.get(&judgement.rule))
        .flat_map(|rule| rule.fact_types_in(&project.definition))
        .find(|fact| project.definition.facts.contains_key(fact))
        .map(|fact| Draft {
            fact,
            ..Draft::default()
        })
        .or_else(|| {
            let groups = groups(project);
            let (id, _) = groups.first()?.1.first()?;
            Some(Draft {
                fact: (*id).to_owned(),
                ..Draft::default()
            })
        })
        .unwrap_or_default()
}

/// The fields of a fact type that rules of the definition look at.
fn looked_at(definition: &Definition, fact: &str) -> BTreeSet<String> {
    let rules = definition
        .stages
        .values()
        .flat_map(|stage| stage.exit.values());
    rules
        .flat_map(|rule| rule.references())
        .chain(definition.counters.values().cloned())
        .filter(|reference| reference.subject == fact)
        .map(|reference| reference.field)
        .collect()
}

type Group<'a> = (Option<&'a str>, Vec<(&'a str, &'a FactType)>);

/// The facts that belong to this project: those of its stage first, then stage by stage, those of no stage last.
fn groups(project: &Project) -> Vec<Group<'_>> {
    let placement = project.state.placement();
    let definition = &project.definition;
    let mut stages: Vec<Option<&str>> = definition
        .stages_in_order(&placement)
        .into_iter()
        .map(|(id, _)| Some(id))
        .collect();
    stages.sort_by_key(|stage| *stage != Some(project.state.stage.as_str()));
    let known = stages.clone();
    stages.push(None);
    stages
        .into_iter()
        .map(|stage| {
            let facts = definition
                .facts
                .iter()
                .filter(|(_, fact)| definition.applies(&fact.applies, &placement))
                .filter(|(_, fact)| {
                    let own = fact.stage.as_deref();
                    own == stage || (stage.is_none() && !known.contains(&own))
                })
                .map(|(id, fact)| (id.as_str(), fact))
                .collect();
            (stage, facts)
        })
        .filter(|(_, facts): &Group<'_>| !facts.is_empty())
        .collect()
}

fn chooser(project: &Project, visit: &Visit, chosen: &str) -> Markup {
    html! {
        form.choose method="get" action={ "/project/" (project.state.id) "#record" } {
            label for="fact" { (visit.pick("事实类型", "Fact")) }
            div.choose-line {
                select #fact name="fact" {
                    @for (stage, facts) in groups(project) {
                        optgroup label=(match stage {
                            Some(stage) => super::next::stage_name(project, visit, stage),
                            None => visit.pick("其他", "Other").to_owned(),
                        }) {
                            @for (id, fact) in facts {
                                option value=(id) selected[id == chosen] { (fact.name.get(visit.lang)) }
                            }
                        }
                    }
                }
                button.quiet type="submit" { (visit.pick("选择", "Choose")) }
            }
        }
    }
}

fn fact_form(
    project: &Project,
    site: &Site,
    visit: &Visit,
    kind: &FactType,
    draft: &Draft,
) -> Markup {
    let minted = new_command_id(site.app.clock.now());
    let lots = project
        .state
        .lots
        .iter()
        .map(|(id, lot)| (id.clone(), lot.name.clone()))
        .collect();
    let permitted =
        kind.reporters.is_empty() || kind.reporters.iter().any(|role| role == submit_role());
    let mut dated = draft.clone();
    if dated.occurred.is_empty() && dated.problems.is_empty() {
        dated.occurred = project.today.to_string();
    }
    html! {
        form.fact method="post" action={ "/project/" (project.state.id) "/record#record" } novalidate aria-label=(kind.name.get(visit.lang)) {
            input type="hidden" name="form" value=(minted.0);
            input type="hidden" name="fact" value=(draft.fact);
            h3 { (kind.name.get(visit.lang)) }
            (form::summary(visit, draft))
            @if !permitted {
                p.error {
                    (visit.pick("此类事实只能由以下角色登记：", "Only these roles may record it: "))
                    @for (index, role) in kind.reporters.iter().enumerate() {
                        @if index > 0 { (visit.pick("、", ", ")) }
                        (words::role(role, visit.lang))
                    }
                }
            }
            (form::inputs(visit, kind, draft, &looked_at(&project.definition, &draft.fact), &lots))
            (form::occurred(visit, &dated, project.today))
            (form::note(visit, draft))
            @if !kind.documents.is_empty() {
                p.hint {
                    (visit.pick("佐证材料：", "Papers that prove it: "))
                    @for (index, document) in kind.documents.iter().enumerate() {
                        @if index > 0 { (visit.pick("、", ", ")) }
                        (document.get(visit.lang))
                    }
                }
            }
            @match (&kind.quote, &kind.source) {
                (Some(quote), _) => (source(visit, &quote.joined(), true)),
                (None, Some(law)) => (source(visit, law, false)),
                (None, None) => {},
            }
            p.actions { button type="submit" { (visit.pick("登记", "Record")) } }
        }
    }
}
