//! The next transition: every requirement, met or not, with its figures and where it comes from.

use anju_workflows::definition::COMPLETED;
use anju_workflows::handler::new_command_id;
use anju_workflows::project::Status;
use anju_workflows::requirement::{Explained, View, explain, judge_exit};
use maud::{Markup, html};

use super::Project;
use crate::web::form::{self, Draft};
use crate::web::shared::{part, source};
use crate::web::visit::{Visit, address};
use crate::web::{Site, words};

pub(super) fn render(
    project: &Project,
    site: &Site,
    visit: &Visit,
    draft: Option<&Draft>,
) -> Markup {
    let heading = html! { div #h-next { (part(visit, "下一阶段与条件", "Next transition")) } };
    if project.state.status != Status::Active {
        return html! {
            (heading)
            p.empty {
                (visit.pick("项目", "The project is "))
                (words::status(project.state.status, visit.lang))
                (visit.pick("，不能变更阶段。事实仍可登记。", "; it cannot move on. Facts can still be recorded."))
            }
        };
    }
    let placement = project.state.placement();
    let ways = project
        .definition
        .next_stages(&project.state.stage, &placement);
    let explained: Vec<Explained> = judged(project, visit);
    let blocking = explained.iter().filter(|e| !e.met && !e.warn).count();
    let names: Vec<String> = ways
        .iter()
        .map(|way| stage_name(project, visit, way))
        .collect();
    html! {
        (heading)
        p.way {
            (stage_name(project, visit, &project.state.stage)) " → " b { (names.join(visit.pick(" 或 ", " or "))) }
            " "
            @if explained.is_empty() {
                span.none { (visit.pick("没有条件", "nothing is asked")) }
            } @else if blocking == 0 {
                span.mark.met { "✓ " (visit.pick("条件已具备", "every requirement is met")) }
            } @else {
                span.mark.unmet { "✗ " (blocking) (visit.pick(" 项条件未满足", " not met")) }
            }
        }
        @if !explained.is_empty() { (table(project, site, visit, &explained)) }
        @if site.writable && !ways.is_empty() { (ask(project, site, visit, &ways, &names, draft)) }
    }
}

/// Everything that leaving the stage demands, judged today.
fn judged(project: &Project, visit: &Visit) -> Vec<Explained> {
    let view = View {
        definition: &project.definition,
        calendar: &project.calendar,
        state: &project.state,
        day: project.today,
        before: None,
    };
    let mut explained: Vec<Explained> = judge_exit(view, &project.state.stage)
        .iter()
        .map(|judgement| {
            explain(
                &project.definition,
                &project.state.stage,
                judgement,
                visit.lang,
            )
        })
        .collect();
    // What stops the project stands first, then what warns, then what is met.
    explained.sort_by_key(|e| (e.met, e.warn));
    explained
}

pub(super) fn stage_name(project: &Project, visit: &Visit, stage: &str) -> String {
    if stage == COMPLETED {
        return visit.pick("完成", "completed").to_owned();
    }
    project.definition.stages.get(stage).map_or_else(
        || stage.to_owned(),
        |stage| stage.name.get(visit.lang).to_owned(),
    )
}

fn table(project: &Project, site: &Site, visit: &Visit, explained: &[Explained]) -> Markup {
    html! {
        ul.requirements {
            @for requirement in explained {
                li class=(class(requirement.met, requirement.warn)) {
                    (mark(visit, requirement.met, requirement.warn))
                    div {
                        p.name { (requirement.name) }
                        (figures(visit, &requirement.actual, &requirement.required))
                        (source(visit, &requirement.source, quoted(project, &project.state.stage, &requirement.rule)))
                        @if site.writable && !requirement.met { (helpers(project, visit, &requirement.rule)) }
                    }
                }
            }
        }
    }
}

/// Whether the source of a requirement is a phrase of the programme's text.
pub(super) fn quoted(project: &Project, stage: &str, rule: &str) -> bool {
    project
        .definition
        .stages
        .get(stage)
        .and_then(|stage| stage.exit.get(rule))
        .is_some_and(|rule| rule.quote.is_some())
}

/// Actual and required, side by side.
pub(super) fn figures(visit: &Visit, actual: &str, required: &str) -> Markup {
    html! {
        p.figures-line {
            span { (visit.pick("实际 ", "actual ")) b { (words::typeset(actual, visit.lang)) } }
            span { (visit.pick("要求 ", "required ")) (words::typeset(required, visit.lang)) }
        }
    }
}

pub(super) fn class(met: bool, warn: bool) -> &'static str {
    match (met, warn) {
        (true, _) => "met",
        (false, true) => "warn",
        (false, false) => "unmet",
    }
}

/// ✓, ✗ or !, with a word for those who do not see it.
pub(super) fn mark(visit: &Visit, met: bool, warn: bool) -> Markup {
    let (sign, word) = match (met, warn) {
        (true, _) => ("✓", visit.pick("已满足", "met")),
        (false, true) => ("!", visit.pick("提示，不阻止", "warns only")),
        (false, false) => ("✗", visit.pick("未满足", "not met")),
    };
    html! {
        span class={ "mark " (class(met, warn)) } title=(word) {
            span aria-hidden="true" { (sign) } span.hidden { (word) }
        }
    }
}

/// Ways to the forms of the facts that a requirement looks at.
fn helpers(project: &Project, visit: &Visit, rule: &str) -> Markup {
    let facts = project
        .definition
        .stages
        .get(&project.state.stage)
        .and_then(|stage| stage.exit.get(rule))
        .map(|rule| rule.fact_types_in(&project.definition))
        .unwrap_or_default();
    let path = format!("/project/{}", project.state.id);
    let links: Vec<(String, &str)> = facts
        .iter()
        .filter_map(|wanted| {
            let fact = project.definition.facts.get(wanted)?;
            let form = address(&path, [("fact", wanted.as_str())]);
            Some((format!("{form}#record"), fact.name.get(visit.lang)))
        })
        .collect();
    html! {
        @if !links.is_empty() {
            p.helpers {
                (visit.pick("登记：", "Record: "))
                @for (index, (href, name)) in links.iter().enumerate() {
                    @if index > 0 { (visit.pick("、", ", ")) }
                    a href=(href) { (name) }
                }
            }
        }
    }
}

/// The button that asks for the transition.
fn ask(
    project: &Project,
    site: &Site,
    visit: &Visit,
    ways: &[&str],
    names: &[String],
    draft: Option<&Draft>,
) -> Markup {
    let minted = new_command_id(site.app.clock.now());
    html! {
        form.ask method="post" action={ "/project/" (project.state.id) "/advance" } novalidate {
            input type="hidden" name="form" value=(minted.0);
            @if let Some(draft) = draft {
                div.problems role="alert" {
                    @for (_, message) in &draft.problems { p { (message) } }
                }
            }
            @if let [_, _, ..] = ways {
                fieldset.field {
                    legend { (visit.pick("去向", "Where to")) }
                    @for (index, (way, name)) in ways.iter().zip(names).enumerate() {
                        label.check { input type="radio" name="to" value=(way) checked[index == 0]; " " (name) }
                    }
                }
            }
            div.ask-line {
                label for="effective" { (visit.pick("生效日期", "Takes effect on")) }
                (form::effective(draft, project.today))
                button type="submit" { (visit.pick("申请进入下一阶段", "Ask for the transition")) }
            }
            p.hint {
                (visit.pick("不具备条件时不予通过，并把未满足的条件逐条记入日志。", "Where something is missing it is refused, and every unmet requirement is recorded."))
            }
        }
    }
}
