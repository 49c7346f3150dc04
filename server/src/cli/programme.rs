//! Programme files: lint, show.

use std::path::Path;

use anju_workflows::definition::yaml::decode;
use anju_workflows::definition::{
    BUILTIN_PROGRAMMES, Definition, Parsed, Problem, lint, mermaid, parse, parse_builtin, show_text,
};
use serde_json::json;

use super::args::{ProgrammeArgs, ProgrammeTask};
use super::{Opener, Out};
use crate::app::Failure;

pub async fn run(args: ProgrammeArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    match args.task {
        ProgrammeTask::Lint { files } => lint_files(&files, out),
        ProgrammeTask::Show { file, mermaid } => show(&file, mermaid, opener, out).await,
        ProgrammeTask::Publish(args) => super::publish::run(args, opener, out).await,
        ProgrammeTask::Migrate(args) => super::migrate::run(args, opener, out).await,
    }
}

/// A programme file as text: UTF-8, with or without a byte order mark.
pub fn read_text(file: &Path) -> Result<String, Failure> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|source| Failure::File {
        path: name.clone(),
        source,
    })?;
    decode(&bytes, &name).map_err(Failure::Definition)
}

/// Finds what a file extends by path. The paths it is asked for are joined with the folder of the file already.
pub fn file_resolver(_file: &Path) -> impl Fn(&str) -> Option<(String, String)> + 'static {
    |path: &str| {
        let bytes = std::fs::read(path).ok()?;
        let text = decode(&bytes, path).ok()?;
        Some((text, path.to_owned()))
    }
}

/// A file, or a programme that this build brings, by its name.
pub(super) fn read(word: &str) -> Result<Parsed, Failure> {
    if BUILTIN_PROGRAMMES.contains(&word) && !Path::new(word).exists() {
        return parse_builtin(word).map_err(Failure::Definition);
    }
    let file = Path::new(word);
    let text = read_text(file)?;
    parse(&text, word, &file_resolver(file)).map_err(Failure::Definition)
}

/// Reads and lints; errors fail, warnings are given back.
pub(super) fn sound(word: &str) -> Result<(Parsed, Vec<Problem>), Failure> {
    let parsed = read(word)?;
    let problems = lint(&parsed);
    if problems.iter().any(Problem::is_error) {
        return Err(Failure::Definition(problems));
    }
    Ok((parsed, problems))
}

fn lint_files(files: &[String], out: &Out) -> Result<(), Failure> {
    let mut results = Vec::new();
    for file in files {
        let problems = match read(file) {
            Ok(parsed) => lint(&parsed),
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

async fn show(word: &str, as_mermaid: bool, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = if Path::new(word).exists() {
        None
    } else {
        opener.open_if_any().await?
    };
    let published = match app {
        Some(app) => app
            .handler
            .library()
            .newest_definition(word)
            .await
            .ok()
            .map(|(definition, _)| (*definition).clone()),
        None => None,
    };
    let definition: Definition = match published {
        Some(definition) => definition,
        None => read(word)?.definition,
    };
    let digest = definition.digest();
    let json = json!({ "digest": digest, "definition": definition });
    out.answer(&json, || {
        if as_mermaid {
            mermaid(&definition, out.lang)
        } else {
            show_text(&definition, out.lang)
        }
    });
    Ok(())
}
