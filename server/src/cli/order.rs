//! Orders (派单): dispatch, reply, close, reopen, extend.

use anju_workflows::definition::Definition;
use anju_workflows::project::Command;
use anju_workflows::project::command::OrderCommand;
use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::args::{AtArgs, ByArgs, day};
use super::fact::{definition_of, document_digest};
use super::lot::lot_id;
use super::project::{execute, project_id};
use super::{Opener, Out};
use crate::app::{Failure, Mode};

#[derive(Debug, Args)]
pub struct OrderArgs {
    #[command(subcommand)]
    pub task: OrderTask,
}

#[derive(Debug, Subcommand)]
pub enum OrderTask {
    /// Dispatch a problem to a unit, with a due day
    Dispatch {
        /// The project
        project: String,
        /// The unit that has to act
        #[arg(long, value_name = "UNIT")]
        to: String,
        /// About what: a code or name of the programme
        #[arg(long, value_name = "CODE")]
        about: String,
        /// The last permitted day; by the programme's days if absent
        #[arg(long, value_name = "DAY", value_parser = day)]
        due: Option<Date>,
        /// The lot it is about
        #[arg(long)]
        lot: Option<String>,
        /// What is wrong and what is asked; kept outside the log, where it can be erased
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Enter the answer of the unit
    Reply {
        /// The project
        project: String,
        /// The number of the order
        order: u32,
        /// The answer; kept outside the log
        #[arg(long)]
        note: Option<String>,
        /// A paper: a file, or its SHA-256
        #[arg(long = "doc", value_name = "FILE")]
        documents: Vec<String>,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Close an order (销号); --unit names who does, another than the unit it went to
    Close {
        /// The project
        project: String,
        /// The number of the order
        order: u32,
        /// What was checked; kept outside the log
        #[arg(long)]
        note: Option<String>,
        /// A paper: a file, or its SHA-256
        #[arg(long = "doc", value_name = "FILE")]
        documents: Vec<String>,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Open a closed order again
    Reopen {
        /// The project
        project: String,
        /// The number of the order
        order: u32,
        /// The new last permitted day, if it moves
        #[arg(long, value_name = "DAY", value_parser = day)]
        due: Option<Date>,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Move the due day of an order; asked for before that day is over
    Extend {
        /// The project
        project: String,
        /// The number of the order
        order: u32,
        /// The new last permitted day
        #[arg(value_parser = day)]
        due: Date,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
}

pub async fn run(args: OrderArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    let (project, command, at, by) = match args.task {
        OrderTask::Dispatch {
            project,
            to,
            about,
            due,
            lot,
            note,
            at,
            by,
        } => {
            let id = project_id(&project)?;
            let (definition, state) = definition_of(&app, &id).await?;
            let command = OrderCommand::Dispatch {
                to,
                about: about_code(&definition, &about),
                due,
                lot: lot.map(|lot| lot_id(Some(&state), &lot)),
                note: app.note(note.as_deref()).await?,
            };
            (project, command, at, by)
        }
        OrderTask::Reply {
            project,
            order,
            note,
            documents,
            at,
            by,
        } => {
            let command = OrderCommand::Reply {
                order,
                documents: digests(&documents)?,
                note: app.note(note.as_deref()).await?,
            };
            (project, command, at, by)
        }
        OrderTask::Close {
            project,
            order,
            note,
            documents,
            at,
            by,
        } => {
            let command = OrderCommand::Close {
                order,
                documents: digests(&documents)?,
                note: app.note(note.as_deref()).await?,
            };
            (project, command, at, by)
        }
        OrderTask::Reopen {
            project,
            order,
            due,
            reason,
            at,
            by,
        } => {
            let command = OrderCommand::Reopen {
                order,
                due,
                note: app.note(Some(&reason)).await?,
            };
            (project, command, at, by)
        }
        OrderTask::Extend {
            project,
            order,
            due,
            reason,
            at,
            by,
        } => {
            let command = OrderCommand::Extend {
                order,
                due,
                note: app.note(Some(&reason)).await?,
            };
            (project, command, at, by)
        }
    };
    let project = project_id(&project)?;
    execute(
        &app,
        out,
        &project,
        &Command::Order(command),
        &by,
        Some(&at),
    )
    .await
}

fn digests(documents: &[String]) -> Result<Vec<String>, Failure> {
    documents
        .iter()
        .map(|document| document_digest(document))
        .collect()
}

/// What an order is about, by its code or its name; a word that is neither stays, and is refused with the known ones.
fn about_code(definition: &Definition, word: &str) -> String {
    definition
        .orders
        .iter()
        .flat_map(|orders| &orders.about)
        .find(|(_, about)| about.name.zh == word || about.name.en.eq_ignore_ascii_case(word))
        .map_or_else(|| word.to_owned(), |(code, _)| code.clone())
}
