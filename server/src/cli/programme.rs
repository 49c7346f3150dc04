//! Programme files: lint, show, diff.

mod find;
mod rules;

use std::path::Path;

use anju_projections::projects::ProjectQuery;
use anju_workflows::definition::{
    Definition, Parsed, Problem, diff, lint, lint_against, machine_svg, mermaid, reference, schema,
    show_text, windows_svg,
};
use anju_workflows::requirement::rule_histories;
use serde_json::json;

use super::args::{ProgrammeArgs, ProgrammeTask};
use super::{Opener, Out};
use crate::app::{Failure, Mode};

pub use find::{file_resolver, read_text};
pub(super) use find::{read, sound};

pub async fn run(args: ProgrammeArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    match args.task {
        ProgrammeTask::Lint { files } => lint_files(&files, opener, out).await,
        ProgrammeTask::Show {
            file,
            mermaid,
            rules,
            svg,
            windows,
        } => {
            let form = match (mermaid, rules) {
                (true, _) => Form::Mermaid,
                (_, true) => Form::Rules,
                _ => Form::Text,
            };
            let definition = find::definition(&file, opener).await?;
            draw(svg.as_deref(), || machine_svg(&definition, out.lang))?;
            draw(windows.as_deref(), || windows_svg(&definition, out.lang))?;
            // Who asks for a picture has asked for nothing else.
            if form != Form::Text || out.json || (svg.is_none() && windows.is_none()) {
                show(&definition, form, out);
            }
            Ok(())
        }
        ProgrammeTask::Diff { a, b } => compare(&a, &b, opener, out).await,
        ProgrammeTask::Schema => {
            let schema = schema::json_schema();
            out.answer(&schema, schema::json_schema_text);
            Ok(())
        }
        ProgrammeTask::Reference => {
            let text = reference::reference();
            out.answer(&json!({ "reference": text }), || text.clone());
            Ok(())
        }
        ProgrammeTask::Publish(args) => super::publish::run(args, opener, out).await,
        ProgrammeTask::Migrate(args) => super::migrate::run(args, opener, out).await,
    }
}

/// How a programme is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Mermaid,
    Rules,
}

async fn lint_files(files: &[String], opener: &Opener, out: &Out) -> Result<(), Failure> {
    let mut results = Vec::new();
    for file in files {
        let problems = match read(file) {
            Ok(parsed) => {
                let mut problems = lint(&parsed);
                // What was never met says nothing of a definition that cannot be used.
                if opener.named && !problems.iter().any(Problem::is_error) {
                    problems.extend(never_met(&parsed, opener).await?);
                }
                problems
            }
            Err(Failure::Definition(problems)) => problems,
            Err(other) => return Err(other),
        };
        results.push((file, problems));
    }
    let json = json!({
        "files": results.iter().map(|(file, problems)| json!({
            "file": file,
            "ok": !problems.iter().any(Problem::is_error),
            "problems": problems,
        })).collect::<Vec<_>>(),
    });
    out.answer(&json, || {
        let mut text = String::new();
        for (file, problems) in &results {
            for problem in problems {
                text.push_str(&problem.render(out.lang));
                text.push('\n');
            }
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            let warnings = problems.len() - errors;
            text.push_str(&if errors == 0 {
                out.pick(
                    format!("{file}:没有错误,{warnings} 条提醒\n"),
                    format!("{file}: no errors, {warnings} warnings\n"),
                )
            } else {
                out.pick(
                    format!("{file}:{errors} 处错误,{warnings} 条提醒\n"),
                    format!("{file}: {errors} errors, {warnings} warnings\n"),
                )
            });
        }
        text
    });
    if results
        .iter()
        .any(|(_, problems)| problems.iter().any(Problem::is_error))
    {
        return Err(Failure::Refused);
    }
    Ok(())
}

/// The rules of a definition that no project of the store ever met.
async fn never_met(parsed: &Parsed, opener: &Opener) -> Result<Vec<Problem>, Failure> {
    /// How many projects are read at once.
    const PAGE: u32 = 500;
    let app = opener.open(Mode::Existing).await?;
    let definition = &parsed.definition;
    let published = app.handler.library().versions(&definition.id).await.is_ok();
    if !published {
        return Ok(Vec::new());
    }
    let calendar = app.handler.library().calendar().await?;
    let day = anju_engine::event::shanghai_day(app.handler.now().await?);
    let views = app.views().await?;
    let mut totals = rule_histories(definition, &calendar, [], day);
    let mut after = None;
    loop {
        let page = views
            .projects(&ProjectQuery {
                programme: Some(definition.id.clone()),
                after: after.take(),
                limit: PAGE,
                lang: opener.lang,
                ..ProjectQuery::default()
            })
            .await?;
        let mut states = Vec::new();
        for row in &page.projects {
            states.extend(app.handler.load(&row.project).await?);
        }
        let found = rule_histories(definition, &calendar, states.iter().map(|s| &**s), day);
        for (total, found) in totals.iter_mut().zip(found) {
            total.asked += found.asked;
            total.met += found.met;
        }
        after = page.projects.last().map(|row| row.project.clone());
        if !page.more {
            break;
        }
    }
    Ok(lint_against(parsed, &totals))
}

/// Writes a picture, if a file is named for it.
fn draw(file: Option<&Path>, picture: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, picture()).map_err(|source| Failure::File {
        path: file.display().to_string(),
        source,
    })
}

fn show(definition: &Definition, form: Form, out: &Out) {
    let json = json!({ "digest": definition.digest(), "definition": definition });
    out.answer(&json, || match form {
        Form::Mermaid => mermaid(definition, out.lang),
        Form::Rules => rules::table(definition),
        Form::Text => show_text(definition, out.lang),
    });
}

async fn compare(a: &str, b: &str, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let old = find::definition(a, opener).await?;
    let new = find::definition(b, opener).await?;
    let found = diff(&old, &new);
    let json = serde_json::to_value(&found).unwrap_or_default();
    out.answer(&json, || found.render(out.lang));
    if found.same {
        Ok(())
    } else {
        Err(Failure::Refused)
    }
}
