//! `anju programme migrate`: running projects go over to another version. Everything is rehearsed first; then one
//! event per project, each under an id of its own, so that a migration that was cut off is simply run again.

mod report;

use std::path::PathBuf;
use std::sync::Arc;

use anju_engine::event::{CommandId, Source};
use anju_engine::log::EventLog;
use anju_projections::projects::ProjectQuery;
use anju_workflows::definition::{Definition, Locations, Problem, nearest};
use anju_workflows::handler::{HandleError, Migration, migration_command_id, new_command_id};
use anju_workflows::migration::{Mapping, Rehearsal};
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::event::ProjectId;
use anju_workflows::project::migrated::DeadlineChoice;
use anju_workflows::project::{ProjectState, Status};
use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressDrawTarget};

use self::report::{Fate, Report, Row};
use super::args::ByArgs;
use super::programme::read_text;
use super::project::project_id;
use super::{Opener, Out};
use crate::app::{App, Failure, Mode, actor};

/// The fewest digits by which a version may be named.
const SHORTEST_DIGEST: usize = 6;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["projects", "all"])))]
pub struct MigrateArgs {
    /// The programme
    pub programme: String,
    /// The version to go to: its digest (or the first digits of it), or `newest`
    #[arg(long, value_name = "DIGEST|newest")]
    pub to: String,
    /// Ids that are called otherwise in the new version, and what becomes of each open deadline
    #[arg(long, value_name = "FILE.yaml")]
    pub map: Option<PathBuf>,
    /// What becomes of an open deadline (repeat for several; wins over the file)
    #[arg(long = "deadline", value_name = "ID=keep|recompute|lapse")]
    pub deadlines: Vec<String>,
    /// These projects
    #[arg(long, value_delimiter = ',', value_name = "ID,…")]
    pub projects: Vec<String>,
    /// Every running project of the programme
    #[arg(long)]
    pub all: bool,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Why; it is kept outside the log, where it can be erased
    #[arg(long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub by: ByArgs,
}

pub async fn run(args: MigrateArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let (mapping, locations) = mapping(&args)?;
    let by = &args.by;
    let actor = actor(&by.role, by.unit.as_deref(), None, by.person.as_deref())?;
    let app = opener.open(Mode::Existing).await?;
    let digest = version(&app, &args.programme, &args.to).await?;
    let to = app
        .handler
        .library()
        .definition(&args.programme, &digest)
        .await?;
    let states = chosen(&app, &args).await?;
    check_ids(&app, &mapping, locations.as_ref(), &states, &to).await?;
    let mut migration = Migration {
        to,
        digest,
        mapping,
        note: None,
    };
    let command = by
        .command_id
        .map_or_else(|| new_command_id(app.clock.now()), CommandId);
    let mut rows = rehearse(&app, &migration, command, states, out).await?;
    let blocked = rows.iter().any(
        |row| matches!(&row.fate, Fate::Rehearsed(rehearsal) if !rehearsal.blockers.is_empty()),
    );
    if !blocked
        && !args.dry_run
        && rows
            .iter()
            .any(|row| matches!(row.fate, Fate::Rehearsed(_)))
    {
        migration.note = app.note(args.reason.as_deref()).await?;
        carry_out(&app, &migration, command, &actor, &mut rows, out).await?;
    }
    let report = Report {
        programme: &args.programme,
        migration: &migration,
        rows: &rows,
        dry_run: args.dry_run,
        position: app.log.head().await?.size,
        app: &app,
    };
    let refused = report.tell(out).await?;
    if refused {
        Err(Failure::Refused)
    } else {
        Ok(())
    }
}

