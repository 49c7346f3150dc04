//! Projects: register, advance, return, suspend, resume, withdraw.

use std::collections::BTreeMap;

use anju_engine::event::Source;
use anju_workflows::definition::{Definition, PlanDay};
use anju_workflows::handler::HandleError;
use anju_workflows::project::Command;
use anju_workflows::project::command::{LotCommand, Register};
use anju_workflows::project::event::{Compound, ProjectId};
use anju_workflows::project::fields::parse_day;
use jiff::civil::Date;

use super::args::{AdvanceArgs, AtArgs, ByArgs, NotedArgs, RegisterArgs, ReturnArgs, SuspendArgs};
use super::lot::lot_id;
use super::{Opener, Out, report};
use crate::app::{App, Failure, Mode, actor};

/// The id of a project as given.
pub fn project_id(text: &str) -> Result<ProjectId, Failure> {
    ProjectId::new(text).map_err(|error| HandleError::from(error).into())
}

/// Carries out one command on a registered project and tells what it did.
pub async fn execute(
    app: &App,
    out: &Out,
    project: &ProjectId,
    command: &Command,
    by: &ByArgs,
    at: Option<&AtArgs>,
) -> Result<(), Failure> {
    let request = app.request(
        actor(&by.role, by.unit.as_deref(), None, by.person.as_deref())?,
        Source::Screen,
        by.command_id,
        at.and_then(|at| at.at.clone()),
    );
    let outcome = app
        .handler
        .execute(project, None, command, &request)
        .await?;
    report::outcome(app, out, project, &outcome).await
}

pub async fn register(args: RegisterArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let plan = plan_days(&args.plan)?;
    let app = opener.open(Mode::OrCreate).await?;
    let (definition, _) = app.programme(&args.programme).await?;
    let compounds = compounds(&args, &project)?;
    let command = Command::Register(Register {
        name: args.name.clone(),
        area: args.area.as_deref().map(|area| area_id(&definition, area)),
        track: args
            .track
            .as_deref()
            .map(|track| track_id(&definition, track)),
        category: args.category.clone(),
        compounds,
        plan,
        adopt: args.adopt.clone(),
        counted: false,
        batch: args.batch,
    });
    let request = app.request(
        actor(
            &args.by.role,
            args.by.unit.as_deref(),
            None,
            args.by.person.as_deref(),
        )?,
        Source::Screen,
        args.by.command_id,
        args.at.at.clone(),
    );
    let outcome = app
        .handler
        .execute(&project, Some(&args.programme), &command, &request)
        .await?;
    report::outcome(&app, out, &project, &outcome).await
}

/// An area by its id or its name; a word that is neither stays, and is refused with the known ones.
pub fn area_id(definition: &Definition, word: &str) -> String {
    definition
        .areas
        .iter()
        .find(|(_, area)| area.name.zh == word || area.name.en.eq_ignore_ascii_case(word))
        .map_or_else(|| word.to_owned(), |(id, _)| id.clone())
}

/// A track by its id or its name.
pub fn track_id(definition: &Definition, word: &str) -> String {
    definition
        .tracks
        .iter()
        .find(|(_, track)| track.name.zh == word || track.name.en.eq_ignore_ascii_case(word))
        .map_or_else(|| word.to_owned(), |(id, _)| id.clone())
}

fn compounds(args: &RegisterArgs, project: &ProjectId) -> Result<Vec<Compound>, Failure> {
    let own = args.households.is_some() || args.buildings.is_some() || args.area_m2.is_some();
    if own && !args.compounds.is_empty() {
        return Err(Failure::usage(
            "--households、--buildings、--area-m2 不能与 --compound 同用",
            "--households, --buildings and --area-m2 do not go with --compound",
        ));
    }
    if args.compounds.is_empty() {
        return Ok(vec![Compound {
            id: project.to_string(),
            name: args.name.clone(),
            aliases: Vec::new(),
            households: args.households,
            buildings: args.buildings,
            area_m2: args.area_m2.clone(),
        }]);
    }
    args.compounds
        .iter()
        .enumerate()
        .map(|(index, text)| compound(text, project, index))
        .collect()
}

