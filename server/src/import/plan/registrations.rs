//! Sheets of projects.

use std::sync::Arc;

use anju_engine::event::WordError;
use anju_workflows::definition::Lang;
use anju_workflows::handler::HandleError;
use anju_workflows::project::Command;
use anju_workflows::project::command::Register;
use anju_workflows::project::event::ProjectId;

use super::super::door::Known;
use super::super::entry::Entry;
use super::super::header::Header;
use super::super::item::{Intent, Item, pick, shown};
use super::super::names::Named;
use super::super::projects;
use super::super::sheet::Sheet;
use super::super::titles::Meaning;
use super::{Bound, NotPlanned, Planner};
use crate::app::Failure;

impl Planner<'_> {
    pub(super) async fn plan_projects(
        &mut self,
        sheet: &Sheet,
        header: &Header,
    ) -> Result<(), NotPlanned> {
        for row in &sheet.rows {
            let mut entry = Entry::new(sheet, header, row, self.lang);
            let shown_project = entry.place_of(Meaning::Project).value;
            let what = entry.place_of(Meaning::Name).value;
            let id = match entry.text(Meaning::Project, "project") {
                Some(text) => match ProjectId::new(text) {
                    Ok(id) => Some(id),
                    Err(error) => {
                        let problem = entry
                            .place_of(Meaning::Project)
                            .problem(bad_id(self.lang, error));
                        entry.problem(problem);
                        None
                    }
                },
                None => {
                    let place = entry.place_of(Meaning::Project);
                    let what = pick(self.lang, "项目编号", "the id of the project");
                    entry.missing(&place, &what);
                    None
                }
            };
            let known = self.row_programme(&mut entry, true).await?;
            let occurred_at = header.column(Meaning::Date).and_then(|column| {
                let place = entry.place(column);
                entry.places.put("date", place);
                entry.occurred(column, self.today)
            });
            // Without an id the rest of the row is still looked through.
            let nobody = ProjectId::new("x")
                .map_err(HandleError::from)
                .map_err(Failure::from)?;
            let register = projects::register(
                &mut entry,
                id.as_ref().unwrap_or(&nobody),
                known.as_ref().map(|known| known.definition.as_ref()),
            );
            let Entry {
                problems,
                warnings,
                places,
                ..
            } = entry;
            self.warnings.extend(warnings);
            let intent = match (id, known, register) {
                (Some(project), Some(known), Some(register)) if problems.is_empty() => {
                    let programme = known.definition.id.clone();
                    self.enter(&project, &known, &register).await?;
                    let command = Command::Register(register);
                    Ok(Intent {
                        id: self.identities.next(
                            &project,
                            Some(&programme),
                            &command,
                            occurred_at.as_ref(),
                        ),
                        project,
                        programme: Some(programme),
                        command,
                        note: None,
                        occurred_at,
                        places,
                    })
                }
                _ => Err(problems),
            };
            self.items.push(Item {
                sheet: sheet.name.clone(),
                row: row.number,
                project: shown(&shown_project),
                what: pick(
                    self.lang,
                    format!("登记 {}", shown(&what)),
                    format!("register {}", shown(&what)),
                ),
                intent,
            });
        }
        for (at, column) in header.columns.iter().enumerate() {
            if column.meaning.is_none() {
                self.unread_column(sheet, header, at);
            }
        }
        Ok(())
    }
    /// Later rows know a project that this row registers.
    async fn enter(
        &mut self,
        project: &ProjectId,
        known: &Known,
        register: &Register,
    ) -> Result<(), Failure> {
        self.entered.insert(known.definition.id.clone());
        if self.project(project).await?.is_some() {
            return Ok(());
        }
        let bound = Bound {
            name: register.name.clone(),
            compounds: register.compounds.clone(),
            known: known.clone(),
        };
        self.projects.insert(project.clone(), Some(Arc::new(bound)));
        let named = Named {
            project: project.clone(),
            programme: known.definition.id.clone(),
            area: register.area.clone(),
        };
        let mut names = self.take_names().await?;
        names.add(&named, &register.name, &register.compounds);
        self.names = Some(names);
        Ok(())
    }
}

fn bad_id(lang: Lang, error: WordError) -> String {
    pick(
        lang,
        "应为字母、数字和“-”,以字母或数字开头,最多100个",
        format!("expected {}", error.expected),
    )
}