/// The mapping file, and the choices of the command line.
fn mapping(args: &MigrateArgs) -> Result<(Mapping, Option<Locations>), Failure> {
    let (mut mapping, locations) = match &args.map {
        None => (Mapping::default(), None),
        Some(file) => {
            let text = read_text(file)?;
            let (mapping, locations) =
                Mapping::parse(&text, &file.display().to_string()).map_err(Failure::Definition)?;
            (mapping, Some(locations))
        }
    };
    for pair in &args.deadlines {
        let choice = pair
            .split_once('=')
            .and_then(|(id, word)| Some((id, DeadlineChoice::of_word(word)?)));
        let Some((id, choice)) = choice else {
            return Err(Failure::usage(
                format!("--deadline“{pair}”:应为 期限编号=keep|recompute|lapse"),
                format!("--deadline {pair:?}: expected ID=keep, ID=recompute or ID=lapse"),
            ));
        };
        mapping.choices.insert(id.to_owned(), choice);
    }
    Ok((mapping, locations))
}

/// The digest that a word names: `newest`, a digest, or the first digits of one.
pub(super) async fn version(app: &App, programme: &str, word: &str) -> Result<String, Failure> {
    let digests = app.handler.library().versions(programme).await?;
    if word == "newest" {
        return digests
            .last()
            .cloned()
            .ok_or_else(|| HandleError::UnknownProgramme(programme.to_owned()).into());
    }
    let asked = word.to_ascii_lowercase();
    let found: Vec<&String> = digests
        .iter()
        .filter(|digest| asked.len() >= SHORTEST_DIGEST && digest.starts_with(&asked))
        .collect();
    if let [only] = found[..] {
        return Ok(only.clone());
    }
    let short = |digests: Vec<&String>| {
        digests
            .into_iter()
            .rev()
            .map(|digest| digest.get(..12).unwrap_or(digest))
            .collect::<Vec<_>>()
            .join(", ")
    };
    Err(if found.is_empty() {
        let known = short(digests.iter().collect());
        Failure::usage(
            format!("计划“{programme}”没有版本“{word}”,已发布(新的在前):{known};也可写 newest"),
            format!(
                "programme {programme:?} has no version {word:?}; published, newest first: {known}; or say newest"
            ),
        )
    } else {
        let known = short(found);
        Failure::usage(
            format!("“{word}”可指多个版本:{known};请多写几位"),
            format!("{word:?} names several versions: {known}; give more digits"),
        )
    })
}

/// The projects that are meant, as they stand: those named, or all that run. Named projects must exist; whether they
/// may go over is for the rehearsal.
async fn chosen(app: &App, args: &MigrateArgs) -> Result<Vec<Arc<ProjectState>>, Failure> {
    let mut ids = Vec::new();
    if args.all {
        ids = running(app, &args.programme).await?;
    } else {
        for text in &args.projects {
            let id = project_id(text.trim())?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.sort();
    }
    let mut states = Vec::with_capacity(ids.len());
    for id in ids {
        match app.handler.load(&id).await? {
            Some(state) => states.push(state),
            None => return Err(not_registered(app, &args.programme, &id).await?),
        }
    }
    Ok(states)
}

/// The running projects of a programme, by id.
pub(super) async fn running(app: &App, programme: &str) -> Result<Vec<ProjectId>, Failure> {
    let views = app.views().await?;
    let mut ids = Vec::new();
    for status in [Status::Active, Status::Suspended] {
        let mut after = None;
        loop {
            let page = views
                .projects(&ProjectQuery {
                    programme: Some(programme.to_owned()),
                    status: Some(status),
                    after: after.take(),
                    limit: 1_000,
                    ..ProjectQuery::default()
                })
                .await?;
            after = page.projects.last().map(|row| row.project.clone());
            ids.extend(page.projects.into_iter().map(|row| row.project));
            if !page.more {
                break;
            }
        }
    }
    ids.sort();
    Ok(ids)
}

async fn not_registered(app: &App, programme: &str, id: &ProjectId) -> Result<Failure, Failure> {
    let known = running(app, programme).await?;
    let near = nearest(id.as_str(), known.iter().map(ProjectId::as_str));
    Ok(match near {
        Some(near) => Failure::usage(
            format!("项目“{id}”尚未登记;是否想写“{near}”?"),
            format!(
                "project {:?} is not registered; did you mean {near:?}?",
                id.as_str()
            ),
        ),
        None => HandleError::Command(CommandError::NotRegistered {
            project: id.to_string(),
        })
        .into(),
    })
}

/// Whether the ids of the mapping exist, in the versions that these projects come from and in the one they go to.
async fn check_ids(
    app: &App,
    mapping: &Mapping,
    locations: Option<&Locations>,
    states: &[Arc<ProjectState>],
    to: &Definition,
) -> Result<(), Failure> {
    let mut digests: Vec<(&str, &str)> = states
        .iter()
        .map(|state| (&*state.registered.programme, &*state.registered.definition))
        // A project of another programme is refused for that, not for the ids of its own.
        .filter(|(programme, _)| *programme == to.id)
        .collect();
    digests.sort_unstable();
    digests.dedup();
    let mut before = Vec::new();
    for (programme, digest) in digests {
        before.push(app.handler.library().definition(programme, digest).await?);
    }
    if before.is_empty() {
        return Ok(());
    }
    let before: Vec<&Definition> = before.iter().map(|definition| &**definition).collect();
    let problems: Vec<Problem> = mapping.check(&before, to, locations);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::Definition(problems))
    }
}

