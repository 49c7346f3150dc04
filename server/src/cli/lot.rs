//! Lots of a project: declare, correct, withdraw. A lot passes a gate by `anju advance PROJECT --lot L`.

use anju_workflows::project::command::LotCommand;
use anju_workflows::project::lot::LotDeclared;
use anju_workflows::project::{Command, ProjectState};
use clap::{Args, Subcommand};

use super::args::{AtArgs, ByArgs};
use super::project::{execute, project_id};
use super::{Opener, Out};
use crate::app::{Failure, Mode};

#[derive(Debug, Args)]
pub struct LotArgs {
    #[command(subcommand)]
    pub task: LotTask,
}

#[derive(Debug, Subcommand)]
pub enum LotTask {
    /// Declare a lot: a part of the project that passes gates by itself
    Declare {
        /// The project
        project: String,
        /// The lot's id: letters, digits and '-'
        lot: String,
        /// Its name; the id if absent
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        counters: CounterArgs,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Correct what was declared of a lot
    Correct {
        /// The project
        project: String,
        /// The lot, by id or name
        lot: String,
        /// Its name as it should be
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        counters: CounterArgs,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        by: ByArgs,
    },
    /// Take a lot out of the project; its facts stay, no gate asks for it any more
    Withdraw {
        /// The project
        project: String,
        /// The lot, by id or name
        lot: String,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: AtArgs,
        #[command(flatten)]
        by: ByArgs,
    },
}

#[derive(Debug, Args)]
pub struct CounterArgs {
    /// Households of the lot
    #[arg(long)]
    pub households: Option<u64>,
    /// Buildings of it
    #[arg(long)]
    pub buildings: Option<u64>,
    /// Floor area of it in square metres
    #[arg(long)]
    pub area_m2: Option<String>,
}

pub async fn run(args: LotArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    match args.task {
        LotTask::Declare {
            project,
            lot,
            name,
            counters,
            at,
            by,
        } => {
            let project = project_id(&project)?;
            let command = Command::Lot(LotCommand::Declare(LotDeclared {
                name: name.unwrap_or_else(|| lot.clone()),
                lot,
                households: counters.households,
                buildings: counters.buildings,
                area_m2: counters.area_m2,
            }));
            execute(&app, out, &project, &command, &by, Some(&at)).await
        }
        LotTask::Correct {
            project,
            lot,
            name,
            counters,
            reason,
            by,
        } => {
            let project = project_id(&project)?;
            let command = Command::Lot(LotCommand::Correct {
                lot: lot_id(app.handler.load(&project).await?.as_deref(), &lot),
                name,
                households: counters.households,
                buildings: counters.buildings,
                area_m2: counters.area_m2,
                note: app.note(Some(&reason)).await?,
            });
            execute(&app, out, &project, &command, &by, None).await
        }
        LotTask::Withdraw {
            project,
            lot,
            reason,
            at,
            by,
        } => {
            let project = project_id(&project)?;
            let command = Command::Lot(LotCommand::Withdraw {
                lot: lot_id(app.handler.load(&project).await?.as_deref(), &lot),
                note: app.note(Some(&reason)).await?,
            });
            execute(&app, out, &project, &command, &by, Some(&at)).await
        }
    }
}

/// A lot by its id or its name; a word that is neither stays, and is refused with the known ones.
pub fn lot_id(state: Option<&ProjectState>, word: &str) -> String {
    let Some(state) = state else {
        return word.to_owned();
    };
    if state.lots.contains_key(word) {
        return word.to_owned();
    }
    let mut named = state.lots.iter().filter(|(_, lot)| lot.name == word);
    match (named.next(), named.next()) {
        (Some((id, _)), None) => id.clone(),
        _ => word.to_owned(),
    }
}
