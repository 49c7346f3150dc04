//! What the forms send: one command each, done once however often it is sent.

use anju_engine::event::{CommandId, OccurredAt, Position, Source};
use anju_engine::log::{AppendError, EventLog};
use anju_workflows::handler::{HandleError, Request};
use anju_workflows::project::Command;
use anju_workflows::project::command::{LotCommand, OrderCommand};
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::event::ProjectId;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Drafts, Project, project_id};
use crate::app::{Failure, actor};
use crate::notes::NotesError;
use crate::web::form::{Draft, Filled, Pairs, Place, read_day};
use crate::web::trouble::Trouble;
use crate::web::visit::{Visit, address};
use crate::web::{Shared, Site, submit_role, words};

type Posted = Result<Form<Vec<(String, String)>>, FormRejection>;

/// What became of a command.
enum Done {
    /// It is recorded, with its last event here; `again`: it was recorded before.
    Recorded { position: Position, again: bool },
    /// It is not; the same form may be mended, or sent again.
    Refused(Failure),
}

/// Records a fact.
pub(in crate::web) async fn record(
    State(site): State<Shared>,
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Response {
    match recorded(&site, &visit, id, form).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

/// Asks for the next transition.
pub(in crate::web) async fn advance(
    State(site): State<Shared>,
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Response {
    match advanced(&site, &visit, id, form).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

/// Dispatches an order, or does something with one.
pub(in crate::web) async fn order(
    State(site): State<Shared>,
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Response {
    match ordered(&site, &visit, id, form).await {
        Ok(response) => response,
        Err(trouble) => trouble.page(&site, &visit).await,
    }
}

fn pairs(form: Posted) -> Result<Pairs, Trouble> {
    match form {
        Ok(Form(pairs)) => Ok(Pairs(pairs)),
        Err(rejection) => Err(Trouble::BadForm(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        })),
    }
}

async fn recorded(
    site: &Shared,
    visit: &Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Result<Response, Trouble> {
    let id = project_id(id)?;
    let pairs = pairs(form)?;
    let minted = pairs
        .minted()
        .ok_or(Trouble::BadForm(StatusCode::BAD_REQUEST))?;
    let command_id = pairs.command_id(minted, "record", &id);
    let project = Project::load(site, visit, &id).await?;
    let mut draft = Draft::of(&pairs);
    let Some(kind) = project.definition.facts.get(&draft.fact) else {
        draft.whole(
            visit
                .pick(
                    "流程定义没有这类事实，请重新选择。",
                    "The definition has no such fact; choose another.",
                )
                .to_owned(),
        );
        return project
            .refuse_record(site, visit, draft, StatusCode::UNPROCESSABLE_ENTITY)
            .await;
    };
    let Some(filled) = draft.read(kind, visit) else {
        return project
            .refuse_record(site, visit, draft, StatusCode::UNPROCESSABLE_ENTITY)
            .await;
    };
    let failure = match carry_out_record(site, &id, command_id, &draft, filled).await? {
        Done::Recorded { position, again } => return Ok(see(&id, position, again)),
        Done::Refused(failure) => failure,
    };
    let status = match &failure {
        Failure::Handle(HandleError::Command(CommandError::Fields { problems })) => {
            for problem in problems {
                draft.field_problem(kind, problem.clone(), visit.lang);
            }
            StatusCode::UNPROCESSABLE_ENTITY
        }
        other => {
            let (place, status) = place_of(other);
            draft.problems.push((place, message(other, visit)));
            status
        }
    };
    project.refuse_record(site, visit, draft, status).await
}

async fn advanced(
    site: &Shared,
    visit: &Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Result<Response, Trouble> {
    let id = project_id(id)?;
    let pairs = pairs(form)?;
    let minted = pairs
        .minted()
        .ok_or(Trouble::BadForm(StatusCode::BAD_REQUEST))?;
    let command_id = pairs.command_id(minted, "advance", &id);
    let project = Project::load(site, visit, &id).await?;
    let mut draft = Draft::of(&pairs);
    let occurred = match read_day(&draft.occurred, visit) {
        Ok(occurred) => occurred,
        Err(problem) => {
            draft.problems.push(problem);
            return project
                .refuse_advance(site, visit, draft, StatusCode::UNPROCESSABLE_ENTITY)
                .await;
        }
    };
    let to = pairs.one("to");
    let lot = pairs.one("lot");
    let command = if lot.is_empty() {
        Command::Advance {
            to: (!to.is_empty()).then(|| to.to_owned()),
        }
    } else {
        Command::Lot(LotCommand::Advance {
            lot: lot.to_owned(),
        })
    };
    match carry_out(site, &id, command_id, &command, (None, occurred)).await? {
        Done::Recorded { position, again } => Ok(see(&id, position, again)),
        Done::Refused(failure) => {
            let (place, status) = place_of(&failure);
            draft.problems.push((place, message(&failure, visit)));
            if lot.is_empty() {
                return project.refuse_advance(site, visit, draft, status).await;
            }
            let drafts = Drafts {
                lots: Some(draft),
                ..Drafts::default()
            };
            project.answer(site, visit, &drafts, status).await
        }
    }
}

async fn ordered(
    site: &Shared,
    visit: &Visit,
    id: Result<Path<String>, PathRejection>,
    form: Posted,
) -> Result<Response, Trouble> {
    let id = project_id(id)?;
    let pairs = pairs(form)?;
    let minted = pairs
        .minted()
        .ok_or(Trouble::BadForm(StatusCode::BAD_REQUEST))?;
    let command_id = pairs.command_id(minted, "order", &id);
    let project = Project::load(site, visit, &id).await?;
    let mut draft = Draft::of(&pairs);
    for key in ["order", "unit", "to", "about", "lot", "due"] {
        let typed = vec![pairs.one(key).to_owned()];
        draft.values.insert(key.to_owned(), typed);
    }
    let failure = match carry_out_order(site, &id, command_id, &pairs, visit).await? {
        Ok(Done::Recorded { position, again }) => return Ok(see(&id, position, again)),
        Ok(Done::Refused(failure)) => {
            let (place, status) = place_of(&failure);
            draft.problems.push((place, message(&failure, visit)));
            status
        }
        Err(problem) => {
            draft.problems.push(problem);
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    let drafts = Drafts {
        orders: Some(draft),
        ..Drafts::default()
    };
    project.answer(site, visit, &drafts, failure).await
}

/// Reads the form of an order, keeps its text, and sends the command. A form that was sent before keeps no second text.
async fn carry_out_order(
    site: &Site,
    project: &ProjectId,
    command_id: CommandId,
    pairs: &Pairs,
    visit: &Visit,
) -> Result<Result<Done, (Place, String)>, Trouble> {
    let occurred = match read_day(pairs.one("occurred"), visit) {
        Ok(occurred) => occurred,
        Err(problem) => return Ok(Err(problem)),
    };
    let due = match read_day(pairs.one("due"), visit) {
        Ok(due) => due.map(|due| due.day()),
        Err(problem) => return Ok(Err(problem)),
    };
    if let Some(done) = known(site, command_id).await? {
        return Ok(Ok(done));
    }
    let given = |key: &str| {
        let text = pairs.one(key);
        (!text.is_empty()).then(|| text.to_owned())
    };
    let number: u32 = pairs.one("order").parse().unwrap_or(0);
    let note = match site.app.note(given("note").as_deref()).await {
        Ok(note) => note,
        Err(failure) => return refused(failure).map(Ok),
    };
    let documents = Vec::new();
    let order = match pairs.one("action") {
        "dispatch" => OrderCommand::Dispatch {
            to: pairs.one("to").to_owned(),
            about: pairs.one("about").to_owned(),
            due,
            lot: given("lot"),
            note,
        },
        "reply" => OrderCommand::Reply {
            order: number,
            documents,
            note,
        },
        "close" => OrderCommand::Close {
            order: number,
            documents,
            note,
        },
        "reopen" => OrderCommand::Reopen {
            order: number,
            due,
            note,
        },
        _ => return Err(Trouble::BadForm(StatusCode::BAD_REQUEST)),
    };
    let command = Command::Order(order);
    carry_out(
        site,
        project,
        command_id,
        &command,
        (given("unit"), occurred),
    )
    .await
    .map(Ok)
}

/// Keeps the note, if there is one, then records the fact. A form that was recorded before keeps no second note.
async fn carry_out_record(
    site: &Site,
    project: &ProjectId,
    command_id: CommandId,
    draft: &Draft,
    filled: Filled,
) -> Result<Done, Trouble> {
    if let Some(done) = known(site, command_id).await? {
        return Ok(done);
    }
    let note = match site.app.note(Some(&draft.note)).await {
        Ok(note) => note,
        Err(failure) => return refused(failure),
    };
    let command = Command::Record {
        fact: draft.fact.clone(),
        fields: filled.fields,
        documents: Vec::new(),
        note,
    };
    carry_out(site, project, command_id, &command, (None, filled.occurred)).await
}

async fn carry_out(
    site: &Site,
    project: &ProjectId,
    command_id: CommandId,
    command: &Command,
    (unit, occurred_at): (Option<String>, Option<OccurredAt>),
) -> Result<Done, Trouble> {
    let request = Request {
        command_id,
        actor: actor(submit_role(), unit.as_deref(), None, None)?,
        source: Source::Screen,
        occurred_at,
    };
    match site
        .app
        .handler
        .execute(project, None, command, &request)
        .await
    {
        Ok(outcome) => Ok(Done::Recorded {
            position: outcome.position,
            again: outcome.repeated,
        }),
        // The id stands for the form's content, so the other request is this very form, sent at the same moment; only
        // the salt of its note differs.
        Err(HandleError::Append(AppendError::CommandReused { .. })) => {
            match known(site, command_id).await? {
                Some(done) => Ok(done),
                None => Err(Trouble::TooSlow),
            }
        }
        Err(error) => refused(error.into()),
    }
}

/// What the log holds of a command already.
async fn known(site: &Site, command_id: CommandId) -> Result<Option<Done>, Trouble> {
    let found = site
        .app
        .log
        .find_command(command_id)
        .await
        .map_err(Failure::from)?;
    Ok(found.map(|known| Done::Recorded {
        position: known.last,
        again: true,
    }))
}

/// What the one who filled in the form can do something about comes back with it; the rest is trouble.
fn refused(failure: Failure) -> Result<Done, Trouble> {
    let mendable = matches!(
        failure,
        Failure::Handle(HandleError::Command(_)) | Failure::Notes(NotesError::TooLong { .. })
    );
    if mendable || failure.is_passing() {
        Ok(Done::Refused(failure))
    } else {
        Err(failure.into())
    }
}

/// Where on the form a failure belongs, and the status of the answer.
fn place_of(failure: &Failure) -> (Place, StatusCode) {
    match failure {
        Failure::Handle(HandleError::Command(
            CommandError::InTheFuture { .. } | CommandError::BeforePrevious { .. },
        )) => (Place::Occurred, StatusCode::UNPROCESSABLE_ENTITY),
        Failure::Notes(NotesError::TooLong { .. }) => {
            (Place::Note, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Failure::Handle(HandleError::Command(CommandError::NotPermitted { .. })) => {
            (Place::Whole, StatusCode::FORBIDDEN)
        }
        failure if failure.is_passing() => (Place::Whole, StatusCode::SERVICE_UNAVAILABLE),
        _ => (Place::Whole, StatusCode::UNPROCESSABLE_ENTITY),
    }
}

fn message(failure: &Failure, visit: &Visit) -> String {
    words::typeset(&failure.message(visit.lang), visit.lang)
}

/// To the project's page, where the record is shown.
fn see(project: &ProjectId, position: Position, again: bool) -> Response {
    let position = position.to_string();
    let mut query = vec![("done", position.as_str())];
    if again {
        query.push(("again", "1"));
    }
    let to = format!("{}#done", address(&format!("/project/{project}"), query));
    match HeaderValue::from_str(&to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        // An id is ASCII and the rest is encoded.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Project {
    async fn refuse_record(
        &self,
        site: &Site,
        visit: &Visit,
        draft: Draft,
        status: StatusCode,
    ) -> Result<Response, Trouble> {
        let drafts = Drafts {
            record: Some(draft),
            ..Drafts::default()
        };
        self.answer(site, visit, &drafts, status).await
    }

    async fn refuse_advance(
        &self,
        site: &Site,
        visit: &Visit,
        draft: Draft,
        status: StatusCode,
    ) -> Result<Response, Trouble> {
        let drafts = Drafts {
            advance: Some(draft),
            ..Drafts::default()
        };
        self.answer(site, visit, &drafts, status).await
    }
}
