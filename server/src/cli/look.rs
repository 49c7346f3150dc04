//! Looking: replay, stalled, progress, rebuild.

use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::{Lamp, StallQuery};
use anju_projections::timeline::{DecisionOutcome, Replay, ReplayQuery, replay as replay_project};
use anju_workflows::definition::Milestone;
use serde_json::json;

use super::args::{ReplayArgs, StalledArgs};
use super::project::project_id;
use super::{Opener, Out};
use crate::app::{Failure, Mode};
use crate::output::Table;

fn json_of<T: serde::Serialize>(answer: &T) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(answer).map_err(|error| Failure::Store {
        zh: format!("无法输出:{error}"),
        en: format!("cannot write the answer: {error}"),
    })
}

pub async fn progress(opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    let progress = app
        .views()
        .await?
        .progress(&ProgressQuery {
            programme: None,
            lang: out.lang,
        })
        .await?;
    out.answer(&json_of(&progress)?, || {
        let mut text = String::new();
        for programme in &progress.programmes {
            let figures = &programme.figures;
            text.push_str(&out.pick(
                format!(
                    "{}({})\n  项目 {}(具名 {}、计数 {}),开工 {},完工 {},验收 {}\n",
                    programme.name, programme.id, figures.projects, figures.named, figures.counted,
                    figures.started, figures.finished, figures.accepted
                ),
                format!(
                    "{} ({})\n  {} projects ({} named, {} counted), {} started, {} finished, {} accepted\n",
                    programme.name, programme.id, figures.projects, figures.named, figures.counted,
                    figures.started, figures.finished, figures.accepted
                ),
            ));
            let mut table = Table::new([
                out.pick("  阶段", "  stage"),
                out.pick("项目", "projects"),
                out.pick("户数", "households"),
            ]);
            for stage in programme.stages.iter().filter(|stage| stage.figures.projects > 0) {
                table.row([
                    format!("  {}", stage.name),
                    stage.figures.projects.to_string(),
                    stage
                        .figures
                        .households
                        .map_or_else(|| "—".to_owned(), |households| households.to_string()),
                ]);
            }
            text.push_str(&table.render());
            text.push('\n');
        }
        text.push_str(&out.pick(
            format!("截至第 {} 条记录\n", progress.position),
            format!("as of position {}\n", progress.position),
        ));
        text
    });
    Ok(())
}

pub async fn stalled(args: StalledArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    let stalled = app
        .views()
        .await?
        .stalled(&StallQuery {
            as_of: args.as_of,
            programme: args.programme,
            area: args.area,
            limit: args
                .limit
                .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            lang: out.lang,
            ..StallQuery::default()
        })
        .await?;
    out.answer(&json_of(&stalled)?, || {
        let mut table = Table::new([
            out.pick("灯", "lamp"),
            out.pick("逾期天", "days"),
            out.pick("工作日", "working"),
            out.pick("项目", "project"),
            out.pick("名称", "name"),
            out.pick("区域", "area"),
            out.pick("阶段", "stage"),
            out.pick("期限", "due"),
            out.pick("规则", "rule"),
            out.pick("责任单位", "responsible"),
        ]);
        for row in &stalled.stalled {
            table.row([
                lamp(out, row.lamp),
                row.overdue_days.to_string(),
                row.overdue_working_days
                    .map_or_else(|| "—".to_owned(), |days| days.to_string()),
                match (&row.lot, row.order) {
                    (_, Some(order)) => format!("{} #{order}", row.project),
                    (Some(lot), None) => format!("{} @{lot}", row.project),
                    (None, None) => row.project.to_string(),
                },
                match &row.lot_name {
                    Some(lot) => format!("{} · {lot}", row.name),
                    None => row.name.clone(),
                },
                row.area_name.clone().unwrap_or_default(),
                row.stage_name.clone(),
                row.due.to_string(),
                row.rule_name.clone(),
                row.responsible.join("、"),
            ]);
        }
        let mut text = table.render();
        let shown = stalled.stalled.len();
        let left_out = stalled.total.saturating_sub(shown as u64);
        if left_out > 0 {
            text.push_str(&out.pick(
                format!("……以上为逾期最久的 {shown} 个,另有 {left_out} 个未列出\n"),
                format!("… the {shown} most overdue; {left_out} more are not listed\n"),
            ));
        }
        let (day, total) = (stalled.as_of, stalled.total);
        let (suspended, position) = (stalled.suspended, stalled.position);
        text.push_str(&out.pick(
            format!("{day}:滞后 {total} 个(另有暂停 {suspended} 个),截至第 {position} 条记录\n"),
            format!(
                "{day}: {total} stalled ({suspended} suspended apart), as of position {position}\n"
            ),
        ));
        text
    });
    Ok(())
}

fn lamp(out: &Out, lamp: Option<Lamp>) -> String {
    match lamp {
        Some(Lamp::Red) => out.pick("红", "red"),
        Some(Lamp::Yellow) => out.pick("黄", "yellow"),
        Some(Lamp::Green) => out.pick("绿", "green"),
        None => "—".to_owned(),
    }
}

