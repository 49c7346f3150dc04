//! What leaves the house: one notice for each step taken, and one for each step withdrawn.

mod spool;
mod text;

use anju_engine::event::{EventId, Position};
use anju_workflows::definition::{Definition, Lang};
use anju_workflows::project::event::{ProjectId, StepKey};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::escalations::{COLUMNS, Line, read};
use crate::names::{Part, area_name, rule_names, stage_name, step_name};
use crate::store::signed;
use crate::{ViewError, Views};

pub use spool::{Page, Spooled, spool, spool_new, spool_page, spooled_position};

/// One message about one step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The project's id, a dot, and the id of the event it tells of: the same on every rebuild, so that sending it
    /// twice can be noticed.
    pub id: String,
    /// Whether a step is taken or withdrawn.
    pub kind: NoticeKind,
    /// The position of the event it tells of.
    pub position: Position,
    /// The event that took the step.
    pub event: EventId,
    /// When the log learned of the event it tells of.
    pub recorded_at: Timestamp,
    /// The day of the event it tells of.
    pub on: Date,
    /// Which step.
    pub key: StepKey,
    /// The project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// The compounds it serves, by name.
    pub compounds: Vec<String>,
    /// The programme.
    pub programme: String,
    /// The programme's name.
    pub programme_name: String,
    /// The area.
    pub area: Option<String>,
    /// The area's name.
    pub area_name: Option<String>,
    /// The stage the project stood in.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// The last permitted day.
    pub due: Date,
    /// Natural days overdue on the day of the step; 0 for a step before the due day.
    pub overdue_days: i64,
    /// Working days overdue then; `null` = the calendar did not know them.
    pub overdue_working_days: Option<i64>,
    /// To whom.
    pub to: Vec<String>,
    /// The step's name: 提醒, 催办, 督办 …
    pub step_name: String,
    /// The form of the paper: 催办通知, 督办单 …; the step's name where the ladder gives none.
    pub form: String,
    /// Whether a human must sign it before it is sent.
    pub draft: bool,
    /// The last day for a reply.
    pub reply_by: Option<Date>,
    /// The deadline's id.
    pub rule: String,
    /// The deadline's name.
    pub rule_name: String,
    /// The phrase of the text the deadline comes from, or the law.
    pub rule_quote: String,
    /// The digest of the definition the step was decided by.
    pub definition: String,
    /// The paper itself, in Chinese.
    pub text_zh: String,
}

/// Whether a step is taken or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A step is taken.
    Raised,
    /// A step is withdrawn: later facts show that it was wrong.
    Withdrawn,
}

impl Views {
    /// The notices of events after a position, in the order of their positions: at most `limit`. To go on, ask after
    /// the position of the last one.
    pub async fn notices(&self, after: Position, limit: usize) -> Result<Vec<Notice>, ViewError> {
        Ok(self.outbox(after, limit).await?.1)
    }

    /// The notices, and where the views stood when they were read.
    async fn outbox(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<(Position, Vec<Notice>), ViewError> {
        let mut question = self.ask().await?;
        let (after, most) = (signed(after.0), i64::try_from(limit).unwrap_or(i64::MAX));
        let raised = outbox_rows(&mut question.rows, "e.position", after, most).await?;
        let withdrawn =
            outbox_rows(&mut question.rows, "e.withdrawn_position", after, most).await?;
        let mut names = self.names();
        let mut notices = Vec::with_capacity(raised.len() + withdrawn.len());
        for (rows, kind) in [
            (raised, NoticeKind::Raised),
            (withdrawn, NoticeKind::Withdrawn),
        ] {
            for row in rows {
                let line = read(&row)?;
                let compounds = compounds(&mut question.rows, line.project_no).await?;
                let definition = names
                    .definition(&line.programme, &line.raised.definition)
                    .await?;
                notices.extend(notice(&definition, line, kind, compounds));
            }
        }
        notices.sort_by_key(|notice| notice.position);
        notices.truncate(limit);
        Ok((question.reached.position(), notices))
    }
}

/// The rows of the ledger after a position, by one of its two columns of positions.
async fn outbox_rows(
    connection: &mut SqliteConnection,
    column: &'static str,
    after: i64,
    most: i64,
) -> Result<Vec<SqliteRow>, ViewError> {
    let mut sql = QueryBuilder::<Sqlite>::new(COLUMNS);
    sql.push(format_args!("WHERE {column} > ")).push_bind(after);
    sql.push(format_args!(" ORDER BY {column} LIMIT "))
        .push_bind(most);
    Ok(sql.build().fetch_all(connection).await?)
}

async fn compounds(
    connection: &mut SqliteConnection,
    project: i64,
) -> Result<Vec<String>, ViewError> {
    Ok(
        sqlx::query_scalar("SELECT name FROM compound WHERE project_no = ? ORDER BY ordinal")
            .bind(project)
            .fetch_all(connection)
            .await?,
    )
}

/// `None` for the withdrawal of a step that was not withdrawn.
fn notice(
    definition: &Definition,
    line: Line,
    kind: NoticeKind,
    compounds: Vec<String>,
) -> Option<Notice> {
    let (told_by, position, on, recorded_at) = match kind {
        NoticeKind::Raised => (line.event, line.position, line.raised_on, line.recorded_at),
        NoticeKind::Withdrawn => {
            let withdrawal = line.withdrawn.as_ref()?;
            (
                withdrawal.event,
                withdrawal.position,
                withdrawal.on,
                withdrawal.recorded_at,
            )
        }
    };
    let lang = Lang::Zh;
    let raised = line.raised;
    let step_name = step_name(definition, &raised.ladder, lang);
    let form = definition
        .ladder
        .get(&raised.ladder)
        .and_then(|step| step.form.as_ref())
        .map_or_else(|| step_name.clone(), |form| form.get(lang).to_owned());
    let (rule_name, rule_quote) = rule_names(
        definition,
        &raised.key.deadline,
        Part::of_step(&raised),
        lang,
    );
    let mut notice = Notice {
        id: format!("{}.{told_by}", line.project),
        kind,
        position: Position(position),
        event: line.event,
        recorded_at,
        on,
        project: line.project,
        name: line.project_name,
        compounds,
        programme: line.programme,
        programme_name: definition.name.get(lang).to_owned(),
        area_name: area_name(definition, line.area.as_deref(), lang),
        area: line.area,
        stage_name: stage_name(definition, &raised.stage, lang),
        stage: raised.stage,
        due: raised.due,
        overdue_days: line.overdue_days,
        overdue_working_days: line.overdue_working_days,
        to: raised.to,
        step_name,
        form,
        draft: raised.draft,
        reply_by: raised.reply_by,
        rule: raised.key.deadline.clone(),
        rule_name,
        rule_quote,
        definition: raised.definition,
        key: raised.key,
        text_zh: String::new(),
    };
    notice.text_zh = text::paper(definition, &notice, line.raised_on);
    Some(notice)
}
