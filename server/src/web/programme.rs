//! One programme: its stages as a picture, its rules with their sources, its calendar.

use std::sync::Arc;

use anju_engine::event::Position;
use anju_workflows::definition::{
    Definition, LadderStep, Lang, Quote, Stage, machine_svg, source_text, windows_svg,
};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};

use super::layout::{Nav, Page};
use super::shared::part;
use super::trouble::Trouble;
use super::visit::{Visit, address};
use super::{Shared, Site, words};

/// The fewest digits by which a version may be named.
const SHORTEST_DIGEST: usize = 6;

/// `/programme/ID`: the newest version; `/programme/ID?version=DIGEST`: that one.
pub(super) async fn page(
    State(site): State<Shared>,
    Path(id): Path<String>,
    visit: Visit,
) -> Response {
    match shown(&site, &visit, &id).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

async fn shown(site: &Site, visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let no_such = || Trouble::NoSuchProgramme(id.to_owned());
    let library = site.app.handler.library();
    // An id that cannot be a stream's name is no programme's either.
    let versions = library.versions(id).await.map_err(|_| no_such())?;
    let digest = chosen(visit, &versions)?.ok_or_else(no_such)?;
    let definition: Arc<Definition> = library.definition(id, &digest).await?;
    let head = site.head().await?;
    let page = Page {
        visit,
        nav: Nav::Progress,
        title: definition.name.get(visit.lang).to_owned(),
        head: Some(&head),
        position: Some(Position(head.size)),
        writable: site.writable,
    };
    Ok(page.answer(
        StatusCode::OK,
        &content(visit, &definition, &digest, &versions),
    ))
}

/// The version that is asked for: the newest, or the one whose digest begins so.
fn chosen(visit: &Visit, versions: &[String]) -> Result<Option<String>, Trouble> {
    let Some(asked) = visit.asked("version") else {
        return Ok(versions.last().cloned());
    };
    let prefix = asked.to_ascii_lowercase();
    let found: Vec<&String> = versions
        .iter()
        .filter(|digest| prefix.len() >= SHORTEST_DIGEST && digest.starts_with(&prefix))
        .collect();
    match found.as_slice() {
        [only] => Ok(Some((*only).clone())),
        _ => Err(Trouble::BadValue {
            what: ("定义版本", "version of the definition"),
            value: asked.to_owned(),
        }),
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn content(visit: &Visit, definition: &Definition, digest: &str, versions: &[String]) -> Markup {
    let id = definition.id.as_str();
    html! {
        nav.crumbs aria-label=(visit.pick("位置", "Where you are")) {
            a href="/" { (visit.pick("进度总览", "Progress")) }
            " › "
            a href=(address("/", [("programme", id)])) { (definition.name.get(visit.lang)) }
        }
        (title(visit, definition, digest))
        (versions_line(visit, id, digest, versions))
        section.programme aria-labelledby="h-machine" {
            div id="h-machine" { (part(visit, "流程图", "The stages")) }
            figure.picture tabindex="0" { (PreEscaped(machine_svg(definition, visit.lang))) }
        }
        section.programme aria-labelledby="h-rules" {
            div id="h-rules" { (part(visit, "条件", "Rules")) }
            p.lead { (visit.pick("离开每个阶段须满足的条件，中英文对照，附依据原文。", "What must hold to leave each stage, in both languages, with the words it comes from.")) }
            (rules(visit, definition))
        }
        section.programme aria-labelledby="h-windows" {
            div id="h-windows" { (part(visit, "时间安排", "The calendar")) }
            figure.picture tabindex="0" { (PreEscaped(windows_svg(definition, visit.lang))) }
        }
        section.programme aria-labelledby="h-ladder" {
            div id="h-ladder" { (part(visit, "亮灯与督办", "Lamps and escalation")) }
            (ladder(visit, definition))
        }
        @if !definition.not_computable.is_empty() {
            section.programme aria-labelledby="h-not" {
                div id="h-not" { (part(visit, "不作计算的要求", "What is not computed")) }
                (not_computed(visit, definition))
            }
        }
    }
}

fn title(visit: &Visit, definition: &Definition, digest: &str) -> Markup {
    let name = &definition.name;
    let (first, other, tag) = match visit.lang {
        Lang::Zh => (&name.zh, &name.en, words::tag(Lang::En)),
        Lang::En => (&name.en, &name.zh, words::tag(Lang::Zh)),
    };
    let year = definition.year.as_ref();
    html! {
        header.title {
            h1 { (first) " " small lang=(tag) { (other) } }
            p.meta {
                @if let Some(source) = &definition.source {
                    span { "《" (source.title) "》" }
                    @if let Some(issuer) = &source.issuer { span { (issuer) } }
                    @if let Some(issued) = source.issued { span { time { (issued) } } }
                }
                span {
                    @match year.and_then(|year| year.value) {
                        Some(value) => {
                            (value) (visit.pick(" 年度", ""))
                            @if year.is_some_and(|year| year.assumed) { (visit.pick("（假定）", " (assumed)")) }
                        },
                        None => (visit.pick("年份未定", "year not bound")),
                    }
                }
                span { (visit.pick("编号 ", "id ")) code { (definition.id) } }
                span { (visit.pick("定义 ", "definition ")) code title=(digest) { (short(digest)) } }
            }
        }
    }
}

/// The published versions, where there are several.
fn versions_line(visit: &Visit, id: &str, digest: &str, versions: &[String]) -> Markup {
    let path = format!("/programme/{id}");
    html! {
        @if versions.len() > 1 {
            p.meta {
                span { (visit.pick("已发布的版本（新的在前）：", "Published versions, newest first:")) }
                @for version in versions.iter().rev() {
                    @if version == digest {
                        span aria-current="true" { code { (short(version)) } }
                    } @else {
                        a href=(address(&path, [("version", short(version))])) { code { (short(version)) } }
                    }
                }
            }
        }
    }
}

fn rules(visit: &Visit, definition: &Definition) -> Markup {
    let mut stages: Vec<(&String, &Stage)> = definition.stages.iter().collect();
    stages.sort_by_key(|(id, stage)| (stage.order, *id));
    let warns = |block: bool, lang: Lang| match (block, lang) {
        (true, _) => "",
        (false, Lang::Zh) => "（仅提示）",
        (false, Lang::En) => " (warns only)",
    };
    html! {
        div.scroll role="region" tabindex="0" aria-label=(visit.pick("条件", "Rules")) {
            table.rules {
                thead {
                    tr {
                        th scope="col" { (visit.pick("阶段", "Stage")) }
                        th scope="col" lang="zh-CN" { "条件" }
                        th scope="col" lang="en" { "Requirement" }
                        th scope="col" { (visit.pick("依据", "Source")) }
                    }
                }
                tbody {
                    @for (_, stage) in &stages {
                        @for (index, (id, rule)) in stage.exit.iter().enumerate() {
                            tr {
                                @if index == 0 {
                                    th scope="rowgroup" rowspan=(stage.exit.len()) { (stage.name.get(visit.lang)) }
                                }
                                td lang="zh-CN" {
                                    b { (rule.name.zh) } (warns(rule.severity.is_block(), Lang::Zh))
                                    span.sub { (definition.describe_requirement(rule, Lang::Zh)) }
                                }
                                td lang="en" {
                                    b { (rule.name.en) } (warns(rule.severity.is_block(), Lang::En))
                                    span.sub { (definition.describe_requirement(rule, Lang::En)) }
                                    span.sub { code { (id) } }
                                }
                                td { (source(visit, rule.quote.as_ref(), rule.source.as_deref())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The words of the text, and the law.
fn source(visit: &Visit, quote: Option<&Quote>, law: Option<&str>) -> Markup {
    html! {
        @if let Some(quote) = quote { span.source lang="zh-CN" { "“" (quote.joined()) "”" } }
        @if let Some(law) = law { span.source { (source_text(law, visit.lang)) } }
    }
}

fn ladder(visit: &Visit, definition: &Definition) -> Markup {
    let lamps = &definition.lamps;
    let mut steps: Vec<&LadderStep> = definition.ladder.values().collect();
    steps.sort_by_key(|step| step.step);
    html! {
        p.lead {
            (definition.describe_lamps(lamps, visit.lang))
        }
        @if !steps.is_empty() {
            div.scroll role="region" tabindex="0" aria-label=(visit.pick("督办阶梯", "Ladder")) {
                table {
                    thead {
                        tr {
                            th scope="col" { (visit.pick("级", "Step")) }
                            th scope="col" { (visit.pick("名称", "Name")) }
                            th scope="col" { (visit.pick("何时、发给谁", "When, and to whom")) }
                            th scope="col" { (visit.pick("签发", "Issued by")) }
                            th scope="col" { (visit.pick("依据", "Source")) }
                        }
                    }
                    tbody {
                        @for step in steps {
                            tr {
                                td { (step.step) }
                                th scope="row" { (step.name.get(visit.lang)) }
                                td { (definition.describe_step(step, visit.lang)) }
                                td { @if step.signed { (visit.pick("人工", "a human")) } @else { (visit.pick("自动", "the machine")) } }
                                td { (source(visit, step.quote.as_ref(), step.source.as_deref())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn not_computed(visit: &Visit, definition: &Definition) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label=(visit.pick("不作计算的要求", "What is not computed")) {
            table {
                thead {
                    tr {
                        th scope="col" { (visit.pick("要求", "Demand")) }
                        th scope="col" { (visit.pick("原因", "Why")) }
                        th scope="col" { (visit.pick("原文", "Words of the text")) }
                    }
                }
                tbody {
                    @for entry in definition.not_computable.values() {
                        tr {
                            th scope="row" { (entry.name.get(visit.lang)) }
                            td { (entry.reason) }
                            td { (source(visit, Some(&entry.quote), None)) }
                        }
                    }
                }
            }
        }
    }
}
