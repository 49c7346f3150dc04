//! How far the programmes are: counted over standing facts, so that a correction changes every number made from it.
//!
//! Started, finished and accepted are three different facts. None is derived from another, nor from the stage.

mod batches;
mod count;
mod targets;

use std::collections::BTreeMap;

use anju_engine::event::Position;
use anju_workflows::definition::{COMPLETED, Definition, FieldKind, Lang, Measure, Milestone};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::Row;

pub use self::batches::BatchProgress;
use self::count::{Shared, Tally};
use crate::figures::Total;
use crate::names::{area_name, stage_name};
use crate::store::unsigned;
use crate::views::Question;
use crate::{ViewError, Views};

/// How far the programmes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The position of the log that this reflects.
    pub position: Position,
    /// Every published programme, by id.
    pub programmes: Vec<ProgrammeProgress>,
}

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct ProgressQuery {
    /// Only this programme.
    pub programme: Option<String>,
    /// The language of names.
    pub lang: Lang,
}

/// How far a programme is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeProgress {
    /// Its id.
    pub id: String,
    /// Its name, in the newest definition.
    pub name: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Its year; `null` while the text masks it and nobody has bound it.
    pub year: Option<i16>,
    /// The digest of the newest definition.
    pub definition: String,
    /// Its figures: over every project that was ever registered. Those withdrawn stand in the stage they left from.
    #[serde(flatten)]
    pub figures: Figures,
    /// How many projects stand in each stage, `completed` included. Every stage of the definition is there.
    pub by_stage: BTreeMap<String, u64>,
    /// The same in the order of the stages, with names and figures.
    pub stages: Vec<StageProgress>,
    /// By area, in the order of their ids; projects without an area stand first.
    pub by_area: Vec<AreaProgress>,
    /// By yearly batch; empty where every project is of the programme's own year.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_batch: Vec<BatchProgress>,
    /// Money recorded, by the field that holds it.
    pub money: Vec<Money>,
    /// How often each rule refused a transition, most often first.
    pub refusals: Vec<RefusalCount>,
    /// What the programme wants, with what there is.
    pub targets: Vec<TargetProgress>,
}

/// Counts and measures over some projects. A measure is the sum over the projects that state it; `known` says how
/// many do. Where none does it is `null`, not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How many projects.
    pub projects: u64,
    /// How many of them have a name of their own.
    pub named: u64,
    /// How many of them each stand for one of a number of unnamed projects.
    pub counted: u64,
    /// How many by status.
    pub status: StatusCount,
    /// How many have a standing fact that works started.
    pub started: u64,
    /// How many have a standing fact that works finished.
    pub finished: u64,
    /// How many have a standing fact that they were accepted.
    pub accepted: u64,
    /// Distinct compounds: one that several projects serve counts once.
    pub compounds: Option<u64>,
    /// Households.
    pub households: Option<u64>,
    /// Buildings.
    pub buildings: Option<u64>,
    /// Floor area in square metres: an exact decimal.
    pub area_m2: Option<String>,
    /// How many projects state each measure.
    pub known: Known,
}

/// How many projects by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCount {
    /// They run.
    pub active: u64,
    /// Their clock is stopped.
    pub suspended: u64,
    /// They have gone through.
    pub completed: u64,
    /// They left the programme.
    pub withdrawn: u64,
}

/// How many projects state a measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Compounds.
    pub compounds: u64,
    /// Households.
    pub households: u64,
    /// Buildings.
    pub buildings: u64,
    /// Floor area.
    pub area_m2: u64,
}

/// The projects of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// The stage's id, or `completed`.
    pub stage: String,
    /// Its name.
    pub name: String,
    /// Their figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The projects of one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaProgress {
    /// The area's id; `null` for projects without one.
    pub area: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The area above it.
    pub parent: Option<String>,
    /// Their figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// How many stand in each stage; stages without projects are left out.
    pub by_stage: BTreeMap<String, u64>,
}

/// Money recorded in one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The fact type.
    pub fact: String,
    /// The field, for example `amount_fen`.
    pub field: String,
    /// The name of the fact and of the field.
    pub name: String,
    /// The sum of the standing facts, in fen: an exact decimal.
    pub amount_fen: String,
    /// How many projects state it.
    pub projects: u64,
}

/// How often a rule refused a transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// The requirement's id.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// The stage it guards.
    pub stage: String,
    /// How often it was missing.
    pub refusals: u64,
    /// In how many projects.
    pub projects: u64,
}

