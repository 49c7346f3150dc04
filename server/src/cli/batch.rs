//! Yearly batches: carry over; and the opening balance of a project adopted in mid-course.

use std::collections::BTreeMap;

use anju_engine::event::Data;
use anju_workflows::definition::{Definition, Milestone};
use anju_workflows::project::Command;
use anju_workflows::project::command::BatchCommand;
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::fields;
use clap::Args;
use jiff::civil::Date;

use super::args::{AtArgs, ByArgs};
use super::fact::{definition_of, document_digest, fact_id};
use super::project::{execute, pair_of, project_id};
use super::{Opener, Out};
use crate::app::{Failure, Mode};

#[derive(Debug, Args)]
pub struct CarryOverArgs {
    /// The project
    pub project: String,
    /// The year of the batch it enters
    pub year: i16,
    /// The paper by which it is carried over (文号)
    #[arg(long)]
    pub basis: String,
    /// A paper: a file, or its SHA-256
    #[arg(long = "doc", value_name = "FILE")]
    pub documents: Vec<String>,
    /// A note; it is kept outside the log, where it can be erased
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct OpeningArgs {
    /// The project, registered with --adopt
    pub project: String,
    /// A figure that counts in sums: FACT.FIELD=VALUE, for example subsidy_paid.amount_fen=120万元 (repeat for several)
    #[arg(long = "sum", value_name = "FACT.FIELD=V")]
    pub sums: Vec<String>,
    /// A milestone reached before: started|finished|accepted=DAY (repeat for several)
    #[arg(long = "milestone", value_name = "WHAT=DAY")]
    pub milestones: Vec<String>,
    /// A paper: a file, or its SHA-256
    #[arg(long = "doc", value_name = "FILE")]
    pub documents: Vec<String>,
    /// A note; it is kept outside the log, where it can be erased
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

pub async fn carry_over(args: CarryOverArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let documents = digests(&args.documents)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Batch(BatchCommand::CarryOver {
        to: args.year,
        basis: args.basis,
        documents,
        note: app.note(args.note.as_deref()).await?,
    });
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn opening(args: OpeningArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let milestones = milestones(&args.milestones)?;
    let documents = digests(&args.documents)?;
    let app = opener.open(Mode::Existing).await?;
    let (definition, _) = definition_of(&app, &project).await?;
    let command = Command::Batch(BatchCommand::OpeningBalance {
        sums: sums(&definition, &args.sums)?,
        milestones,
        documents,
        note: app.note(args.note.as_deref()).await?,
    });
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

fn digests(documents: &[String]) -> Result<Vec<String>, Failure> {
    documents
        .iter()
        .map(|document| document_digest(document))
        .collect()
}

/// Figures as typed become values as recorded, by their fields. A field that is not known stays as typed, and is
/// refused with the known ones.
fn sums(definition: &Definition, given: &[String]) -> Result<BTreeMap<String, Data>, Failure> {
    let mut sums: BTreeMap<String, Data> = BTreeMap::new();
    for pair in given {
        let (reference, text) = pair_of(pair)?;
        let (fact, key) = reference.split_once('.').unwrap_or((reference, ""));
        let fact = fact_id(definition, fact);
        let field = definition
            .facts
            .get(&fact)
            .and_then(|kind| kind.fields.get(key));
        let value = match field {
            Some(field) => fields::parse_value(key, field, text).map_err(|problem| {
                Failure::Handle(
                    CommandError::Fields {
                        problems: vec![problem],
                    }
                    .into(),
                )
            })?,
            None => text.into(),
        };
        let of_fact = sums.entry(fact).or_default();
        if of_fact.insert(key.to_owned(), value).is_some() {
            return Err(Failure::usage(
                format!("“{reference}”给了两次"),
                format!("{reference:?} is given twice"),
            ));
        }
    }
    Ok(sums)
}

fn milestones(given: &[String]) -> Result<BTreeMap<Milestone, Date>, Failure> {
    let mut milestones = BTreeMap::new();
    for pair in given {
        let (key, value) = pair_of(pair)?;
        let what = match key {
            "started" | "开工" => Milestone::Started,
            "finished" | "完工" => Milestone::Finished,
            "accepted" | "验收" => Milestone::Accepted,
            _ => {
                return Err(Failure::usage(
                    format!("--milestone {key}:应为 started、finished、accepted"),
                    format!("--milestone {key}: expected started, finished, accepted"),
                ));
            }
        };
        let day = fields::parse_day(value).ok_or_else(|| {
            Failure::usage(
                format!("--milestone {pair}:日期应如 2021-03-11"),
                format!("--milestone {pair}: expected a day, for example 2021-03-11"),
            )
        })?;
        milestones.insert(what, day);
    }
    Ok(milestones)
}
