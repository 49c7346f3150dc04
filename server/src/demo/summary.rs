//! What the demo ends with: projects by stage, refusals by rule, stalls by area, escalations by step, and the log
//! verified.

use std::collections::BTreeMap;
use std::time::Duration;

use anju_engine::log::EventLog;
use anju_projections::escalations::EscalationQuery;
use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::StallQuery;
use anju_workflows::publish::hex;
use serde_json::json;

use super::player::Span;
use crate::app::{App, Failure};
use crate::cli::Out;
use crate::output::Table;

pub async fn tell(app: &App, out: &Out, span: Span, played: Duration) -> Result<(), Failure> {
    let views = app.views().await?;
    let progress = views
        .progress(&ProgressQuery {
            programme: None,
            lang: out.lang,
        })
        .await?;
    let stalled = views
        .stalled(&StallQuery {
            as_of: Some(span.last),
            lang: out.lang,
            ..StallQuery::default()
        })
        .await?;
    let escalations = views
        .escalations(&EscalationQuery {
            lang: out.lang,
            limit: 1,
            ..EscalationQuery::default()
        })
        .await?;
    let verified = app.log.verify(&|_, _| {}).await?;
    let root = hex(&verified.root);
    let json = json!({
        "position": verified.size,
        "first_day": span.first.to_string(),
        "last_day": span.last.to_string(),
        "programmes": progress.programmes,
        "stalled": stalled.stalled.len(),
        "escalations": escalations.by_step,
        "verify": { "ok": true, "size": verified.size, "root": root, "checked_records": verified.checked_records },
    });
    out.answer(&json, || {
        let mut text = String::new();
        let mut section = |title: String, table: &Table| {
            text.push_str(&format!("\n{title}\n{}", table.render()));
        };
        section(
            out.pick("各改造计划的项目", "Projects by programme"),
            &by_programme(out, &progress),
        );
        section(
            out.pick("项目所处阶段", "Projects by stage"),
            &by_stage(out, &progress),
        );
        section(
            out.pick("被拒绝的阶段申请(按规则)", "Refusals by rule"),
            &by_rule(out, &progress),
        );
        section(
            out.pick("滞后项目(按区域)", "Stalls by area"),
            &by_area(out, &stalled),
        );
        section(
            out.pick("督办升级(按步骤)", "Escalations by step"),
            &by_step(out, &escalations),
        );
        text.push_str(&out.pick(
            format!(
                "\n{} 至 {},{} 条记录,用时 {:.1} 秒\n日志校验{}:根哈希 {root}\n",
                span.first,
                span.last,
                verified.size,
                played.as_secs_f64(),
                super::yes(out.lang)
            ),
            format!(
                "\n{} to {}, {} records, played in {:.1} s\nlog {}: root {root}\n",
                span.first,
                span.last,
                verified.size,
                played.as_secs_f64(),
                super::yes(out.lang)
            ),
        ));
        text
    });
    Ok(())
}

fn by_programme(out: &Out, progress: &anju_projections::progress::Progress) -> Table {
    let mut table = Table::new([
        out.pick("计划", "programme"),
        out.pick("项目", "projects"),
        out.pick("具名", "named"),
        out.pick("计数", "counted"),
        out.pick("开工", "started"),
        out.pick("完工", "finished"),
        out.pick("验收", "accepted"),
        out.pick("走完", "completed"),
    ]);
    for programme in &progress.programmes {
        let figures = &programme.figures;
        table.row([
            programme.id.clone(),
            figures.projects.to_string(),
            figures.named.to_string(),
            figures.counted.to_string(),
            figures.started.to_string(),
            figures.finished.to_string(),
            figures.accepted.to_string(),
            figures.status.completed.to_string(),
        ]);
    }
    table
}

fn by_stage(out: &Out, progress: &anju_projections::progress::Progress) -> Table {
    let mut stages: BTreeMap<String, u64> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for stage in progress.programmes.iter().flat_map(|p| &p.stages) {
        if !order.contains(&stage.name) {
            order.push(stage.name.clone());
        }
        *stages.entry(stage.name.clone()).or_default() += stage.figures.projects;
    }
    let mut table = Table::new([out.pick("阶段", "stage"), out.pick("项目", "projects")]);
    for name in order {
        let count = stages.get(&name).copied().unwrap_or(0);
        if count > 0 {
            table.row([name, count.to_string()]);
        }
    }
    table
}

fn by_rule(out: &Out, progress: &anju_projections::progress::Progress) -> Table {
    let mut rules: BTreeMap<(String, String), u64> = BTreeMap::new();
    for refusal in progress.programmes.iter().flat_map(|p| &p.refusals) {
        *rules
            .entry((refusal.rule.clone(), refusal.name.clone()))
            .or_default() += refusal.refusals;
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut table = Table::new([
        out.pick("规则", "rule"),
        out.pick("条件", "requirement"),
        out.pick("次数", "times"),
    ]);
    for ((rule, name), count) in rules.into_iter().take(15) {
        table.row([rule, name, count.to_string()]);
    }
    table
}

fn by_area(out: &Out, stalled: &anju_projections::stalls::Stalled) -> Table {
    let mut areas: BTreeMap<(String, String), (u64, i64)> = BTreeMap::new();
    for project in &stalled.stalled {
        let area = project.area_name.clone().unwrap_or_else(|| "—".to_owned());
        let entry = areas.entry((project.programme.clone(), area)).or_default();
        entry.0 += 1;
        entry.1 = entry.1.max(project.overdue_days);
    }
    let mut areas: Vec<_> = areas.into_iter().collect();
    areas.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    let mut table = Table::new([
        out.pick("计划", "programme"),
        out.pick("区域", "area"),
        out.pick("滞后项目", "stalled"),
        out.pick("最长逾期(天)", "longest, days"),
    ]);
    for ((programme, area), (count, longest)) in areas {
        table.row([programme, area, count.to_string(), longest.to_string()]);
    }
    table
}

fn by_step(out: &Out, escalations: &anju_projections::escalations::Escalations) -> Table {
    let mut table = Table::new([
        out.pick("步骤", "step"),
        out.pick("名称", "name"),
        out.pick("发出", "taken"),
        out.pick("待签发", "drafts"),
        out.pick("已签收", "acknowledged"),
        out.pick("已撤回", "withdrawn"),
        out.pick("并入上级", "superseded"),
    ]);
    for step in &escalations.by_step {
        table.row([
            step.step.to_string(),
            step.name.clone(),
            step.count.raised.to_string(),
            step.count.drafts.to_string(),
            step.count.acknowledged.to_string(),
            step.count.withdrawn.to_string(),
            step.count.superseded.to_string(),
        ]);
    }
    table
}
