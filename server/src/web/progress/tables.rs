//! The tables of one programme: targets, areas, refusals, money.

use anju_projections::progress::{AreaProgress, ProgrammeProgress, Required, TargetProgress};
use anju_workflows::definition::Lang;
use maud::{Markup, html};

use super::{Quoted, StalledCounts, stalled_count};
use crate::web::shared::source;
use crate::web::visit::{Visit, address};
use crate::web::words;

pub(super) fn targets(visit: &Visit, programme: &ProgrammeProgress, quoted: &Quoted) -> Markup {
    let targets = &programme.targets;
    if targets.is_empty() {
        return html! {};
    }
    html! {
        h3 { (visit.pick("目标", "Targets")) }
        div.scroll role="region" tabindex="0" aria-label=(visit.pick("目标", "Targets")) {
            table.targets {
                thead {
                    tr {
                        th scope="col" { (visit.pick("目标", "Target")) }
                        th.n scope="col" { (visit.pick("要求", "Required")) }
                        th.n scope="col" { (visit.pick("现状", "Actual")) }
                        th.n scope="col" { (visit.pick("期限前达到", "By the due day")) }
                        th scope="col" { (visit.pick("期限", "Due")) }
                        th scope="col" { (visit.pick("结果", "Result")) }
                    }
                }
                tbody {
                    @for target in targets {
                        (target_row(visit, target, quoted.contains(&(programme.id.clone(), target.id.clone()))))
                    }
                }
            }
        }
    }
}

fn target_row(visit: &Visit, target: &TargetProgress, quoted: bool) -> Markup {
    let unit = words::unit(target.measure, visit.lang);
    let amount = |text: &Option<String>| match text {
        None => html! { span.none { (visit.pick("未知", "unknown")) } },
        Some(text) => html! { (words::decimal(text)) },
    };
    html! {
        tr {
            th scope="row" {
                (target.name)
                @if let Some(milestone) = target.reached { " " span.tag { (words::milestone(milestone, visit.lang)) } }
                (source(visit, &target.source, quoted))
                // Notes are written in English only.
                @if let (Lang::En, Some(note)) = (visit.lang, &target.note) { span.note { (note) } }
            }
            td.n {
                @match &target.required {
                    Some(Required { count: Some(count), share: None, .. }) => { "≥ " (words::number(*count)) span.unit { " " (unit) } },
                    Some(required) => (words::typeset(&required.text, visit.lang)),
                    None => span.none { (visit.pick("未定数", "no number")) },
                }
            }
            td.n {
                (amount(&target.actual))
                @if let Some(of) = &target.of { " / " (words::decimal(of)) }
                @if target.actual.is_some() && !unit.is_empty() { span.unit { " " (unit) } }
                @if target.projects == 0 { span.sub { (visit.pick("没有登记的项目", "no project recorded")) } }
                @if target.unknown > 0 {
                    span.sub { (words::number(target.unknown)) (visit.pick(" 个项目未填报", " projects do not state it")) }
                }
            }
            td.n { @match &target.by_due { Some(_) => (amount(&target.by_due)), None => span.none { "—" } } }
            td { @match target.due { Some(due) => time { (due) }, None => span.none { "—" } } }
            td { (verdict(visit, target.met)) }
        }
        @for area in &target.by_area {
            tr.by-area {
                th scope="row" { (area.name) }
                td {}
                td.n { (amount(&area.actual)) @if let Some(of) = &area.of { " / " (words::decimal(of)) } }
                td.n { @match &area.by_due { Some(_) => (amount(&area.by_due)), None => span.none { "—" } } }
                td {}
                td { (verdict(visit, area.met)) }
            }
        }
    }
}

fn verdict(visit: &Visit, met: Option<bool>) -> Markup {
    html! {
        @match met {
            Some(true) => span.mark.met { "✓ " (visit.pick("达到", "met")) },
            Some(false) => span.mark.unmet { "✗ " (visit.pick("未达到", "not met")) },
            None => span.none { (visit.pick("未知", "unknown")) },
        }
    }
}

