//! What a migration would change, or has changed: for people by project, for programs in full.

use std::collections::BTreeMap;
use std::sync::Arc;

use anju_workflows::definition::{Definition, Lang};
use anju_workflows::handler::Migration;
use anju_workflows::migration::{Change, Rehearsal, Unmet};
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::migrated::DeadlineChoice;
use anju_workflows::requirement::explain;
use serde_json::{Value, json};

use crate::app::{App, Failure};
use crate::cli::Out;

/// How many projects are shown one by one.
const SHOWN: usize = 40;

/// One project.
pub(super) struct Row {
    pub(super) project: ProjectId,
    pub(super) state: Arc<ProjectState>,
    pub(super) rehearsal: Option<Rehearsal>,
    pub(super) fate: Fate,
}

/// What became of it.
pub(super) enum Fate {
    /// It is on that version already.
    Already,
    /// It went over, now or under this command id before.
    Done { position: u64, repeated: bool },
    /// It was only rehearsed.
    Rehearsed(Rehearsal),
}

impl Row {
    fn word(&self) -> &'static str {
        match &self.fate {
            Fate::Already => "already",
            Fate::Done { repeated: true, .. } => "repeated",
            Fate::Done { .. } => "migrated",
            Fate::Rehearsed(rehearsal) if rehearsal.blockers.is_empty() => "possible",
            Fate::Rehearsed(_) => "blocked",
        }
    }

    fn blockers(&self) -> &[anju_workflows::migration::Blocker] {
        match &self.fate {
            Fate::Rehearsed(rehearsal) => &rehearsal.blockers,
            _ => &[],
        }
    }
}

pub(super) struct Report<'a> {
    pub(super) programme: &'a str,
    pub(super) migration: &'a Migration,
    pub(super) rows: &'a [Row],
    pub(super) dry_run: bool,
    pub(super) position: u64,
    pub(super) app: &'a App,
}

