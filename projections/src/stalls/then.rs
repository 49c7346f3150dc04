//! What was stalled on a day before the latest event: each project folded as it stood then.

use std::cmp::Reverse;

use anju_workflows::calendar::Calendar;
use anju_workflows::project::Status;
use anju_workflows::project::event::ProjectId;
use jiff::civil::Date;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::stall::{Subject, stall};
use super::{Counts, StallQuery, Stalled, StalledProject};
use crate::rows::DeadlineLine;
use crate::views::Question;
use crate::{ViewError, Views, history};

pub(super) async fn stalled(
    views: &Views,
    question: &mut Question,
    query: &StallQuery,
    calendar: &Calendar,
    as_of: Date,
) -> Result<Stalled, ViewError> {
    let position = question.reached.position();
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT project, programme, definition, area FROM project WHERE registered_on <= ",
    );
    sql.push_bind(as_of.to_string());
    if let Some(programme) = &query.programme {
        sql.push(" AND programme = ").push_bind(programme.clone());
    }
    let mut names = views.names();
    let mut counts = Counts::default();
    let mut first = First::new(query);
    let mut suspended = 0;
    for row in sql.build().fetch_all(&mut *question.rows).await? {
        let project = ProjectId::new(row.try_get::<String, _>("project")?)?;
        let programme: String = row.try_get("programme")?;
        let digest: String = row.try_get("definition")?;
        let definition = names.definition(&programme, &digest).await?;
        let area: Option<String> = row.try_get("area")?;
        if !query.is_about(&programme, &definition, area.as_deref()) {
            continue;
        }
        let events = history::read(&**views.handler().log(), &project, position).await?;
        let Some(state) = history::fold(&project, &events, as_of) else {
            continue;
        };
        match state.status {
            Status::Withdrawn => continue,
            Status::Suspended => suspended += 1,
            Status::Active | Status::Completed => {}
        }
        let lines = DeadlineLine::all(&definition, calendar, &state);
        let subject = Subject::from(state);
        for line in lines {
            let found = stall(
                &definition,
                calendar,
                subject.clone(),
                &line,
                as_of,
                query.lang,
            );
            if let Some(found) = found {
                counts.add(&found.programme, found.area.as_deref(), found.lamp, 1);
                if query.wants(found.lamp) {
                    first.add(found);
                }
            }
        }
    }
    let (total, stalled) = first.page();
    Ok(Stalled {
        position,
        as_of,
        total,
        counts: counts.list(),
        stalled,
        suspended,
    })
}

/// The first ones in order, and no more than a page needs.
struct First {
    skip: usize,
    wanted: usize,
    total: u64,
    found: Vec<StalledProject>,
}

impl First {
    fn new(query: &StallQuery) -> Self {
        Self {
            skip: query.skip,
            wanted: query
                .limit
                .map_or(usize::MAX, |limit| query.skip.saturating_add(limit)),
            total: 0,
            found: Vec::new(),
        }
    }

    fn add(&mut self, found: StalledProject) {
        self.total += 1;
        self.found.push(found);
        if self.found.len() > self.wanted.saturating_mul(2).max(1_000) {
            self.cut();
        }
    }

    /// The sort is stable: what is found of one project stays in the order of its parts.
    fn cut(&mut self) {
        self.found.sort_by(|a, b| {
            (Reverse(a.overdue_days), &a.project).cmp(&(Reverse(b.overdue_days), &b.project))
        });
        self.found.truncate(self.wanted);
    }

    fn page(mut self) -> (u64, Vec<StalledProject>) {
        self.cut();
        let skip = self.skip.min(self.found.len());
        (self.total, self.found.split_off(skip))
    }
}
