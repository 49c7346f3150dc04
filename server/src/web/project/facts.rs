//! The head facts of a project, its compounds, its open deadlines, and the way to any day of it.

use anju_projections::stalls::Lamp;
use anju_projections::timeline::{Replay, ReplayedDeadline};
use anju_workflows::calendar::DayKind;
use anju_workflows::definition::Definition;
use anju_workflows::project::Status;
use anju_workflows::requirement::Exact;
use maud::{Markup, html};

use super::Project;
use crate::web::shared::{lamp, part, source};
use crate::web::visit::{Visit, address};
use crate::web::words;

/// The lamp of a deadline by the programme's thresholds; `None` if they count days that the calendar does not know.
pub(super) fn lamp_of(project: &Project, deadline: &ReplayedDeadline) -> Option<Lamp> {
    let lamps = &project.definition.lamps;
    let days = match lamps.kind {
        DayKind::Working => deadline.overdue_working_days?,
        DayKind::Natural | DayKind::Rolled => deadline.overdue_days,
    };
    Some(if days >= i64::from(lamps.red) {
        Lamp::Red
    } else if days >= i64::from(lamps.yellow) {
        Lamp::Yellow
    } else {
        Lamp::Green
    })
}

pub(super) fn render(project: &Project, visit: &Visit) -> Markup {
    let replay = &project.replay;
    let definition = &project.definition;
    let digest: String = replay.definition.chars().take(12).collect();
    let track = replay.track.as_deref().map(|id| {
        definition
            .tracks
            .get(id)
            .map_or(id, |track| track.name.get(visit.lang))
    });
    let responsible = definition.responsible_units(&replay.stage, &project.state.placement());
    html! {
        div #h-facts { (part(visit, "项目概况", "The project")) }
        dl.facts {
            dt { (visit.pick("改造计划", "Programme")) }
            dd { a href=(address("/", [("programme", replay.programme.as_str())])) { (replay.programme_name) } }
            dt { (visit.pick("流程定义", "Definition")) }
            dd { code title=(replay.definition) { (digest) } }
            @if let Some(area) = &replay.area_name { dt { (visit.pick("区域", "Area")) } dd { (area) } }
            @if let Some(track) = track { dt { (visit.pick("类别", "Track")) } dd { (track) } }
            @if let Some(category) = &replay.category { dt { (visit.pick("分类", "Category")) } dd { (category) } }
            dt { (visit.pick("纳入日期", "Entered on")) }
            dd { time { (replay.registered_on) } }
            @if !responsible.is_empty() {
                dt { (visit.pick("本阶段责任单位", "Responsible now")) }
                dd { (responsible.join(visit.pick("、", ", "))) }
            }
            @for (name, counter, unit) in [
                (visit.pick("户数", "Households"), "households", visit.pick(" 户", "")),
                (visit.pick("楼栋", "Buildings"), "buildings", visit.pick(" 栋", "")),
                (visit.pick("建筑面积", "Floor area"), "area_m2", " ㎡"),
            ] {
                dt { (name) }
                @match value_of(definition, replay, counter) {
                    Some(value) => dd { (words::decimal(&value)) (unit) },
                    None => dd { span.none { (visit.pick("未填报", "not stated")) } },
                }
            }
            @for (day, date) in &replay.plan {
                dt { (words::plan_day(*day, visit.lang)) } dd { time { (date) } }
            }
        }
        (compounds(project, visit))
        (replay_form(project, visit))
    }
}

fn compounds(project: &Project, visit: &Visit) -> Markup {
    let compounds = &project.replay.compounds;
    html! {
        @if !compounds.is_empty() {
            h3 { (visit.pick("小区", "Compounds")) " " span.count { (compounds.len()) } }
            ul.compounds {
                @for compound in compounds {
                    li {
                        (compound.name)
                        @if !compound.aliases.is_empty() {
                            span.sub { (visit.pick("又名 ", "also ")) (compound.aliases.join(visit.pick("、", ", "))) }
                        }
                        @if let Some(households) = compound.households {
                            span.sub { (words::number(households)) (visit.pick(" 户", " households")) }
                        }
                        @if let Some(buildings) = compound.buildings {
                            span.sub { (words::number(buildings)) (visit.pick(" 栋", " buildings")) }
                        }
                        @if let Some(area) = &compound.area_m2 { span.sub { (words::decimal(area)) " ㎡" } }
                    }
                }
            }
        }
    }
}