/// What would become of each project.
async fn rehearse(
    app: &App,
    migration: &Migration,
    command: CommandId,
    states: Vec<Arc<ProjectState>>,
    out: &Out,
) -> Result<Vec<Row>, Failure> {
    let bar = bar(states.len(), out);
    let mut rows = Vec::with_capacity(states.len());
    for state in states {
        let done = app
            .log
            .find_command(migration_command_id(command, &state.id))
            .await?;
        let fate = if let Some(done) = done {
            Fate::Done {
                position: done.last.0,
                repeated: true,
            }
        } else if state.registered.definition == migration.digest {
            Fate::Already
        } else {
            Fate::Rehearsed(app.handler.rehearse(&state, migration).await?)
        };
        rows.push(Row {
            project: state.id.clone(),
            rehearsal: match &fate {
                Fate::Rehearsed(rehearsal) => Some(rehearsal.clone()),
                _ => None,
            },
            state,
            fate,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// One event per project. A project that moved since it was rehearsed is decided anew, and may be refused for itself.
async fn carry_out(
    app: &App,
    migration: &Migration,
    command: CommandId,
    actor: &anju_engine::event::Actor,
    rows: &mut [Row],
    out: &Out,
) -> Result<(), Failure> {
    let bar = bar(rows.len(), out);
    for row in rows {
        bar.inc(1);
        if !matches!(row.fate, Fate::Rehearsed(_)) {
            continue;
        }
        let id = migration_command_id(command, &row.project);
        let request = app.request(actor.clone(), Source::Screen, Some(id.0), None);
        row.fate = match app.handler.migrate(&row.project, migration, &request).await {
            Ok(outcome) => Fate::Done {
                position: outcome.position.0,
                repeated: outcome.repeated,
            },
            Err(HandleError::Migration(refused)) => Fate::Rehearsed(Rehearsal {
                blockers: refused.blockers,
                ..match &row.rehearsal {
                    Some(rehearsal) => rehearsal.clone(),
                    None => continue,
                }
            }),
            Err(error) => {
                bar.finish_and_clear();
                eprintln!(
                    "{}",
                    out.pick(
                        "迁移中断。再次运行同一命令即可继续:已迁移的项目不会重复迁移。",
                        "The migration stopped. Run the same command again to go on: no project goes over twice.",
                    )
                );
                return Err(error.into());
            }
        };
    }
    bar.finish_and_clear();
    Ok(())
}

fn bar(length: usize, out: &Out) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if out.json || length < 100 {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