impl Report<'_> {
    /// Tells it; whether anything was refused.
    pub(super) async fn tell(&self, out: &Out) -> Result<bool, Failure> {
        let mut before = BTreeMap::new();
        for row in self.rows {
            let bound = &row.state.registered;
            if !before.contains_key(&bound.definition) {
                let library = self.app.handler.library();
                let definition = library
                    .definition(&bound.programme, &bound.definition)
                    .await?;
                before.insert(bound.definition.clone(), definition);
            }
        }
        let refused = self.rows.iter().any(|row| !row.blockers().is_empty());
        let json = self.json(&before, out.lang, refused);
        out.answer(&json, || self.text(&before, out, refused));
        Ok(refused)
    }

    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in self.rows {
            *counts.entry(row.word()).or_insert(0) += 1;
        }
        counts
    }

    fn json(&self, before: &BTreeMap<String, Arc<Definition>>, lang: Lang, refused: bool) -> Value {
        json!({
            "position": self.position,
            "programme": self.programme,
            "to": self.migration.digest,
            "dry_run": self.dry_run,
            "outcome": if refused { "refused" } else if self.dry_run { "rehearsed" } else { "done" },
            "counts": self.counts(),
            "newly_unmet": self.rows.iter().filter(|row| {
                row.rehearsal.as_ref().is_some_and(|rehearsal| !rehearsal.newly_unmet.is_empty())
            }).count(),
            "projects": self.rows.iter().map(|row| self.row_json(row, before, lang)).collect::<Vec<_>>(),
        })
    }

    fn row_json(&self, row: &Row, before: &BTreeMap<String, Arc<Definition>>, lang: Lang) -> Value {
        let mut json = json!({
            "project": row.project.as_str(),
            "name": row.state.registered.name,
            "outcome": row.word(),
        });
        if let Fate::Done { position, .. } = &row.fate {
            json["position"] = json!(position);
        }
        let Some(rehearsal) = &row.rehearsal else {
            return json;
        };
        let old = before.get(&rehearsal.from);
        json["from"] = json!(rehearsal.from);
        json["stage"] = json!(rehearsal.stage);
        json["becomes"] = json!(rehearsal.becomes);
        json["changes"] = json!(rehearsal.changes);
        json["newly_unmet"] = rehearsal
            .newly_unmet
            .iter()
            .map(|unmet| self.unmet_json(rehearsal, unmet, lang))
            .collect();
        json["no_longer_asked"] = rehearsal
            .no_longer_asked
            .iter()
            .map(|rule| json!({"rule": rule, "name": old.map(|old| rule_name(old, rule, lang))}))
            .collect();
        json["blockers"] = row
            .blockers()
            .iter()
            .map(|blocker| {
                let mut json = json!(blocker);
                json["what"] = json!(blocker.message(lang));
                json
            })
            .collect();
        json
    }

    fn unmet_json(&self, rehearsal: &Rehearsal, unmet: &Unmet, lang: Lang) -> Value {
        let shown = explain(
            &self.migration.to,
            &rehearsal.becomes,
            &unmet.judgement,
            lang,
        );
        json!({
            "rule": shown.rule,
            "name": shown.name,
            "actual": shown.actual_value,
            "required": shown.required_value,
            "warn": shown.warn,
            "source": shown.source,
            "before": if unmet.asked_before { "met" } else { "not_asked" },
        })
    }

    fn text(&self, before: &BTreeMap<String, Arc<Definition>>, out: &Out, refused: bool) -> String {
        let digest = &self.migration.digest;
        let short = digest.get(..12).unwrap_or(digest);
        let programme = self.programme;
        let mut text = out.pick(
            format!("{programme} → {short}({} 个项目)\n", self.rows.len()),
            format!("{programme} → {short} ({} projects)\n", self.rows.len()),
        );
        // What a person must act upon comes first.
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| match &row.rehearsal {
            Some(_) if !row.blockers().is_empty() => 0,
            Some(rehearsal) if !rehearsal.newly_unmet.is_empty() => 1,
            Some(_) => 2,
            None => 3,
        });
        for row in rows.iter().take(SHOWN) {
            self.row_text(row, before, out, &mut text);
        }
        if rows.len() > SHOWN {
            let rest = rows.len() - SHOWN;
            text.push_str(&out.pick(
                format!("…… 另有 {rest} 个项目(--json 列出全部)\n"),
                format!("… and {rest} more projects (--json lists all)\n"),
            ));
        }
        let count = |word: &str| self.counts().get(word).copied().unwrap_or(0);
        let unmet = self
            .rows
            .iter()
            .filter(|row| {
                row.rehearsal
                    .as_ref()
                    .is_some_and(|r| !r.newly_unmet.is_empty())
            })
            .count();
        let (blocked, possible) = (count("blocked"), count("possible"));
        let (done, already) = (count("migrated") + count("repeated"), count("already"));
        text.push_str(&out.pick(
            format!("合计:已迁移 {done},可迁移 {possible},不能迁移 {blocked},已在该版本 {already};新增未满足条件的项目 {unmet}\n"),
            format!("in all: {done} migrated, {possible} possible, {blocked} blocked, {already} on that version already; {unmet} with requirements newly unmet\n"),
        ));
        if refused && done == 0 {
            text.push_str(&out.pick("未写入任何内容。\n", "Nothing was written.\n"));
        } else if self.dry_run {
            text.push_str(&out.pick(
                "演练,未写入任何内容。\n",
                "A rehearsal: nothing was written.\n",
            ));
        }
        text
    }

    fn row_text(
        &self,
        row: &Row,
        before: &BTreeMap<String, Arc<Definition>>,
        out: &Out,
        text: &mut String,
    ) {
        let name = &row.state.registered.name;
        let fate = match row.word() {
            "already" => out.pick("已在该版本", "on that version already"),
            "repeated" => out.pick("此前已迁移", "went over before"),
            "migrated" => out.pick("已迁移", "migrated"),
            "possible" => out.pick("可迁移", "possible"),
            _ => out.pick("不能迁移", "blocked"),
        };
        text.push_str(&format!("{} {name}  {fate}\n", row.project));
        for blocker in row.blockers() {
            text.push_str(&format!("  ✗ {}\n", blocker.message(out.lang)));
        }
        let Some(rehearsal) = &row.rehearsal else {
            return;
        };
        let old = before.get(&rehearsal.from).map(|old| &**old);
        for unmet in &rehearsal.newly_unmet {
            let shown = explain(
                &self.migration.to,
                &rehearsal.becomes,
                &unmet.judgement,
                out.lang,
            );
            let was = match unmet.asked_before {
                true => out.pick("原已满足", "was met"),
                false => out.pick("新增", "new"),
            };
            text.push_str(&format!("  ! {} [{was}]\n", shown.line(out.lang)));
        }
        for rule in &rehearsal.no_longer_asked {
            let name = old.map_or_else(|| rule.clone(), |old| rule_name(old, rule, out.lang));
            text.push_str(&out.pick(
                format!("    不再要求:{name}\n"),
                format!("    no longer asked: {name}\n"),
            ));
        }
        if rehearsal.stage != rehearsal.becomes {
            text.push_str(&out.pick(
                format!("    阶段 {} → {}\n", rehearsal.stage, rehearsal.becomes),
                format!("    stage {} → {}\n", rehearsal.stage, rehearsal.becomes),
            ));
        }
        for change in &rehearsal.changes {
            text.push_str(&format!("    {}\n", change_line(change, out)));
        }
    }
}

