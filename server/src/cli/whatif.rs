//! `anju whatif`: every stored history again, under another definition or calendar. Appends nothing.

mod report;

use std::path::PathBuf;
use std::sync::Arc;

use anju_engine::log::EventLog;
use anju_projections::progress::ProgressQuery;
use anju_projections::projects::ProjectQuery;
use anju_workflows::definition::{Definition, Problem, lint};
use anju_workflows::migration::Mapping;
use anju_workflows::project::event::ProjectId;
use anju_workflows::whatif::{Alternative, Outcome, Run, Totals};
use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::report::Report;
use super::calendar::read_calendar;
use super::programme::{read, read_text};
use super::{Opener, Out};
use crate::app::{App, Failure, Mode};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("other").required(true).multiple(true).args(["file", "calendar"])))]
pub struct WhatifArgs {
    /// The other definition: a file, or the name of a programme that this build brings
    pub file: Option<String>,
    /// Notices that the calendar would have besides, as YAML
    #[arg(long, value_name = "FILE")]
    pub calendar: Option<PathBuf>,
    /// The histories of this programme; default: the one that FILE defines, or without FILE all
    #[arg(long, value_name = "ID")]
    pub programme: Option<String>,
    /// Ids that are called otherwise in FILE (as for `programme migrate`; choices are not looked at)
    #[arg(long, value_name = "FILE.yaml", requires = "file")]
    pub map: Option<PathBuf>,
    /// The programme's year, where FILE masks it; default: the year it is bound to in the log
    #[arg(long)]
    pub year: Option<i16>,
}

pub async fn run(args: WhatifArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let calendar_file = args.calendar.as_deref().map(read_calendar).transpose()?;
    let mut definition = args.file.as_deref().map(definition).transpose()?;
    let app = opener.open(Mode::Existing).await?;
    let calendar = match calendar_file {
        None => None,
        Some(file) => {
            let newest = app.handler.library().calendar().await?;
            Some(file.added_to(&newest).map_err(Failure::Definition)?)
        }
    };
    let programmes = programmes(&app, &args, definition.as_ref()).await?;
    if let Some(definition) = &mut definition {
        bind_year(&app, definition, &programmes, args.year).await?;
    }
    let renamed = match (&args.map, &definition) {
        (Some(file), Some(definition)) => renamed(&app, file, &programmes, definition).await?,
        _ => Default::default(),
    };
    let alternative = Arc::new(Alternative {
        definition: definition.map(Arc::new),
        calendar,
        renamed,
    });
    let (outcomes, totals) = over(&app, alternative.clone(), &programmes, out).await?;
    let report = Report {
        app: &app,
        alternative: &alternative,
        outcomes: &outcomes,
        totals: &totals,
        position: app.log.head().await?.size,
    };
    report.tell(out).await
}

/// A sound definition; its warnings are not what is asked here.
fn definition(word: &str) -> Result<Definition, Failure> {
    let parsed = read(word)?;
    let problems = lint(&parsed);
    if problems.iter().any(Problem::is_error) {
        return Err(Failure::Definition(problems));
    }
    Ok(parsed.definition)
}

/// Whose histories: the programme named, the one that the file defines, or all.
async fn programmes(
    app: &App,
    args: &WhatifArgs,
    definition: Option<&Definition>,
) -> Result<Vec<String>, Failure> {
    let one = args
        .programme
        .clone()
        .or_else(|| definition.map(|definition| definition.id.clone()));
    let progress = app
        .views()
        .await?
        .progress(&ProgressQuery::default())
        .await?;
    let known: Vec<String> = progress
        .programmes
        .into_iter()
        .map(|programme| programme.id)
        .collect();
    match one {
        None => Ok(known),
        Some(one) if known.contains(&one) => Ok(vec![one]),
        Some(one) => {
            let list = known.join(", ");
            Err(match &args.programme {
                Some(_) => Failure::usage(
                    format!("日志中没有改造计划“{one}”,有:{list}"),
                    format!("there is no programme {one:?} in the log; there are {list}"),
                ),
                None => Failure::usage(
                    format!(
                        "文件定义的改造计划“{one}”不在日志中;请用 --programme 指明要重放的计划:{list}"
                    ),
                    format!(
                        "the programme {one:?} that the file defines is not in the log; name the one to replay with --programme: {list}"
                    ),
                ),
            })
        }
    }
}

/// A plan that masks its year is judged by the year that its programme has in the log: otherwise every window would be
/// unknown, and everything would seem to differ.
async fn bind_year(
    app: &App,
    definition: &mut Definition,
    programmes: &[String],
    year: Option<i16>,
) -> Result<(), Failure> {
    let mut year = year;
    if year.is_none()
        && let [programme] = programmes
    {
        let (newest, _) = app.handler.library().newest_definition(programme).await?;
        year = newest.year.as_ref().and_then(|year| year.value);
    }
    if let Some(year) = year {
        definition.assume_year(year);
    }
    Ok(())
}

async fn renamed(
    app: &App,
    file: &std::path::Path,
    programmes: &[String],
    to: &Definition,
) -> Result<anju_workflows::project::migrated::Renamed, Failure> {
    let text = read_text(file)?;
    let (mapping, locations) =
        Mapping::parse(&text, &file.display().to_string()).map_err(Failure::Definition)?;
    let library = app.handler.library();
    let mut before = Vec::new();
    for programme in programmes {
        for digest in library.versions(programme).await? {
            before.push(library.definition(programme, &digest).await?);
        }
    }
    let before: Vec<&Definition> = before.iter().map(|definition| &**definition).collect();
    let problems = mapping.check(&before, to, Some(&locations));
    if problems.is_empty() {
        Ok(mapping.renamed())
    } else {
        Err(Failure::Definition(problems))
    }
}

/// Replays the histories of some programmes. What differs is kept, what does not is only counted.
pub(super) async fn over(
    app: &App,
    alternative: Arc<Alternative>,
    programmes: &[String],
    out: &Out,
) -> Result<(Vec<Outcome>, Totals), Failure> {
    let projects = projects(app, programmes).await?;
    let bar = bar(projects.len(), out);
    let mut totals = Totals::default();
    let mut outcomes = Vec::new();
    let done = anju_workflows::whatif::run(
        Run {
            handler: app.handler.clone(),
            alternative,
            projects,
        },
        |outcome| {
            totals.add(outcome);
            if outcome.differs() {
                outcomes.push(outcome.clone());
            }
            bar.inc(1);
            bar.set_message(totals.events.to_string());
        },
    )
    .await;
    bar.finish_and_clear();
    done?;
    Ok((outcomes, totals))
}

/// Every project of some programmes, by programme and id.
async fn projects(app: &App, programmes: &[String]) -> Result<Vec<ProjectId>, Failure> {
    let views = app.views().await?;
    let mut ids = Vec::new();
    for programme in programmes {
        let mut after = None;
        loop {
            let page = views
                .projects(&ProjectQuery {
                    programme: Some(programme.clone()),
                    after: after.take(),
                    limit: 1_000,
                    ..ProjectQuery::default()
                })
                .await
                .map_err(Failure::from)?;
            after = page.projects.last().map(|row| row.project.clone());
            ids.extend(page.projects.into_iter().map(|row| row.project));
            if !page.more {
                break;
            }
        }
    }
    Ok(ids)
}

/// A short run is over before anybody looks.
fn bar(length: usize, out: &Out) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let template = out.pick(
        "{bar:30} {pos}/{len} 个项目,{msg} 条事件,剩余 {eta}",
        "{bar:30} {pos}/{len} projects, {msg} events, {eta} left",
    );
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    if length < 100 {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