pub async fn replay(args: ReplayArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let query = ReplayQuery {
        as_of: args.as_of,
        as_known: args.as_known,
        lang: out.lang,
    };
    let replay = replay_project(&app.handler, &project, &query).await?;
    out.answer(&json_of(&replay)?, || replay_text(out, &replay));
    Ok(())
}

fn replay_text(out: &Out, replay: &Replay) -> String {
    let mut text = out.pick(
        format!(
            "{} {}\n计划 {},流程定义 {}…\n截至 {}(按 {} 时已知):{},自 {}\n",
            replay.project,
            replay.name,
            replay.programme_name,
            short(&replay.definition),
            replay.as_of,
            replay.as_known,
            replay.stage_name,
            replay.since
        ),
        format!(
            "{} {}\nprogramme {}, definition {}…\nas of {} (as known on {}): {}, since {}\n",
            replay.project,
            replay.name,
            replay.programme_name,
            short(&replay.definition),
            replay.as_of,
            replay.as_known,
            replay.stage_name,
            replay.since
        ),
    );
    let mut lines: Vec<(u64, String)> = Vec::new();
    for fact in &replay.facts {
        let values: Vec<String> = fact
            .labels
            .iter()
            .map(|label| format!("{} {}", label.name, label.text))
            .collect();
        let mut line = format!("{}  {}  {}", fact.at, fact.name, values.join(", "));
        if fact.voided {
            line.push_str(&out.pick("  [已作废]", "  [void]"));
        }
        if !fact.corrected_by.is_empty() {
            line.push_str(&out.pick("  [已更正]", "  [corrected]"));
        }
        line.push_str(&format!("  {}", fact.event));
        lines.push((fact.position.0, line));
    }
    for decision in &replay.decisions {
        let outcome = match decision.outcome {
            DecisionOutcome::Accepted => out.pick("通过", "accepted"),
            DecisionOutcome::Refused => out.pick("未通过", "refused"),
            DecisionOutcome::Returned => out.pick("退回", "returned"),
        };
        let mut line = match &decision.lot {
            Some(lot) => format!(
                "{}  [{}] {}  {}",
                decision.at,
                part_name(lot, decision.lot_name.as_deref()),
                decision.from_name,
                outcome
            ),
            None => format!(
                "{}  {} → {}  {}",
                decision.at, decision.from_name, decision.to_name, outcome
            ),
        };
        if !decision.lots.is_empty() {
            line.push_str(&format!("  [{}]", decision.lots.join(", ")));
        }
        for requirement in decision.requirements.iter().filter(|r| !r.met) {
            let text_of =
                |value: &serde_json::Value| value["text"].as_str().unwrap_or_default().to_owned();
            line.push_str(&out.pick(
                format!(
                    "\n          ✗ {}:实际 {},要求 {}",
                    requirement.name,
                    text_of(&requirement.actual),
                    text_of(&requirement.required)
                ),
                format!(
                    "\n          ✗ {}: actual {}, required {}",
                    requirement.name,
                    text_of(&requirement.actual),
                    text_of(&requirement.required)
                ),
            ));
        }
        if !decision.assumed_years.is_empty() {
            let years: Vec<String> = decision.assumed_years.iter().map(i16::to_string).collect();
            let years = years.join(", ");
            line.push_str(&out.pick(
                format!("\n          ~ 按假定日历({years} 年尚无通知)"),
                format!("\n          ~ by an assumed calendar (no notice has fixed {years})"),
            ));
        }
        if !decision.basis_lost.is_empty() {
            line.push_str(&out.pick(
                format!("\n          ! 依据已失:{}", decision.basis_lost.join("、")),
                format!(
                    "\n          ! basis lost: {}",
                    decision.basis_lost.join(", ")
                ),
            ));
        }
        lines.push((decision.position.0, line));
    }
    for step in &replay.escalations {
        lines.push((
            step.position.0,
            format!(
                "{}  #{} {}  {}",
                step.at, step.key.step, step.name, step.event
            ),
        ));
    }
    for migration in &replay.migrations {
        let (from, to) = (short(&migration.from), short(&migration.to));
        lines.push((
            migration.position.0,
            out.pick(
                format!("{}  迁移到新版本 {from}… → {to}…", migration.at),
                format!(
                    "{}  went over to another version {from}… → {to}…",
                    migration.at
                ),
            ),
        ));
    }
    order_lines(out, replay, &mut lines);
    batch_lines(out, replay, &mut lines);
    lines.sort_by_key(|(position, _)| *position);
    for (position, line) in lines {
        text.push_str(&format!("{position:>8}  {line}\n"));
    }
    text.push_str(&lots_table(out, replay));
    text
}