/// A target, with what there is. Projects that were withdrawn do not count; a project that stands for one of a number
/// of unnamed ones and names no compound counts as one compound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetProgress {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is counted.
    pub measure: Measure,
    /// Which milestone counts; `null` where an opening size or a sum is wanted.
    pub reached: Option<Milestone>,
    /// What is wanted; `null` where the text gives no number.
    pub required: Option<Required>,
    /// How much there is now, in the measure's unit: an exact decimal. `null` where it cannot be computed.
    pub actual: Option<String>,
    /// How much of it happened by the due day; `null` without a due day or a milestone.
    pub by_due: Option<String>,
    /// Over how much, in the same unit.
    pub of: Option<String>,
    /// How many projects the target is about.
    pub projects: u64,
    /// How many of them do not state the measure.
    pub unknown: u64,
    /// Whether it is met now; `null` where that is not known.
    pub met: Option<bool>,
    /// The last permitted day.
    pub due: Option<Date>,
    /// Each area apart, where the text wants that.
    pub by_area: Vec<TargetArea>,
    /// What a reader must know.
    pub note: Option<String>,
    /// The phrase of the text, or the law.
    pub source: String,
}

/// What a target wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// So many.
    pub count: Option<u64>,
    /// Such a share.
    pub share: Option<ShareOf>,
    /// Both in words.
    pub text: String,
}

/// An exact share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareOf {
    /// The numerator.
    pub num: u64,
    /// The denominator.
    pub den: u64,
}

/// A target in one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetArea {
    /// The area's id.
    pub area: String,
    /// Its name.
    pub name: String,
    /// How much there is now.
    pub actual: Option<String>,
    /// How much of it happened by the due day.
    pub by_due: Option<String>,
    /// Over how much.
    pub of: Option<String>,
    /// Whether it is met now.
    pub met: Option<bool>,
}

impl Views {
    /// How far the programmes are.
    ///
    /// # Errors
    /// [`ViewError::UnknownProgramme`] if one is asked for that is not in the log.
    pub async fn progress(&self, query: &ProgressQuery) -> Result<Progress, ViewError> {
        let mut question = self.ask().await?;
        let mut names = self.names();
        let rows = sqlx::query(
            "SELECT id, definition FROM programme WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
        )
        .bind(query.programme.as_deref())
        .fetch_all(&mut *question.rows)
        .await?;
        if rows.is_empty()
            && let Some(programme) = &query.programme
        {
            return Err(ViewError::UnknownProgramme(programme.clone()));
        }
        let mut programmes = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("id")?;
            let digest: String = row.try_get("definition")?;
            let definition = names.definition(&id, &digest).await?;
            programmes.push(programme(&mut question, id, digest, &definition, query.lang).await?);
        }
        Ok(Progress {
            position: question.reached.position(),
            programmes,
        })
    }
}

async fn programme(
    question: &mut Question,
    id: String,
    digest: String,
    definition: &Definition,
    lang: Lang,
) -> Result<ProgrammeProgress, ViewError> {
    let groups = count::groups(question, &id).await?;
    let shared = count::shared(question, &id, None).await?;
    let mut total = Tally::default();
    let mut by_stage: BTreeMap<String, Tally> = BTreeMap::new();
    let mut by_area: BTreeMap<Option<String>, (Tally, BTreeMap<String, u64>)> = BTreeMap::new();
    for group in &groups {
        total.add(group);
        by_stage.entry(group.stage.clone()).or_default().add(group);
        let (tally, stages) = by_area.entry(group.area.clone()).or_default();
        tally.add(group);
        *stages.entry(group.stage.clone()).or_default() += group.projects;
    }
    let stages = stages_of(definition, &by_stage);
    Ok(ProgrammeProgress {
        name: definition.name.get(lang).to_owned(),
        issuer: definition
            .source
            .as_ref()
            .and_then(|source| source.issuer.clone()),
        year: definition.year.as_ref().and_then(|year| year.value),
        definition: digest,
        figures: total.figures(repeats(&shared, |_| true)),
        by_stage: stages
            .iter()
            .map(|stage| {
                (
                    stage.clone(),
                    by_stage.get(stage).map_or(0, |tally| tally.projects),
                )
            })
            .collect(),
        stages: stages
            .into_iter()
            .map(|stage| StageProgress {
                name: stage_name(definition, &stage, lang),
                figures: by_stage
                    .get(&stage)
                    .cloned()
                    .unwrap_or_default()
                    .figures(repeats(&shared, |row| row.stage == stage)),
                stage,
            })
            .collect(),
        by_area: by_area
            .into_iter()
            .map(|(area, (tally, by_stage))| AreaProgress {
                name: area_name(definition, area.as_deref(), lang),
                parent: area
                    .as_ref()
                    .and_then(|area| definition.areas.get(area)?.parent.clone()),
                figures: tally.figures(repeats(&shared, |row| row.placement.area == area)),
                area,
                by_stage,
            })
            .collect(),
        by_batch: batches::by_batch(question, &id).await?,
        money: money(question, &id, definition, lang).await?,
        refusals: refusals(question, &id, definition, lang).await?,
        targets: targets::targets(question, &id, definition, &shared, lang).await?,
        id,
    })
}

