//! The stalled list: which projects are past their day, since when, by which rule, and whose turn it is.

use std::collections::BTreeMap;

use anju_projections::progress::{Progress, ProgressQuery};
use anju_projections::stalls::{Lamp, StallQuery, Stalled, StalledProject};
use anju_workflows::project::fields::parse_day;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use maud::{Markup, html};

use super::layout::{Nav, Page};
use super::shared::{Choice, cell, columns, heading, lamp, select, source};
use super::trouble::Trouble;
use super::visit::{Visit, address};
use super::{Shared, Site, words};

/// How many rows one page holds.
const PAGE: usize = 100;

/// `/stalled?programme=&area=&lamp=&as_of=&page=`.
pub(super) async fn page(State(site): State<Shared>, visit: Visit) -> Response {
    match shown(&site, &visit).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

/// What is asked for beside programme and area.
struct Asked {
    as_of: Option<Date>,
    lamp: Option<Option<Lamp>>,
    page: usize,
}

impl Asked {
    fn of(visit: &Visit) -> Result<Self, Trouble> {
        let bad = |what, value: &str| Trouble::BadValue {
            what,
            value: value.to_owned(),
        };
        let as_of = visit
            .asked("as_of")
            .map(|text| {
                parse_day(text).ok_or_else(|| bad(("日期", "a day such as 2021-03-11"), text))
            })
            .transpose()?;
        let lamp = visit
            .asked("lamp")
            .map(|word| match word {
                "green" => Ok(Some(Lamp::Green)),
                "yellow" => Ok(Some(Lamp::Yellow)),
                "red" => Ok(Some(Lamp::Red)),
                "unknown" => Ok(None),
                other => Err(bad(("亮灯", "a lamp (green, yellow, red)"), other)),
            })
            .transpose()?;
        let page = visit
            .asked("page")
            .map(|text| {
                text.parse::<usize>()
                    .ok()
                    .filter(|page| *page >= 1)
                    .ok_or_else(|| bad(("页码", "a page number"), text))
            })
            .transpose()?
            .unwrap_or(1);
        Ok(Self { as_of, lamp, page })
    }
}

async fn shown(site: &Shared, visit: &Visit) -> Result<Response, Trouble> {
    let asked = Asked::of(visit)?;
    let views = site.app.views_at_hand().await?;
    let progress = views
        .progress(&ProgressQuery {
            programme: None,
            lang: visit.lang,
        })
        .await?;
    if let Some(id) = visit.asked("programme")
        && !progress
            .programmes
            .iter()
            .any(|programme| programme.id == id)
    {
        return Err(site
            .no_such_programme(id.to_owned(), progress.position)
            .await);
    }
    let mut query = StallQuery {
        as_of: asked.as_of,
        programme: visit.asked("programme").map(str::to_owned),
        area: visit.asked("area").map(str::to_owned),
        lamp: asked.lamp,
        skip: asked.page.saturating_sub(1).saturating_mul(PAGE),
        limit: Some(PAGE),
        lang: visit.lang,
    };
    let mut stalled = views.stalled(&query).await?;
    if stalled.stalled.is_empty() && stalled.total > 0 {
        // A page beyond the last one is the last one.
        query.skip = (pages_of(&stalled) - 1) * PAGE;
        stalled = views.stalled(&query).await?;
    }
    let head = site.head().await?;
    let page = Page {
        visit,
        nav: Nav::Stalled,
        title: visit.pick("滞后清单", "Stalled").to_owned(),
        head: Some(&head),
        position: Some(stalled.position),
        writable: site.writable,
    };
    let names = Deadlines::of(site, visit, &stalled).await?;
    Ok(page.answer(
        StatusCode::OK,
        &content(visit, &asked, &progress, &stalled, &names),
    ))
}

/// The deadlines of the programmes, as the newest definition of each has them: name, and whether their source is a
/// phrase of the text.
struct Deadlines(BTreeMap<String, BTreeMap<String, (String, bool)>>);

impl Deadlines {
    async fn of(site: &Site, visit: &Visit, stalled: &Stalled) -> Result<Self, Trouble> {
        let mut known = BTreeMap::new();
        for row in &stalled.stalled {
            if known.contains_key(&row.programme) {
                continue;
            }
            let (definition, _) = site
                .app
                .handler
                .library()
                .newest_definition(&row.programme)
                .await?;
            let deadlines = definition
                .stages
                .values()
                .flat_map(|stage| &stage.deadlines)
                .map(|(id, deadline)| {
                    let name = deadline.name.get(visit.lang).to_owned();
                    (id.clone(), (name, deadline.quote.is_some()))
                })
                .collect();
            known.insert(row.programme.clone(), deadlines);
        }
        Ok(Self(known))
    }

    fn find(&self, programme: &str, id: &str) -> Option<&(String, bool)> {
        self.0.get(programme)?.get(id)
    }

    fn name<'a>(&'a self, programme: &str, id: &'a str) -> &'a str {
        self.find(programme, id).map_or(id, |(name, _)| name)
    }

    fn quoted(&self, programme: &str, id: &str) -> bool {
        self.find(programme, id).is_some_and(|(_, quoted)| *quoted)
    }
}

/// How many pages there are; an empty list has one.
fn pages_of(stalled: &Stalled) -> usize {
    usize::try_from(stalled.total)
        .unwrap_or(usize::MAX)
        .div_ceil(PAGE)
        .max(1)
}

fn content(
    visit: &Visit,
    asked: &Asked,
    progress: &Progress,
    stalled: &Stalled,
    names: &Deadlines,
) -> Markup {
    let pages = pages_of(stalled);
    let page = asked.page.min(pages);
    let from = (page - 1) * PAGE;
    html! {
        (heading(visit, "滞后清单", "Stalled projects"))
        (summary(visit, asked, stalled, registered(visit, asked, progress)))
        (filters(visit, progress))
        @if stalled.total == 0 {
            p.empty { (visit.pick("没有滞后的项目。", "No project is stalled.")) }
        } @else {
            (table(visit, progress, &stalled.stalled, names))
            (pager(visit, page, pages, from, stalled))
        }
    }
}

/// How many projects the question is about, where that is a plain number: all areas, today, none withdrawn.
fn registered(visit: &Visit, asked: &Asked, progress: &Progress) -> Option<u64> {
    if visit.asked("area").is_some() || asked.as_of.is_some() {
        return None;
    }
    let programme = visit.asked("programme");
    Some(
        progress
            .programmes
            .iter()
            .filter(|found| programme.is_none_or(|id| found.id == id))
            .map(|found| found.figures.projects - found.figures.status.withdrawn)
            .sum(),
    )
}

fn summary(visit: &Visit, asked: &Asked, stalled: &Stalled, of: Option<u64>) -> Markup {
    let mut lamps: BTreeMap<Option<Lamp>, u64> = BTreeMap::new();
    for count in &stalled.counts {
        *lamps.entry(count.lamp).or_default() += count.stalled;
    }
    let all: u64 = lamps.values().sum();
    html! {
        p.lead {
            (visit.pick("截至 ", "As of ")) time { (stalled.as_of) }
            (visit.pick("：", ": "))
            b { (words::number(all)) }
            @match of {
                Some(of) => { (visit.pick(" 项滞后，在册项目 ", " stalled; ")) (words::number(of)) (visit.pick(" 个", " projects in all")) }
                None => { (visit.pick(" 项滞后", " stalled")) }
            }
            @if stalled.suspended > 0 {
                (visit.pick("；另有 ", "; ")) (words::number(stalled.suspended)) (visit.pick(" 个已停钟，不计滞后", " with a stopped clock, not counted"))
            }
        }
        @if !lamps.is_empty() {
            ul.lamps aria-label=(visit.pick("按亮灯", "By lamp")) {
                @for (of, count) in lamps.iter().rev() {
                    @let class = words::lamp_class(*of);
                    @let chosen = asked.lamp == Some(*of);
                    li {
                        a href=(visit.with(&[("lamp", (!chosen).then_some(class)), ("page", None)])) aria-current=[chosen.then_some("true")] {
                            (lamp(*of, visit.lang)) b { (words::number(*count)) }
                        }
                    }
                }
                @if asked.lamp.is_some() {
                    li { a href=(visit.with(&[("lamp", None), ("page", None)])) { (visit.pick("全部亮灯", "all lamps")) } }
                }
            }
        }
    }
}

fn filters(visit: &Visit, progress: &Progress) -> Markup {
    let programmes = progress
        .programmes
        .iter()
        .map(|programme| (programme.id.clone(), programme.name.clone()))
        .collect();
    let areas = visit
        .asked("programme")
        .and_then(|id| areas_of(progress, id));
    html! {
        form.filters method="get" action="/stalled" aria-label=(visit.pick("筛选", "Filter")) {
            (select(visit, &Choice { key: "programme", label: visit.pick("改造计划", "Programme"), values: programmes }))
            @if let Some(values) = areas {
                (select(visit, &Choice { key: "area", label: visit.pick("区域", "Area"), values }))
            }
            div.filter {
                label for="filter-as_of" { (visit.pick("截至", "As of")) }
                input #filter-as_of type="date" name="as_of" value=[visit.asked("as_of")];
            }
            @if let Some(lamp) = visit.asked("lamp") { input type="hidden" name="lamp" value=(lamp); }
            button type="submit" { (visit.pick("筛选", "Filter")) }
            @if !visit.query.is_empty() { a.reset href="/stalled" { (visit.pick("清除", "Reset")) } }
        }
    }
}

/// The areas of a programme that hold projects, with their names.
pub(super) fn areas_of(progress: &Progress, programme: &str) -> Option<Vec<(String, String)>> {
    let programme = progress
        .programmes
        .iter()
        .find(|found| found.id == programme)?;
    let areas: Vec<(String, String)> = programme
        .by_area
        .iter()
        .filter_map(|area| {
            let id = area.area.clone()?;
            let name = area.name.clone().unwrap_or_else(|| id.clone());
            Some((id, name))
        })
        .collect();
    (!areas.is_empty()).then_some(areas)
}

fn table(
    visit: &Visit,
    progress: &Progress,
    rows: &[StalledProject],
    deadlines: &Deadlines,
) -> Markup {
    let names = [
        ("", visit.pick("灯", "Lamp")),
        ("", visit.pick("项目", "Project")),
        ("", visit.pick("区域", "Area")),
        ("", visit.pick("阶段", "Stage")),
        ("n", visit.pick("逾期", "Overdue")),
        ("", visit.pick("期限与依据", "Due, and by which rule")),
        ("", visit.pick("责任单位", "Responsible")),
        ("", visit.pick("督办", "Step taken")),
    ];
    html! {
        table.cards.stalled role="table" {
            caption.hidden { (visit.pick("滞后的项目，逾期最久的在前", "Stalled projects, most overdue first")) }
            (columns(&names))
            tbody role="rowgroup" {
                @for row in rows { (table_row(visit, progress, row, &names, deadlines)) }
            }
        }
    }
}

fn table_row(
    visit: &Visit,
    progress: &Progress,
    row: &StalledProject,
    names: &[(&str, &str)],
    deadlines: &Deadlines,
) -> Markup {
    let others: Vec<&str> = row
        .other_overdue
        .iter()
        .map(|id| deadlines.name(&row.programme, id))
        .collect();
    let label = |index: usize| names.get(index).map_or("", |(_, name)| *name);
    let programme = progress
        .programmes
        .iter()
        .find(|programme| programme.id == row.programme)
        .map_or(row.programme.as_str(), |programme| programme.name.as_str());
    let working = match row.overdue_working_days {
        Some(days) => format!("{days}"),
        None => visit.pick("未知", "unknown").to_owned(),
    };
    html! {
        tr role="row" {
            (cell("lamp-cell", label(0), &lamp(row.lamp, visit.lang)))
            (cell("project", label(1), &html! {
                a href=(address(&format!("/project/{}", row.project), [])) { (row.name) }
                span.id { (row.project) }
                @if let Some(lot) = &row.lot_name { span.sub { (lot) } }
                @if visit.asked("programme").is_none() { span.sub { (programme) } }
            }))
            (cell("short", label(2), &html! {
                @match &row.area_name { Some(name) => (name), None => span.none { "—" } }
            }))
            (cell("short", label(3), &html! {
                (row.stage_name)
                span.sub { (visit.pick("自 ", "since ")) time { (row.since) } }
            }))
            (cell("n overdue", label(4), &html! {
                b { (row.overdue_days) } (visit.pick(" 天", " d"))
                span.sub { (visit.pick("工作日 ", "working ")) (working) }
            }))
            (cell("rule", label(5), &html! {
                time { (row.due) } " " (row.rule_name)
                (source(visit, &row.rule_source, deadlines.quoted(&row.programme, &row.rule)))
                @if row.late_at_adoption { span.sub { (visit.pick("纳入时已逾期", "late at adoption")) } }
                @if !others.is_empty() {
                    span.sub { (visit.pick("另有逾期：", "also overdue: ")) (others.join(visit.pick("、", ", "))) }
                }
            }))
            (cell("unit-cell", label(6), &html! {
                @if row.responsible.is_empty() { span.none { (visit.pick("未写明", "not stated")) } }
                @else { (row.responsible.join(visit.pick("、", ", "))) }
            }))
            (cell("", label(7), &html! {
                @match &row.highest_step_name { Some(name) => span.tag.step { (name) }, None => span.none { "—" } }
            }))
        }
    }
}

fn pager(visit: &Visit, page: usize, pages: usize, from: usize, stalled: &Stalled) -> Markup {
    let to = |page: usize| visit.with(&[("page", Some(page.to_string().as_str()))]);
    html! {
        nav.pager aria-label=(visit.pick("翻页", "Pages")) {
            span {
                (visit.pick("第 ", "")) (from + 1) "–" (from + stalled.stalled.len()) (visit.pick(" 条，共 ", " of ")) (words::number(stalled.total)) (visit.pick(" 条", ""))
            }
            @if pages > 1 {
                @if page > 1 { a rel="prev" href=(to(page - 1)) { (visit.pick("上一页", "Previous")) } }
                span { (page) " / " (pages) }
                @if page < pages { a rel="next" href=(to(page + 1)) { (visit.pick("下一页", "Next")) } }
            }
        }
    }
}
