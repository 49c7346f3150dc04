//! One project: where it stands, what its next transition demands, its timeline, and the form that records a fact.

mod facts;
mod lots;
mod next;
mod orders;
mod record;
mod submit;
mod timeline;

use std::sync::Arc;

use anju_engine::event::{RecordedEvent, Revision};
use anju_engine::log::{EventLog, Head};
use anju_projections::timeline::{Replay, ReplayQuery};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{COMPLETED, Definition};
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::fields::parse_day;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::civil::Date;
use maud::{Markup, html};

use super::form::{Draft, Pairs};
use super::layout::{Nav, Page};
use super::shared::lamp;
use super::trouble::Trouble;
use super::visit::{Visit, address};
use super::{Shared, Site, words};

pub(super) use submit::{advance, order, record};

/// How many events of a stream are read at once.
const READ: usize = 512;

/// Everything a project's page shows.
struct Project {
    state: Arc<ProjectState>,
    definition: Arc<Definition>,
    calendar: Arc<Calendar>,
    replay: Replay,
    /// The whole stream; the replay says what of it is shown.
    events: Vec<RecordedEvent>,
    head: Head,
    today: Date,
    /// Whether a day other than now is shown.
    past: bool,
}

/// What the forms of the page hold.
#[derive(Default)]
struct Drafts {
    record: Option<Draft>,
    advance: Option<Draft>,
    lots: Option<Draft>,
    orders: Option<Draft>,
}

