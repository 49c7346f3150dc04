//! Programmes and progress.

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use anju_projections::progress::{Figures, ProgrammeProgress, Progress, ProgressQuery};
use anju_projections::stalls::{Lamp, StallQuery, Stalled, StalledCount};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Nav, Page};
use super::shared::{bar, heading, lamp_count};
use super::trouble::Trouble;
use super::visit::{Visit, address};
use super::{Shared, Site, words};

/// `/`: all programmes; `/?programme=ID`: one, with everything open.
pub(super) async fn page(State(site): State<Shared>, visit: Visit) -> Response {
    match shown(&site, &visit).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

async fn shown(site: &Shared, visit: &Visit) -> Result<Response, Trouble> {
    let views = site.app.views_at_hand().await?;
    let programme = visit.asked("programme").map(str::to_owned);
    let mut progress = views
        .progress(&ProgressQuery {
            programme: programme.clone(),
            lang: visit.lang,
        })
        .await?;
    // A programme that has projects is looked at more often than one that only has targets.
    progress
        .programmes
        .sort_by_key(|programme| programme.figures.projects == 0);
    if let (Some(id), true) = (&programme, progress.programmes.is_empty()) {
        return Err(site.no_such_programme(id.clone(), progress.position).await);
    }
    let stalled = views
        .stalled(&StallQuery {
            programme,
            limit: Some(0),
            lang: visit.lang,
            ..StallQuery::default()
        })
        .await?;
    let quoted = quoted_targets(site, &progress).await?;
    let head = site.head().await?;
    let page = Page {
        visit,
        nav: Nav::Progress,
        title: visit.pick("进度总览", "Progress").to_owned(),
        head: Some(&head),
        position: Some(progress.position),
        writable: site.writable,
    };
    Ok(page.answer(
        StatusCode::OK,
        &content(visit, &progress, &stalled, &quoted),
    ))
}

/// Programme and target whose source is a phrase of the programme's text.
type Quoted = BTreeSet<(String, String)>;

async fn quoted_targets(site: &Site, progress: &Progress) -> Result<Quoted, Trouble> {
    let mut quoted = Quoted::new();
    for programme in &progress.programmes {
        let definition = site
            .app
            .handler
            .library()
            .definition(&programme.id, &programme.definition)
            .await?;
        let targets = definition
            .targets
            .iter()
            .filter(|(_, target)| target.quote.is_some());
        quoted.extend(targets.map(|(id, _)| (programme.id.clone(), id.clone())));
    }
    Ok(quoted)
}

/// How many projects are stalled, by lamp.
#[derive(Clone, Copy, Default)]
struct Lamps {
    all: u64,
    red: u64,
    yellow: u64,
}

impl Lamps {
    fn add(&mut self, count: &StalledCount) {
        self.all += count.stalled;
        match count.lamp {
            Some(Lamp::Red) => self.red += count.stalled,
            Some(Lamp::Yellow) => self.yellow += count.stalled,
            Some(Lamp::Green) | None => {}
        }
    }
}

/// Programme → its lamps; and programme and area → theirs.
struct StalledCounts<'a> {
    programmes: BTreeMap<&'a str, Lamps>,
    areas: BTreeMap<(&'a str, Option<&'a str>), Lamps>,
}

impl<'a> StalledCounts<'a> {
    fn of(stalled: &'a Stalled) -> Self {
        let mut counts = Self {
            programmes: BTreeMap::new(),
            areas: BTreeMap::new(),
        };
        for row in &stalled.counts {
            counts
                .programmes
                .entry(&row.programme)
                .or_default()
                .add(row);
            counts
                .areas
                .entry((&row.programme, row.area.as_deref()))
                .or_default()
                .add(row);
        }
        counts
    }
}

