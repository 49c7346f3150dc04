//! Facts: record, correct, void.

use std::collections::BTreeMap;
use std::path::Path;

use anju_engine::event::EventId;
use anju_workflows::definition::{Definition, nearest};
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::fields;
use anju_workflows::project::{Command, ProjectState};
use anju_workflows::publish::hex;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::args::{CorrectArgs, RecordArgs, VoidArgs};
use super::project::{execute, pair_of, project_id};
use super::{Opener, Out};
use crate::app::{App, Failure, Mode};

pub async fn record(args: RecordArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let given = pairs(&args.values)?;
    let documents = args
        .documents
        .iter()
        .map(|document| document_digest(document))
        .collect::<Result<Vec<_>, _>>()?;
    let app = opener.open(Mode::Existing).await?;
    let (definition, _) = definition_of(&app, &project).await?;
    let fact = fact_id(&definition, &args.fact);
    let values = match definition.facts.get(&fact) {
        Some(kind) => fields::parse(kind, &given),
        None => fields::parse_undeclared(&given),
    }
    .map_err(|problems| Failure::Handle(CommandError::Fields { problems }.into()))?;
    if !definition.facts.contains_key(&fact) {
        let near = nearest(&fact, definition.facts.keys().map(String::as_str));
        eprintln!(
            "{}",
            out.pick(
                format!(
                    "提示:流程定义没有事实类型“{fact}”,按其他事实登记,不参与判断{}",
                    near.map(|n| format!("。是否应为 {n}?")).unwrap_or_default()
                ),
                format!(
                    "note: the definition declares no fact type {fact:?}; recorded as another fact, counted for nothing{}",
                    near.map(|n| format!(". Did you mean {n}?")).unwrap_or_default()
                ),
            )
        );
    }
    let command = Command::Record {
        fact,
        fields: values,
        documents,
        note: app.note(args.note.as_deref()).await?,
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn correct(args: CorrectArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let given = pairs(&args.values)?;
    let cleared: Vec<String> = given
        .iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(key, _)| key.clone())
        .collect();
    let app = opener.open(Mode::Existing).await?;
    let (definition, state) = definition_of(&app, &project).await?;
    let event = EventId(args.event);
    let (_, fact) = state
        .fact_by_event(event)
        .ok_or_else(|| Failure::Handle(CommandError::NoSuchFact { event }.into()))?;
    let values = match definition.facts.get(&fact.fact) {
        Some(kind) if fact.declared => fields::parse(kind, &given),
        _ => fields::parse_undeclared(&given),
    }
    .map_err(|problems| Failure::Handle(CommandError::Fields { problems }.into()))?;
    let command = Command::Correct {
        event,
        fields: values,
        cleared,
        happened: args.happened.clone(),
        note: app.note(Some(&args.reason)).await?,
    };
    execute(&app, out, &project, &command, &args.by, None).await
}

pub async fn void(args: VoidArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Void {
        event: EventId(args.event),
        note: app.note(Some(&args.reason)).await?,
    };
    execute(&app, out, &project, &command, &args.by, None).await
}

/// The definition a project is bound to, and its state.
pub async fn definition_of(
    app: &App,
    project: &anju_workflows::project::event::ProjectId,
) -> Result<(Arc<Definition>, Arc<ProjectState>), Failure> {
    let state = app.handler.load(project).await?.ok_or_else(|| {
        Failure::Handle(
            CommandError::NotRegistered {
                project: project.to_string(),
            }
            .into(),
        )
    })?;
    let definition = app
        .handler
        .library()
        .definition(&state.registered.programme, &state.registered.definition)
        .await?;
    Ok((definition, state))
}

/// A fact type by its id or its name.
pub fn fact_id(definition: &Definition, word: &str) -> String {
    definition
        .facts
        .iter()
        .find(|(_, fact)| fact.name.zh == word || fact.name.en.eq_ignore_ascii_case(word))
        .map_or_else(|| word.to_owned(), |(id, _)| id.clone())
}

fn pairs(values: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut pairs = BTreeMap::new();
    for pair in values {
        let (key, value) = pair_of(pair)?;
        if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::usage(
                format!("“{key}”给了两次"),
                format!("{key:?} is given twice"),
            ));
        }
    }
    Ok(pairs)
}

/// The digest of a paper: given as such, or of a file.
pub fn document_digest(document: &str) -> Result<String, Failure> {
    if fields::is_sha256(document) {
        return Ok(document.to_owned());
    }
    let path = Path::new(document);
    let failed = |source| Failure::File {
        path: document.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(failed)?;
    Ok(hex(&hash.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