/// `/project/ID?fact=&f.KEY=&as_of=&as_known=&all=&done=`.
pub(super) async fn page(
    State(site): State<Shared>,
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    match shown(&site, &visit, id).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

async fn shown(
    site: &Shared,
    visit: &Visit,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Trouble> {
    let id = project_id(id)?;
    let project = Project::load(site, visit, &id).await?;
    let drafts = Drafts {
        record: visit
            .asked("fact")
            .map(|_| Draft::of(&Pairs(visit.query.clone()))),
        ..Drafts::default()
    };
    project.answer(site, visit, &drafts, StatusCode::OK).await
}

fn project_id(id: Result<Path<String>, PathRejection>) -> Result<ProjectId, Trouble> {
    let Path(id) = id.map_err(|_| Trouble::NoSuchPage)?;
    ProjectId::new(id.as_str()).map_err(|_| Trouble::NoSuchProject(id))
}

fn asked_day(visit: &Visit, key: &str) -> Result<Option<Date>, Trouble> {
    visit
        .asked(key)
        .map(|text| {
            parse_day(text).ok_or_else(|| Trouble::BadValue {
                what: ("日期", "a day such as 2021-03-11"),
                value: text.to_owned(),
            })
        })
        .transpose()
}

impl Project {
    async fn load(site: &Site, visit: &Visit, id: &ProjectId) -> Result<Self, Trouble> {
        let handler = &site.app.handler;
        let state = handler
            .load(id)
            .await?
            .ok_or_else(|| Trouble::NoSuchProject(id.to_string()))?;
        let bound = &state.registered;
        let definition = handler
            .library()
            .definition(&bound.programme, &bound.definition)
            .await?;
        let query = ReplayQuery {
            as_of: asked_day(visit, "as_of")?,
            as_known: asked_day(visit, "as_known")?,
            lang: visit.lang,
        };
        let past = query.as_of.is_some() || query.as_known.is_some();
        let replay = anju_projections::timeline::replay(handler, id, &query).await?;
        Ok(Self {
            calendar: handler.library().calendar().await?,
            events: read_stream(site, id).await?,
            head: site.head().await?,
            today: anju_engine::event::shanghai_day(handler.now().await?),
            state,
            definition,
            replay,
            past,
        })
    }

    async fn answer(
        &self,
        site: &Site,
        visit: &Visit,
        drafts: &Drafts,
        status: StatusCode,
    ) -> Result<Response, Trouble> {
        let timeline = timeline::render(self, site, visit).await?;
        // A page that answers a form belongs to the address of the project, whose language can be switched.
        let visit = &Visit {
            path: format!("/project/{}", self.state.id),
            ..visit.clone()
        };
        let page = Page {
            visit,
            nav: Nav::Projects,
            title: self.replay.name.clone(),
            head: Some(&self.head),
            position: Some(self.replay.position),
            writable: site.writable,
        };
        let mut response = page.answer(status, &self.content(site, visit, drafts, &timeline));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Ok(response)
    }

    fn content(&self, site: &Site, visit: &Visit, drafts: &Drafts, timeline: &Markup) -> Markup {
        html! {
            (self.crumbs(visit))
            (self.title(visit))
            @if self.past { (self.banner(visit)) }
            (timeline::done(self, visit))
            (self.track(visit))
            div.columns {
                @if !self.past {
                    section.next aria-labelledby="h-next" { (next::render(self, site, visit, drafts.advance.as_ref())) }
                }
                div.side {
                    @if site.writable && !self.past {
                        section.record #record aria-labelledby="h-record" { (record::render(self, site, visit, drafts.record.as_ref())) }
                    }
                    section.facts aria-labelledby="h-facts" { (facts::render(self, visit)) }
                }
                section.history aria-labelledby="h-history" {
                    (lots::render(self, site, visit, drafts.lots.as_ref()))
                    (orders::render(self, site, visit, drafts.orders.as_ref()))
                    (facts::deadlines(self, visit))
                    (timeline)
                }
            }
        }
    }

    fn crumbs(&self, visit: &Visit) -> Markup {
        let replay = &self.replay;
        let programme = replay.programme.as_str();
        html! {
            nav.crumbs aria-label=(visit.pick("位置", "You are here")) {
                a href=(address("/", [("programme", programme)])) { (replay.programme_name) }
                @if let (Some(id), Some(name)) = (&replay.area, &replay.area_name) {
                    " › " a href=(address("/projects", [("programme", programme), ("area", id.as_str())])) { (name) }
                }
            }
        }
    }

    fn title(&self, visit: &Visit) -> Markup {
        let replay = &self.replay;
        html! {
            header.title {
                h1 { (replay.name) }
                p.meta {
                    code { (replay.project) }
                    span.tag { (replay.stage_name) span.since { (visit.pick(" 自 ", " since ")) time { (replay.since) } } }
                    span class={ "status status-" (replay.status.as_str()) } { (words::status(replay.status, visit.lang)) }
                    @if let Some(batch) = replay.batches.last() { span.tag { (batch.year) (visit.pick(" 年批次", " batch")) } }
                    @if replay.adopted { span.tag { (visit.pick("续建", "adopted in mid-course")) } }
                    @if replay.counted { span.tag { (visit.pick("仅计数，未列名", "counted, not named")) } }
                    @if let Some(due) = replay.open_deadlines.first() {
                        @if due.overdue_days > 0 {
                            span.overdue {
                                (lamp(facts::lamp_of(self, due), visit.lang))
                                " " (visit.pick("逾期 ", "overdue ")) b { (due.overdue_days) } (visit.pick(" 天", " days"))
                            }
                        } @else {
                            span.due { (visit.pick("下一期限 ", "next due ")) time { (due.due) } }
                        }
                    }
                }
            }
        }
    }

    fn banner(&self, visit: &Visit) -> Markup {
        let replay = &self.replay;
        html! {
            div.replay role="note" {
                strong { (visit.pick("回放", "Replay")) }
                " "
                (visit.pick("截至 ", "as of ")) time { (replay.as_of) }
                (visit.pick(" 的状态，依据 ", ", as known on ")) time { (replay.as_known) }
                (visit.pick(" 日终前已记录的内容。已作的决定按当时原样显示。", ". Past decisions are shown as they were made."))
                " "
                a href={ "/project/" (replay.project) } { (visit.pick("返回当前", "Back to now")) }
            }
        }
    }

    /// The stages this project meets, in their order: passed, present, to come.
    fn track(&self, visit: &Visit) -> Markup {
        let replay = &self.replay;
        let placement = self.state.placement();
        let stages = self.definition.stages_in_order(&placement);
        let ended = replay.stage == COMPLETED;
        let here = stages.iter().position(|(id, _)| *id == replay.stage);
        let entered = |stage: &str| {
            let registered = (self.state.registered.stage == stage).then_some(replay.registered_on);
            replay
                .decisions
                .iter()
                .rev()
                .find(|decision| {
                    decision.to == stage
                        && decision.outcome != anju_projections::timeline::DecisionOutcome::Refused
                })
                .and_then(|decision| decision.at.get(..10).map(str::to_owned))
                .or_else(|| registered.map(|day| day.to_string()))
        };
        html! {
            ol.track aria-label=(visit.pick("阶段", "Stages")) {
                @for (index, (id, stage)) in stages.iter().enumerate() {
                    @let class = match here {
                        _ if ended => "passed",
                        Some(here) if index < here => "passed",
                        Some(here) if index == here => "present",
                        _ => "to-come",
                    };
                    li class=(class) aria-current=[(class == "present").then_some("step")] {
                        span.mark aria-hidden="true" { @if class == "passed" { "✓" } @else { (index + 1) } }
                        span.stage-name { (stage.name.get(visit.lang)) }
                        @if class != "to-come" {
                            @if let Some(day) = entered(id) { time { (day) } }
                        }
                        span.hidden {
                            (match class {
                                "passed" => visit.pick("已过", "passed"),
                                "present" => visit.pick("当前", "present"),
                                _ => visit.pick("未到", "to come"),
                            })
                        }
                    }
                }
            }
        }
    }
}

async fn read_stream(site: &Site, id: &ProjectId) -> Result<Vec<RecordedEvent>, Trouble> {
    let stream = id
        .stream()
        .map_err(anju_workflows::handler::HandleError::from)?;
    let mut all: Vec<RecordedEvent> = Vec::new();
    loop {
        let events = site
            .app
            .log
            .read_stream(&stream, Revision(all.len() as u64), READ)
            .await
            .map_err(crate::app::Failure::from)?;
        let last = events.len() < READ;
        all.extend(events);
        if last {
            return Ok(all);
        }
    }
}