/// A counter of the project as rules see it: the latest standing fact that supersedes it, else the sum over its
/// compounds if each of them states it.
fn value_of(definition: &Definition, replay: &Replay, counter: &str) -> Option<String> {
    let surveyed = definition.counters.get(counter).and_then(|reference| {
        replay
            .facts
            .iter()
            .filter(|fact| !fact.voided && fact.declared && fact.kind == reference.subject)
            .filter(|fact| fact.fields.contains_key(&reference.field))
            .max_by_key(|fact| (fact.at.get(..10).map(str::to_owned), fact.position))
            .and_then(|fact| fact.fields.get(&reference.field))
            .and_then(Exact::of)
    });
    if let Some(value) = surveyed {
        return Some(value.to_string());
    }
    if replay.compounds.is_empty() {
        return None;
    }
    let mut total = Exact::default();
    for compound in &replay.compounds {
        let whole = |n: u64| i64::try_from(n).ok().map(Exact::whole);
        let part = match counter {
            "households" => compound.households.and_then(whole),
            "buildings" => compound.buildings.and_then(whole),
            _ => compound.area_m2.as_deref().and_then(Exact::parse),
        }?;
        total = total.plus(part);
    }
    Some(total.to_string())
}

fn replay_form(project: &Project, visit: &Visit) -> Markup {
    let replay = &project.replay;
    html! {
        form.replay-form method="get" action={ "/project/" (replay.project) } {
            h3 { (visit.pick("回放", "Replay")) }
            div.field {
                label for="as_of" { (visit.pick("截至哪天的状态", "State as of")) }
                input #as_of type="date" name="as_of" value=(replay.as_of) max=(project.today);
            }
            div.field {
                label for="as_known" { (visit.pick("按哪天已知的内容", "As known on")) }
                input #as_known type="date" name="as_known" value=(replay.as_known) max=(project.today);
            }
            button.quiet type="submit" { (visit.pick("回放", "Replay")) }
        }
    }
}

/// Whether the source of a deadline is a phrase of the programme's text.
fn quoted(project: &Project, deadline: &ReplayedDeadline) -> bool {
    project
        .definition
        .stages
        .get(&deadline.stage)
        .and_then(|stage| stage.deadlines.get(&deadline.rule))
        .is_some_and(|deadline| deadline.quote.is_some())
}

/// The deadlines that are not met: the governing one first, the others by their day, whether they are the project's, a
/// lot's or an order's.
pub(super) fn deadlines(project: &Project, visit: &Visit) -> Markup {
    let replay = &project.replay;
    if replay.open_deadlines.is_empty() && replay.status != Status::Suspended {
        return html! {};
    }
    let mut open: Vec<&ReplayedDeadline> = replay.open_deadlines.iter().collect();
    if let Some((_governing, others)) = open.split_first_mut() {
        others.sort_by_key(|deadline| deadline.due);
    }
    html! {
        (part(visit, "未完成的期限", "Open deadlines"))
        @if replay.status == Status::Suspended {
            p.empty { (visit.pick("已停钟：恢复之前不计逾期。", "The clock is stopped: nothing falls due until it runs again.")) }
        }
        @if !open.is_empty() {
            ul.deadlines {
                @for (index, deadline) in open.iter().enumerate() {
                    li.governs[index == 0] {
                        span.due-day {
                            time { (deadline.due) }
                            @if deadline.overdue_days > 0 { " " (lamp(lamp_of(project, deadline), visit.lang)) }
                        }
                        div {
                            p.name {
                                (deadline.name)
                                @if let (Some(lot), None) = (&deadline.lot, deadline.order) { span.tag { (lot) } }
                                @if deadline.stage != replay.stage { span.sub { (deadline.stage_name) } }
                                @if index == 0 && open.len() > 1 { span.tag { (visit.pick("当前依据", "governs")) } }
                                @if deadline.late_at_adoption { span.tag { (visit.pick("纳入时已逾期", "late at adoption")) } }
                                @if deadline.assumed { span.tag { (visit.pick("按假定日历", "by an assumed calendar")) } }
                            }
                            @if deadline.overdue_days > 0 {
                                p.sub {
                                    (visit.pick("逾期 ", "overdue ")) b { (deadline.overdue_days) } (visit.pick(" 天，工作日 ", " days, working "))
                                    @match deadline.overdue_working_days { Some(days) => (days), None => (visit.pick("未知", "unknown")) }
                                }
                            }
                            (source(visit, &deadline.source, quoted(project, deadline)))
                        }
                    }
                }
            }
        }
    }
}