pub(super) fn areas(
    visit: &Visit,
    programme: &ProgrammeProgress,
    counts: &StalledCounts<'_>,
    open: bool,
) -> Markup {
    if programme.by_area.is_empty() {
        return html! {};
    }
    let row = |area: &AreaProgress| {
        let lamps = counts
            .areas
            .get(&(programme.id.as_str(), area.area.as_deref()))
            .copied()
            .unwrap_or_default();
        html! {
            tr {
                th scope="row" {
                    @match (&area.area, &area.name) {
                        (Some(id), name) => a href=(address("/projects", [("programme", programme.id.as_str()), ("area", id.as_str())])) {
                            (name.as_deref().unwrap_or(id))
                        },
                        (None, _) => (visit.pick("未注明区域", "no area given")),
                    }
                }
                td.n { (words::number(area.figures.projects)) }
                td.n { (words::number(area.figures.started)) }
                td.n { (words::number(area.figures.finished)) }
                td.n { (words::number(area.figures.accepted)) }
                td.n { (stalled_count(visit, &programme.id, area.area.as_deref(), lamps)) }
            }
        }
    };
    html! {
        details open[open] {
            summary { (visit.pick("分区域", "By area")) span.count { (words::number(programme.by_area.len() as u64)) } }
            div.scroll role="region" tabindex="0" aria-label=(visit.pick("分区域", "By area")) {
                table {
                    thead {
                        tr {
                            th scope="col" { (visit.pick("区域", "Area")) }
                            th.n scope="col" { (visit.pick("项目", "Projects")) }
                            th.n scope="col" { (visit.pick("开工", "Started")) }
                            th.n scope="col" { (visit.pick("完工", "Finished")) }
                            th.n scope="col" { (visit.pick("验收", "Accepted")) }
                            th.n scope="col" { (visit.pick("滞后", "Stalled")) }
                        }
                    }
                    tbody { @for area in &programme.by_area { (row(area)) } }
                }
            }
        }
    }
}

pub(super) fn refusals(visit: &Visit, programme: &ProgrammeProgress, open: bool) -> Markup {
    if programme.refusals.is_empty() {
        return html! {};
    }
    let stage_name = |id: &str| {
        programme
            .stages
            .iter()
            .find(|stage| stage.stage == id)
            .map_or_else(|| id.to_owned(), |stage| stage.name.clone())
    };
    html! {
        details open[open] {
            summary { (visit.pick("未通过的条件", "What transitions were refused for")) span.count { (words::number(programme.refusals.len() as u64)) } }
            div.scroll role="region" tabindex="0" aria-label=(visit.pick("未通过的条件", "What transitions were refused for")) {
                table {
                    thead {
                        tr {
                            th scope="col" { (visit.pick("条件", "Requirement")) }
                            th scope="col" { (visit.pick("阶段", "Stage")) }
                            th.n scope="col" { (visit.pick("次数", "Refusals")) }
                            th.n scope="col" { (visit.pick("项目数", "Projects")) }
                        }
                    }
                    tbody {
                        @for refusal in &programme.refusals {
                            tr {
                                th scope="row" { (refusal.name) }
                                td { (stage_name(&refusal.stage)) }
                                td.n { (words::number(refusal.refusals)) }
                                td.n { (words::number(refusal.projects)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn money(visit: &Visit, programme: &ProgrammeProgress, open: bool) -> Markup {
    if programme.money.is_empty() {
        return html! {};
    }
    html! {
        details open[open] {
            summary { (visit.pick("登记的资金", "Money recorded")) span.count { (words::number(programme.money.len() as u64)) } }
            div.scroll role="region" tabindex="0" aria-label=(visit.pick("登记的资金", "Money recorded")) {
                table {
                    thead {
                        tr {
                            th scope="col" { (visit.pick("事项", "What")) }
                            th.n scope="col" { (visit.pick("金额", "Amount")) }
                            th.n scope="col" { (visit.pick("项目数", "Projects")) }
                        }
                    }
                    tbody {
                        @for money in &programme.money {
                            tr {
                                th scope="row" { (money.name) }
                                td.n { (words::money(&money.amount_fen, visit.lang)) }
                                td.n { (words::number(money.projects)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