fn content(visit: &Visit, progress: &Progress, stalled: &Stalled, quoted: &Quoted) -> Markup {
    let counts = StalledCounts::of(stalled);
    let one = visit.asked("programme").is_some();
    html! {
        (heading(visit, "改造计划与进度", "Programmes and progress"))
        p.lead {
            (visit.pick("截至 ", "As of ")) time { (stalled.as_of) }
            @if one {
                " · " a href="/" { (visit.pick("全部计划", "all programmes")) }
            }
        }
        @if progress.programmes.is_empty() {
            p.empty {
                (visit.pick("日志中还没有发布改造计划。", "No programme is published in this log yet."))
                " " code { "anju programme publish" } ", " code { "anju demo" }
            }
        } @else {
            @if !one { (overview(visit, progress, &counts)) }
            @for programme in &progress.programmes {
                (section(visit, programme, &counts, quoted, one))
            }
        }
    }
}

/// The programmes side by side.
fn overview(visit: &Visit, progress: &Progress, counts: &StalledCounts<'_>) -> Markup {
    let number = |n: u64| words::number(n);
    html! {
        div.scroll role="region" tabindex="0" aria-label=(visit.pick("各计划进度", "Progress by programme")) {
            table.overview {
                caption.hidden { (visit.pick("各计划进度", "Progress by programme")) }
                thead {
                    tr {
                        th scope="col" { (visit.pick("改造计划", "Programme")) }
                        th.n scope="col" { (visit.pick("项目", "Projects")) }
                        th.n scope="col" { (visit.pick("开工", "Started")) }
                        th.n scope="col" { (visit.pick("完工", "Finished")) }
                        th.n scope="col" { (visit.pick("验收", "Accepted")) }
                        th.n scope="col" { (visit.pick("滞后", "Stalled")) }
                        th.wide scope="col" { (visit.pick("阶段分布", "By stage")) }
                    }
                }
                tbody {
                    @for programme in &progress.programmes {
                        @let figures = &programme.figures;
                        @let lamps = counts.programmes.get(programme.id.as_str()).copied().unwrap_or_default();
                        tr {
                            th scope="row" { a href={ "#" (programme.id) } { (programme.name) } }
                            td.n { (number(figures.projects)) }
                            td.n { (number(figures.started)) }
                            td.n { (number(figures.finished)) }
                            td.n { (number(figures.accepted)) }
                            td.n { (stalled_count(visit, &programme.id, None, lamps)) }
                            td.wide { (stage_bar(visit, programme)) }
                        }
                    }
                }
            }
        }
    }
}

fn stalled_count(visit: &Visit, programme: &str, area: Option<&str>, lamps: Lamps) -> Markup {
    let query = [("programme", Some(programme)), ("area", area)];
    let query = query
        .iter()
        .filter_map(|(key, value)| value.map(|value| (*key, value)));
    html! {
        @if lamps.all == 0 {
            span.none { "0" }
        } @else {
            a href=(address("/stalled", query)) { (words::number(lamps.all)) }
            @if lamps.red > 0 { " " (lamp_count(Some(Lamp::Red), lamps.red, visit.lang)) }
            @if lamps.yellow > 0 { " " (lamp_count(Some(Lamp::Yellow), lamps.yellow, visit.lang)) }
        }
    }
}

fn stage_bar(visit: &Visit, programme: &ProgrammeProgress) -> Markup {
    let parts: Vec<(usize, u64, &str)> = programme
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| {
            (
                shade(programme, index),
                stage.figures.projects,
                stage.name.as_str(),
            )
        })
        .collect();
    bar(
        visit.pick("各阶段项目数", "Projects by stage"),
        programme.figures.projects,
        &parts,
    )
}

/// Which of the nine shades a stage has: the last one is `completed`.
fn shade(programme: &ProgrammeProgress, index: usize) -> usize {
    let last = programme.stages.len().saturating_sub(1);
    if index >= last { 9 } else { index.min(7) + 1 }
}

