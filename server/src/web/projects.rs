//! The projects, to be found: by programme, area, stage, status and words.

use std::collections::BTreeMap;

use anju_projections::progress::{Progress, ProgressQuery};
use anju_projections::projects::{ProjectList, ProjectQuery, ProjectRow};
use anju_workflows::project::Status;
use anju_workflows::project::event::ProjectId;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use maud::{Markup, html};

use super::layout::{Nav, Page};
use super::shared::{Choice, cell, columns, day, heading, select};
use super::stalled::areas_of;
use super::trouble::Trouble;
use super::visit::Visit;
use super::{Shared, words};

/// How many rows one page holds.
const PAGE: u32 = 100;

const STATUSES: [Status; 4] = [
    Status::Active,
    Status::Suspended,
    Status::Completed,
    Status::Withdrawn,
];

/// `/projects?programme=&area=&stage=&status=&q=&after=`.
pub(super) async fn page(State(site): State<Shared>, visit: Visit) -> Response {
    match shown(&site, &visit).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

fn query(visit: &Visit) -> Result<ProjectQuery, Trouble> {
    let own = |key: &str| visit.asked(key).map(str::to_owned);
    let status = visit
        .asked("status")
        .map(|word| {
            STATUSES
                .into_iter()
                .find(|status| status.as_str() == word)
                .ok_or_else(|| Trouble::BadValue {
                    what: ("状态", "a status"),
                    value: word.to_owned(),
                })
        })
        .transpose()?;
    let after = visit
        .asked("after")
        .map(|id| {
            ProjectId::new(id).map_err(|_| Trouble::BadValue {
                what: ("项目编号", "a project's id"),
                value: id.to_owned(),
            })
        })
        .transpose()?;
    Ok(ProjectQuery {
        programme: own("programme"),
        area: own("area"),
        stage: own("stage"),
        status,
        text: own("q"),
        after,
        limit: PAGE,
        lang: visit.lang,
    })
}

async fn shown(site: &Shared, visit: &Visit) -> Result<Response, Trouble> {
    let query = query(visit)?;
    let views = site.app.views_at_hand().await?;
    let progress = views
        .progress(&ProgressQuery {
            programme: None,
            lang: visit.lang,
        })
        .await?;
    if let Some(id) = &query.programme
        && !progress
            .programmes
            .iter()
            .any(|programme| programme.id == *id)
    {
        return Err(site.no_such_programme(id.clone(), progress.position).await);
    }
    let list = views.projects(&query).await?;
    let head = site.head().await?;
    let now = site.app.handler.now().await?;
    let today = anju_engine::event::shanghai_day(now);
    let page = Page {
        visit,
        nav: Nav::Projects,
        title: visit.pick("项目查询", "Projects").to_owned(),
        head: Some(&head),
        position: Some(list.position),
        writable: site.writable,
    };
    Ok(page.answer(StatusCode::OK, &content(visit, &progress, &list, today)))
}

fn content(visit: &Visit, progress: &Progress, list: &ProjectList, today: Date) -> Markup {
    html! {
        (heading(visit, "项目查询", "Find a project"))
        (filters(visit, progress))
        @if list.projects.is_empty() {
            p.empty { (visit.pick("没有符合条件的项目。", "No project fits.")) }
        } @else {
            (table(visit, progress, list, today))
            nav.pager aria-label=(visit.pick("翻页", "Pages")) {
                span { (visit.pick("本页 ", "")) (list.projects.len()) (visit.pick(" 个项目", " projects on this page")) }
                @if visit.asked("after").is_some() {
                    a href=(visit.with(&[("after", None)])) { (visit.pick("第一页", "First page")) }
                }
                @if let (true, Some(last)) = (list.more, list.projects.last()) {
                    a rel="next" href=(visit.with(&[("after", Some(last.project.as_str()))])) { (visit.pick("下一页", "Next page")) }
                }
            }
        }
    }
}

/// The stages of one programme, or of all of them, in their order.
fn stages(visit: &Visit, progress: &Progress) -> Vec<(String, String)> {
    let asked = visit.asked("programme");
    let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
    progress
        .programmes
        .iter()
        .filter(|programme| asked.is_none_or(|id| programme.id == id))
        .flat_map(|programme| &programme.stages)
        .filter(|stage| seen.insert(&stage.stage, ()).is_none())
        .map(|stage| (stage.stage.clone(), stage.name.clone()))
        .collect()
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
    let statuses = STATUSES
        .map(|status| {
            (
                status.as_str().to_owned(),
                words::status(status, visit.lang).to_owned(),
            )
        })
        .to_vec();
    html! {
        form.filters method="get" action="/projects" role="search" {
            div.filter.grow {
                label for="filter-q" { (visit.pick("名称、编号、小区", "Name, id, compound")) }
                input #filter-q type="search" name="q" value=[visit.asked("q")] maxlength="100";
            }
            (select(visit, &Choice { key: "programme", label: visit.pick("改造计划", "Programme"), values: programmes }))
            @if let Some(values) = areas {
                (select(visit, &Choice { key: "area", label: visit.pick("区域", "Area"), values }))
            }
            (select(visit, &Choice { key: "stage", label: visit.pick("阶段", "Stage"), values: stages(visit, progress) }))
            (select(visit, &Choice { key: "status", label: visit.pick("状态", "Status"), values: statuses }))
            button type="submit" { (visit.pick("查询", "Find")) }
            @if !visit.query.is_empty() { a.reset href="/projects" { (visit.pick("清除", "Reset")) } }
        }
    }
}

fn table(visit: &Visit, progress: &Progress, list: &ProjectList, today: Date) -> Markup {
    let names = [
        ("", visit.pick("项目", "Project")),
        ("", visit.pick("改造计划", "Programme")),
        ("", visit.pick("区域", "Area")),
        ("", visit.pick("阶段", "Stage")),
        ("", visit.pick("状态", "Status")),
        ("", visit.pick("期限", "Due")),
        ("", visit.pick("开工", "Started")),
        ("", visit.pick("完工", "Finished")),
        ("", visit.pick("验收", "Accepted")),
        ("n", visit.pick("户数", "Households")),
    ];
    html! {
        table.cards role="table" {
            caption.hidden { (visit.pick("项目，按编号排列", "Projects, by id")) }
            (columns(&names))
            tbody role="rowgroup" {
                @for row in &list.projects { (table_row(visit, progress, row, today, &names)) }
            }
        }
    }
}

fn table_row(
    visit: &Visit,
    progress: &Progress,
    row: &ProjectRow,
    today: Date,
    names: &[(&str, &str)],
) -> Markup {
    let label = |index: usize| names.get(index).map_or("", |(_, name)| *name);
    let programme = progress
        .programmes
        .iter()
        .find(|programme| programme.id == row.programme)
        .map_or(row.programme.as_str(), |programme| programme.name.as_str());
    let late = row.due.is_some_and(|due| due < today) && row.status == Status::Active;
    html! {
        tr role="row" {
            (cell("project", label(0), &html! {
                a href={ "/project/" (row.project) } { (row.name) }
                span.id { (row.project) }
                @if row.counted { span.sub { (visit.pick("仅计数，未列名", "counted, not named")) } }
            }))
            (cell("", label(1), &html! { (programme) }))
            (cell("short", label(2), &html! { @match &row.area_name { Some(name) => (name), None => span.none { "—" } } }))
            (cell("short", label(3), &html! {
                (row.stage_name)
                span.sub { (visit.pick("自 ", "since ")) time { (row.since) } }
            }))
            (cell("", label(4), &html! { span class={ "status status-" (row.status.as_str()) } { (words::status(row.status, visit.lang)) } }))
            (cell("", label(5), &html! {
                (day(row.due))
                @if late { " " span.tag.late { (visit.pick("逾期", "overdue")) } }
            }))
            (cell("", label(6), &day(row.started)))
            (cell("", label(7), &day(row.finished)))
            (cell("", label(8), &day(row.accepted)))
            (cell("n", label(9), &html! {
                @match row.households { Some(households) => (words::number(households)), None => span.none { "—" } }
            }))
        }
    }
}