fn compound(text: &str, project: &ProjectId, index: usize) -> Result<Compound, Failure> {
    let mut compound = Compound {
        id: format!("{project}-c{}", index + 1),
        name: String::new(),
        aliases: Vec::new(),
        households: None,
        buildings: None,
        area_m2: None,
    };
    for pair in text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let (key, value) = pair_of(pair)?;
        let count = || {
            value
                .parse::<u64>()
                .ok()
                .filter(|n| *n <= 100_000_000)
                .ok_or_else(|| {
                    Failure::usage(
                        format!("--compound {key}={value}:应为整数"),
                        format!("--compound {key}={value}: expected a whole number"),
                    )
                })
        };
        match key {
            "id" => value.clone_into(&mut compound.id),
            "name" => value.clone_into(&mut compound.name),
            "alias" => compound.aliases.push(value.to_owned()),
            "households" => compound.households = Some(count()?),
            "buildings" => compound.buildings = Some(count()?),
            "area_m2" => compound.area_m2 = Some(value.to_owned()),
            _ => {
                return Err(Failure::usage(
                    format!(
                        "--compound {key}:应为 id、name、alias、households、buildings、area_m2"
                    ),
                    format!(
                        "--compound {key}: expected id, name, alias, households, buildings, area_m2"
                    ),
                ));
            }
        }
    }
    if compound.name.is_empty() {
        return Err(Failure::usage(
            format!("--compound {text}:缺 name"),
            format!("--compound {text}: name is missing"),
        ));
    }
    Ok(compound)
}

fn plan_days(plan: &[String]) -> Result<BTreeMap<PlanDay, Date>, Failure> {
    plan.iter()
        .map(|pair| {
            let (key, value) = pair_of(pair)?;
            let what = match key {
                "consultation" => PlanDay::Consultation,
                "design" => PlanDay::Design,
                "start" => PlanDay::Start,
                "finish" => PlanDay::Finish,
                "acceptance" => PlanDay::Acceptance,
                _ => {
                    return Err(Failure::usage(
                        format!(
                            "--plan {key}:应为 consultation、design、start、finish、acceptance"
                        ),
                        format!(
                            "--plan {key}: expected consultation, design, start, finish, acceptance"
                        ),
                    ));
                }
            };
            let day = parse_day(value).ok_or_else(|| {
                Failure::usage(
                    format!("--plan {pair}:日期应如 2021-03-11"),
                    format!("--plan {pair}: expected a day, for example 2021-03-11"),
                )
            })?;
            Ok((what, day))
        })
        .collect()
}

/// `key=value`, taken apart.
pub fn pair_of(pair: &str) -> Result<(&str, &str), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim(), value.trim())),
        _ => Err(Failure::usage(
            format!("“{pair}”:应为 键=值"),
            format!("{pair:?}: expected key=value"),
        )),
    }
}

pub async fn advance(args: AdvanceArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    if let (Some(lot), Some(to)) = (&args.lot, &args.to) {
        return Err(Failure::usage(
            format!("--lot {lot} 不能与 --to {to} 同用:标段只通过关口,去向由项目选择"),
            format!(
                "--lot {lot} does not go with --to {to}: a lot passes a gate, the project chooses the way"
            ),
        ));
    }
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = match &args.lot {
        Some(lot) => Command::Lot(LotCommand::Advance {
            lot: lot_id(app.handler.load(&project).await?.as_deref(), lot),
        }),
        None => Command::Advance {
            to: args.to.clone(),
        },
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn send_back(args: ReturnArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let note = app.note(Some(&args.reason)).await?;
    let command = if args.lots.is_empty() {
        Command::Return {
            to: args.to.clone(),
            note,
        }
    } else {
        let state = app.handler.load(&project).await?;
        Command::Lot(LotCommand::Return {
            to: args.to.clone(),
            lots: args
                .lots
                .iter()
                .map(|lot| lot_id(state.as_deref(), lot))
                .collect(),
            note,
        })
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn suspend(args: SuspendArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Suspend {
        cause: args.cause.clone(),
        note: app.note(args.note.as_deref()).await?,
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn resume(args: NotedArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Resume {
        note: app.note(args.reason.as_deref()).await?,
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn withdraw(args: NotedArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Withdraw {
        note: app.note(args.reason.as_deref()).await?,
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}