/// The stages of the definition in their order, those that only older definitions had, and `completed`.
fn stages_of(definition: &Definition, counted: &BTreeMap<String, Tally>) -> Vec<String> {
    let mut known: Vec<_> = definition.stages.iter().collect();
    known.sort_by_key(|(id, stage)| (stage.order, *id));
    let mut stages: Vec<String> = known.into_iter().map(|(id, _)| id.clone()).collect();
    let older = counted
        .keys()
        .filter(|stage| !definition.stages.contains_key(*stage) && *stage != COMPLETED);
    stages.extend(older.cloned());
    stages.push(COMPLETED.to_owned());
    stages
}

/// How many times compounds are counted again among the projects that `of` says yes to.
fn repeats(shared: &[Shared], of: impl Fn(&Shared) -> bool) -> u64 {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for row in shared.iter().filter(|row| of(row)) {
        *times.entry(&row.compound).or_default() += 1;
    }
    times.values().map(|times| times - 1).sum()
}

async fn money(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    lang: Lang,
) -> Result<Vec<Money>, ViewError> {
    let rows = sqlx::query(
        "SELECT t.reference, SUM(t.projects) AS projects, SUM(t.high) AS high, SUM(t.low) AS low,
                SUM(t.micro) AS micro
         FROM cohort c CROSS JOIN figure_tally t ON t.cohort = c.no
         WHERE c.programme = ? GROUP BY t.reference ORDER BY t.reference",
    )
    .bind(programme)
    .fetch_all(&mut *question.rows)
    .await?;
    let mut money = Vec::new();
    for row in rows {
        let reference: String = row.try_get("reference")?;
        let Some((fact, field)) = reference.split_once('.') else {
            continue;
        };
        let kind = definition.facts.get(fact);
        let declared = kind.and_then(|kind| kind.fields.get(field));
        if declared.is_some_and(|field| field.kind != FieldKind::Money) {
            continue;
        }
        money.push(Money {
            name: match (kind, declared) {
                (Some(kind), Some(field)) => {
                    format!("{} · {}", kind.name.get(lang), field.name.get(lang))
                }
                _ => reference.clone(),
            },
            fact: fact.to_owned(),
            field: field.to_owned(),
            amount_fen: Total::of(
                row.try_get("high")?,
                row.try_get("low")?,
                row.try_get("micro")?,
            )
            .to_string(),
            projects: unsigned(row.try_get("projects")?),
        });
    }
    Ok(money)
}

async fn refusals(
    question: &mut Question,
    programme: &str,
    definition: &Definition,
    lang: Lang,
) -> Result<Vec<RefusalCount>, ViewError> {
    let rows = sqlx::query(
        "SELECT t.stage, t.rule, SUM(t.refusals) AS refusals, SUM(t.projects) AS projects
         FROM cohort c CROSS JOIN refusal_tally t ON t.cohort = c.no
         WHERE c.programme = ? GROUP BY t.stage, t.rule ORDER BY refusals DESC, t.rule, t.stage",
    )
    .bind(programme)
    .fetch_all(&mut *question.rows)
    .await?;
    rows.into_iter()
        .map(|row| {
            let stage: String = row.try_get("stage")?;
            let rule: String = row.try_get("rule")?;
            let known = definition
                .stages
                .get(&stage)
                .and_then(|stage| stage.exit.get(&rule));
            Ok(RefusalCount {
                name: known.map_or_else(|| rule.clone(), |known| known.name.get(lang).to_owned()),
                stage,
                rule,
                refusals: unsigned(row.try_get("refusals")?),
                projects: unsigned(row.try_get("projects")?),
            })
        })
        .collect()
}