fn section(
    visit: &Visit,
    programme: &ProgrammeProgress,
    counts: &StalledCounts<'_>,
    quoted: &Quoted,
    open: bool,
) -> Markup {
    let lamps = counts
        .programmes
        .get(programme.id.as_str())
        .copied()
        .unwrap_or_default();
    let digest: String = programme.definition.chars().take(12).collect();
    html! {
        section.programme id=(programme.id) aria-labelledby={ "h-" (programme.id) } {
            header {
                h2 id={ "h-" (programme.id) } {
                    a href=(address("/", [("programme", programme.id.as_str())])) { (programme.name) }
                }
                p.meta {
                    @if let Some(issuer) = &programme.issuer { span { (issuer) } }
                    span {
                        @match programme.year {
                            Some(year) => { (year) (visit.pick(" 年度", "")) },
                            None => (visit.pick("年份未定", "year not bound")),
                        }
                    }
                    span { (visit.pick("编号 ", "id ")) code { (programme.id) } }
                    span { (visit.pick("定义 ", "definition ")) code title=(programme.definition) { (digest) } }
                    a href={ "/programme/" (programme.id) } { (visit.pick("流程、条件与时间安排", "Stages, rules and calendar")) }
                }
            }
            (figures(visit, programme, lamps))
            @if programme.figures.projects > 0 {
                (stage_bar(visit, programme))
                (stages(visit, programme))
            }
            (tables::targets(visit, programme, quoted))
            (tables::areas(visit, programme, counts, open))
            (tables::refusals(visit, programme, open))
            (tables::money(visit, programme, open))
        }
    }
}

fn figures(visit: &Visit, programme: &ProgrammeProgress, lamps: Lamps) -> Markup {
    let Figures {
        projects,
        status,
        known,
        ..
    } = &programme.figures;
    let figures = &programme.figures;
    let share =
        |n: u64| html! { @if *projects > 0 { span.sub { (words::percent(n, *projects)) } } };
    // A measure that not every project states says how many do.
    let stated = |of: u64| {
        html! {
            @if of < *projects {
                span.sub {
                    (visit.pick("", "stated by ")) (words::number(of)) "/" (words::number(*projects)) (visit.pick(" 个项目填报", ""))
                }
            }
        }
    };
    let listed = address("/projects", [("programme", programme.id.as_str())]);
    html! {
        dl.figures {
            div {
                dt { (visit.pick("项目", "Projects")) }
                dd {
                    a href=(listed) { (words::number(*projects)) }
                    @if status.suspended > 0 { span.sub { (visit.pick("停钟 ", "suspended ")) (words::number(status.suspended)) } }
                    @if status.withdrawn > 0 { span.sub { (visit.pick("退出 ", "withdrawn ")) (words::number(status.withdrawn)) } }
                }
            }
            div { dt { (visit.pick("已开工", "Started")) } dd { (words::number(figures.started)) (share(figures.started)) } }
            div { dt { (visit.pick("已完工", "Finished")) } dd { (words::number(figures.finished)) (share(figures.finished)) } }
            div { dt { (visit.pick("已验收", "Accepted")) } dd { (words::number(figures.accepted)) (share(figures.accepted)) } }
            div { dt { (visit.pick("滞后", "Stalled")) } dd { (stalled_count(visit, &programme.id, None, lamps)) } }
            @for (name, value, of) in [
                (visit.pick("小区", "Compounds"), figures.compounds, known.compounds),
                (visit.pick("户数", "Households"), figures.households, known.households),
                (visit.pick("楼栋", "Buildings"), figures.buildings, known.buildings),
            ] {
                @if let Some(value) = value {
                    div { dt { (name) } dd { (words::number(value)) (stated(of)) } }
                }
            }
            @if let Some(area) = &figures.area_m2 {
                div { dt { (visit.pick("建筑面积 ㎡", "Floor area ㎡")) } dd { (words::decimal(area)) (stated(known.area_m2)) } }
            }
        }
    }
}

/// The key of the bar, and the way to the projects of each stage.
fn stages(visit: &Visit, programme: &ProgrammeProgress) -> Markup {
    html! {
        ul.stages aria-label=(visit.pick("各阶段项目数", "Projects by stage")) {
            @for (index, stage) in programme.stages.iter().enumerate() {
                @let count = stage.figures.projects;
                li.zero[count == 0] {
                    span class={ "swatch shade-" (shade(programme, index)) } aria-hidden="true" {}
                    span.stage-name { (stage.name) }
                    @if count == 0 {
                        b { "0" }
                    } @else {
                        b {
                            a href=(address("/projects", [("programme", programme.id.as_str()), ("stage", stage.stage.as_str())])) {
                                (words::number(count))
                            }
                        }
                    }
                }
            }
        }
    }
}