/// Carry-overs and the opening balance: claims accepted at adoption are told as such.
fn batch_lines(out: &Out, replay: &Replay, lines: &mut Vec<(u64, String)>) {
    for batch in &replay.batches {
        if let (Some(position), Some(since)) = (batch.position, batch.since) {
            let basis = batch.basis.clone().unwrap_or_default();
            lines.push((
                position.0,
                out.pick(
                    format!("{since}  结转至 {} 年批次  {basis}", batch.year),
                    format!("{since}  carried over to the batch {}  {basis}", batch.year),
                ),
            ));
        }
    }
    if let Some(opening) = &replay.opening {
        let mut parts: Vec<String> = opening
            .sums
            .iter()
            .map(|sum| format!("{} {}", sum.name, sum.text))
            .collect();
        parts.extend(opening.milestones.iter().map(|(milestone, day)| {
            let name = match milestone {
                Milestone::Started => out.pick("开工", "started"),
                Milestone::Finished => out.pick("完工", "finished"),
                Milestone::Accepted => out.pick("验收", "accepted"),
            };
            format!("{name} {day}")
        }));
        let text = parts.join(", ");
        lines.push((
            opening.position.0,
            out.pick(
                format!("{}  [期初数] {text}", opening.at),
                format!("{}  [opening balance] {text}", opening.at),
            ),
        ));
    }
}

fn part_name(id: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if name != id => format!("{id} {name}"),
        _ => id.to_owned(),
    }
}

fn order_lines(out: &Out, replay: &Replay, lines: &mut Vec<(u64, String)>) {
    for order in &replay.orders {
        for moved in &order.moves {
            let what = match moved.kind.as_str() {
                "order_dispatched" => out.pick(
                    format!(
                        "派单 #{} → {}:{},期限 {}",
                        order.order,
                        order.to,
                        order.about_name,
                        moved.due.map(|due| due.to_string()).unwrap_or_default()
                    ),
                    format!(
                        "order #{} → {}: {}, due {}",
                        order.order,
                        order.to,
                        order.about_name,
                        moved.due.map(|due| due.to_string()).unwrap_or_default()
                    ),
                ),
                kind => {
                    let word = match kind {
                        "order_replied" => out.pick("回复", "answered"),
                        "order_closed" => out.pick("销号", "closed"),
                        "order_reopened" => out.pick("重开", "opened again"),
                        _ => out.pick("延期", "extended"),
                    };
                    let due = moved.due.map(|due| format!(" {due}")).unwrap_or_default();
                    let unit = moved
                        .unit
                        .as_ref()
                        .map(|unit| format!("  {unit}"))
                        .unwrap_or_default();
                    out.pick(
                        format!("派单 #{} {word}{due}{unit}", order.order),
                        format!("order #{} {word}{due}{unit}", order.order),
                    )
                }
            };
            lines.push((moved.position.0, format!("{}  {what}", moved.at)));
        }
    }
}

/// Each lot with the gates it has passed, and the one it waits at.
fn lots_table(out: &Out, replay: &Replay) -> String {
    if replay.lots.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        out.pick("标段", "lot"),
        out.pick("户数", "households"),
        out.pick("已通过", "passed"),
        out.pick("待通过", "to pass"),
    ]);
    for lot in &replay.lots {
        let passed: Vec<String> = lot
            .passed
            .iter()
            .filter(|gate| gate.stands)
            .map(|gate| {
                let lost = if gate.basis_lost {
                    out.pick("(依据已失)", " (basis lost)")
                } else {
                    String::new()
                };
                format!("{} {}{lost}", gate.stage_name, gate.on)
            })
            .collect();
        let waiting = match (&lot.withdrawn_on, &lot.waiting_name) {
            (Some(on), _) => out.pick(format!("{on} 退出"), format!("withdrawn {on}")),
            (None, Some(stage)) => stage.clone(),
            (None, None) => String::new(),
        };
        table.row([
            part_name(&lot.lot, Some(&lot.name)),
            lot.households
                .map_or_else(|| "—".to_owned(), |households| households.to_string()),
            passed.join(&out.pick("、", ", ")),
            waiting,
        ]);
    }
    let mut text = format!("\n{}", table.render());
    for counter in replay
        .lots_counters
        .iter()
        .filter(|c| c.agrees == Some(false))
    {
        let project = counter.project.as_deref().unwrap_or("—");
        text.push_str(&out.pick(
            format!(
                "! {} 不一致:各标段合计 {},项目 {project}\n",
                counter.counter, counter.lots
            ),
            format!(
                "! {} do not agree: {} over the lots, {project} of the project\n",
                counter.counter, counter.lots
            ),
        ));
    }
    text
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

pub async fn rebuild(opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    let views = app.views_as_they_stand().await?;
    let position = views.rebuild().await?;
    out.answer(&json!({ "position": position }), || {
        out.pick(
            format!("视图已按日志重建,截至第 {position} 条记录\n"),
            format!("the read models were made anew, up to position {position}\n"),
        )
    });
    Ok(())
}