/// A requirement's name, wherever it stands.
fn rule_name(definition: &Definition, rule: &str, lang: Lang) -> String {
    definition
        .stages
        .values()
        .find_map(|stage| stage.exit.get(rule))
        .map_or_else(|| rule.to_owned(), |rule| rule.name.get(lang).to_owned())
}

fn change_line(change: &Change, out: &Out) -> String {
    match change {
        Change::Deadline {
            deadline,
            becomes,
            lot,
            choice,
            before,
            due,
        } => {
            let lot = of_lot(lot);
            let renamed = if deadline == becomes {
                String::new()
            } else {
                format!(" → {becomes}")
            };
            let due = due.map_or_else(|| "—".to_owned(), |due| due.to_string());
            let word = match choice {
                DeadlineChoice::Keep => out.pick("沿用", "kept"),
                DeadlineChoice::Recompute => out.pick("重算", "computed anew"),
                DeadlineChoice::Lapse => out.pick("作废", "lapses"),
            };
            let what = out.pick("期限", "deadline");
            format!("{what} {deadline}{renamed}{lot}: {before} → {due} ({word})")
        }
        Change::NewDeadline {
            deadline,
            lot,
            due,
            passed,
        } => {
            let lot = of_lot(lot);
            let passed = match passed {
                true => out.pick("(已过)", " (passed)"),
                false => String::new(),
            };
            out.pick(
                format!("新期限 {deadline}{lot}:{due}{passed}"),
                format!("new deadline {deadline}{lot}: {due}{passed}"),
            )
        }
        Change::Uncounted { fact, facts } => out.pick(
            format!("事实“{fact}”{facts} 条不再计入(新版本没有此类型)"),
            format!("{facts} facts {fact:?} count no more (the new version has no such type)"),
        ),
        Change::Counted { fact, facts } => out.pick(
            format!("此前登记的事实“{fact}”{facts} 条开始计入"),
            format!("{facts} facts {fact:?} recorded before count from now on"),
        ),
        Change::NotCounted { fact, positions } => out.pick(
            format!("事实“{fact}”不合新格式,仍不计入:记录 {}", list(positions)),
            format!(
                "facts {fact:?} do not fit and still count for nothing: records {}",
                list(positions)
            ),
        ),
        Change::Unread { fact, fields } => out.pick(
            format!("事实“{fact}”的字段 {} 新版本不读", fields.join("、")),
            format!(
                "fields {} of {fact:?} are not read any more",
                fields.join(", ")
            ),
        ),
        Change::StageGone { stage } => out.pick(
            format!("经过的阶段“{stage}”没有对应阶段,历史不变"),
            format!("the stage {stage:?} it went through has no counterpart; the history stays"),
        ),
        Change::StepsStand { steps } => out.pick(
            format!("{steps} 个已发出的督办步骤不因新版本而撤回"),
            format!("{steps} steps of the ladder stand, whatever the new version says"),
        ),
        Change::StepDue { key, ladder } => out.pick(
            format!("督办步骤“{ladder}”({})已到期,下次值守即发出", key.deadline),
            format!(
                "the step {ladder:?} of {} is due: the next watch takes it",
                key.deadline
            ),
        ),
    }
}

fn of_lot(lot: &Option<String>) -> String {
    lot.as_ref()
        .map_or_else(String::new, |lot| format!(" [{lot}]"))
}

fn list(positions: &[u64]) -> String {
    positions
        .iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
