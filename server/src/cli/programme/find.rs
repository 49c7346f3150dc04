//! Which definition a word of the command line means.

use std::path::Path;

use anju_workflows::definition::yaml::decode;
use anju_workflows::definition::{
    BUILTIN_PROGRAMMES, Definition, Neighbour, Parsed, Problem, lint, parse, parse_builtin,
};

use crate::app::{Failure, Mode};
use crate::cli::{Opener, migrate};

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
pub fn file_resolver(_file: &Path) -> impl Fn(&str) -> Option<Neighbour> + 'static {
    |path: &str| {
        let bytes = std::fs::read(path).ok()?;
        Some(decode(&bytes, path).map(|text| (text, path.to_owned())))
    }
}

/// A file, or a programme that this build brings, by its name.
pub(in crate::cli) fn read(word: &str) -> Result<Parsed, Failure> {
    if BUILTIN_PROGRAMMES.contains(&word) && !Path::new(word).exists() {
        return parse_builtin(word).map_err(Failure::Definition);
    }
    let file = Path::new(word);
    let text = read_text(file)?;
    parse(&text, word, &file_resolver(file)).map_err(Failure::Definition)
}

/// Reads and lints; errors fail, warnings are given back.
pub(in crate::cli) fn sound(word: &str) -> Result<(Parsed, Vec<Problem>), Failure> {
    let parsed = read(word)?;
    let problems = lint(&parsed);
    if problems.iter().any(Problem::is_error) {
        return Err(Failure::Definition(problems));
    }
    Ok((parsed, problems))
}

/// A file; `ID@DIGEST` (or its beginning) or the newest version of a programme of the log; a programme of this build.
pub(super) async fn definition(word: &str, opener: &Opener) -> Result<Definition, Failure> {
    if Path::new(word).exists() {
        return Ok(read(word)?.definition);
    }
    if let Some((programme, prefix)) = word.split_once('@') {
        return version(programme, prefix, opener).await;
    }
    if let Some(published) = newest(word, opener).await? {
        return Ok(published);
    }
    Ok(read(word)?.definition)
}

/// The newest version of a programme of the log, if there is a log and it has one.
async fn newest(programme: &str, opener: &Opener) -> Result<Option<Definition>, Failure> {
    let Some(app) = opener.open_if_any().await? else {
        return Ok(None);
    };
    let found = app.handler.library().newest_definition(programme).await;
    Ok(found.ok().map(|(definition, _)| (*definition).clone()))
}

/// One version of a programme of the log, by the beginning of its digest, or `newest`.
async fn version(programme: &str, word: &str, opener: &Opener) -> Result<Definition, Failure> {
    let app = opener.open(Mode::Existing).await?;
    let digest = migrate::version(&app, programme, word).await?;
    let library = app.handler.library();
    Ok((*library.definition(programme, &digest).await?).clone())
}
