//! Sheets of facts, and ledgers.

use std::collections::BTreeSet;

use anju_engine::event::OccurredAt;
use anju_workflows::project::Command;
use anju_workflows::project::event::ProjectId;

use super::super::door::Known;
use super::super::entry::Entry;
use super::super::facts::{self, Basis, Fact};
use super::super::header::Header;
use super::super::item::{Intent, Item, Places, pick, shown};
use super::super::ledger;
use super::super::sheet::Sheet;
use super::super::titles::{Kind, Meaning};
use super::super::unreadable::Unreadable;
use super::super::words::Lexicon;
use super::{NotPlanned, Planner};
use crate::app::Failure;

impl Planner<'_> {
    pub(super) async fn plan_facts(
        &mut self,
        sheet: &Sheet,
        header: &Header,
    ) -> Result<(), NotPlanned> {
        // What a column means depends on the definitions that the projects of all rows are bound to. The rows are
        // gone through twice rather than kept half read: there may be a million.
        let mut lexicon = Lexicon::default();
        for row in &sheet.rows {
            let mut entry = Entry::new(sheet, header, row, self.lang);
            if let (_, Some(known)) = self.basis(&mut entry).await? {
                lexicon.words(sheet, header, &known)?;
            }
        }
        let mut undeclared = BTreeSet::new();
        for row in &sheet.rows {
            let mut entry = Entry::new(sheet, header, row, self.lang);
            let (project, known) = self.basis(&mut entry).await?;
            self.plan_row(
                entry,
                project,
                known.as_ref(),
                &mut lexicon,
                &mut undeclared,
            )?;
        }
        for (at, column) in header.columns.iter().enumerate() {
            let key = anju_engine::event::is_key(&column.word);
            let read = column.meaning.is_some()
                || lexicon.knows(at).unwrap_or(true)
                || header.kind == Kind::Facts && key && !undeclared.is_empty();
            if !read {
                self.unread_column(sheet, header, at);
            }
        }
        for fact in undeclared {
            let message = pick(
                self.lang,
                format!("流程定义没有事实类型“{fact}”,按其他事实登记,不参与判断"),
                format!(
                    "the definition declares no fact type {fact:?}; recorded as another fact, counted for nothing"
                ),
            );
            self.warn(sheet, None, message);
        }
        Ok(())
    }

    /// The project of a row, and the definition by which its fields are read: its project's, or, if that is not
    /// known, its programme's.
    async fn basis(
        &mut self,
        entry: &mut Entry<'_>,
    ) -> Result<(Option<ProjectId>, Option<Known>), Failure> {
        let programme = self.row_programme(entry, false).await?;
        Ok(match self.resolve(entry, programme.as_ref()).await? {
            Some((project, bound)) => (Some(project), Some(bound.known.clone())),
            None => (None, programme),
        })
    }

    fn plan_row(
        &mut self,
        mut entry: Entry<'_>,
        project: Option<ProjectId>,
        known: Option<&Known>,
        lexicon: &mut Lexicon,
        undeclared: &mut BTreeSet<String>,
    ) -> Result<(), Unreadable> {
        let (sheet, header) = (entry.sheet, entry.header);
        let given = [Meaning::Project, Meaning::Name]
            .into_iter()
            .map(|meaning| entry.place_of(meaning).value)
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        let named = project
            .as_ref()
            .map_or_else(|| shown(&given), ToString::to_string);
        let words = match known {
            Some(known) => Some(lexicon.words(sheet, header, known)?),
            None => None,
        };
        let basis = match (known, &words) {
            (Some(known), Some(words)) => Some(Basis {
                known,
                words,
                today: self.today,
            }),
            _ => None,
        };
        if header.kind == Kind::Facts {
            let what = shown(&entry.place_of(Meaning::Fact).value);
            if basis.is_none() {
                facts::without_definition(&mut entry, self.today);
            }
            let fact = basis.as_ref().and_then(|basis| {
                facts::of_row(&mut entry, basis, undeclared, |at| {
                    lexicon.knows(at).unwrap_or(false)
                })
            });
            self.push(entry, project.as_ref(), named, what, fact, known);
            return Ok(());
        }
        let (Some(project), Some(basis)) = (&project, &basis) else {
            self.push(entry, None, named, String::new(), None, known);
            return Ok(());
        };
        self.warnings.append(&mut entry.warnings);
        for at in 0..header.columns.len() {
            self.foreign_cell(&mut entry, basis, lexicon, at);
        }
        if !entry.problems.is_empty() {
            self.push(entry, None, named, String::new(), None, known);
            return Ok(());
        }
        for id in ledger::facts_in(&entry, basis.words) {
            let mut own = Entry::new(sheet, header, entry.row, self.lang);
            own.places.clone_from(&entry.places);
            let fact = ledger::read(&mut own, basis, &id);
            let what = basis
                .known
                .definition
                .facts
                .get(&id)
                .map_or_else(|| id.clone(), |fact| fact.name.get(self.lang).to_owned());
            self.push(own, Some(project), named.clone(), what, fact, known);
        }
        Ok(())
    }

    /// A ledger's column that only other projects' programmes know may hold nothing in this row.
    fn foreign_cell(&self, entry: &mut Entry<'_>, basis: &Basis<'_>, lexicon: &Lexicon, at: usize) {
        let header = entry.header;
        let Some(column) = header.columns.get(at) else {
            return;
        };
        let foreign =
            column.meaning.is_none() && lexicon.knows(at) == Some(true) && !basis.words.knows(at);
        if foreign && entry.holds(column) {
            let programme = &basis.known.definition.id;
            let message = pick(
                self.lang,
                format!("改造计划{programme}没有此列的事实或字段"),
                format!("programme {programme} knows no such fact or field"),
            );
            let problem = entry.place(column).problem(message);
            entry.problem(problem);
        }
    }

    /// Adds what a row asks for, or what is wrong with it.
    fn push(
        &mut self,
        entry: Entry<'_>,
        project: Option<&ProjectId>,
        named: String,
        what: String,
        fact: Option<Fact>,
        known: Option<&Known>,
    ) {
        let Entry {
            sheet,
            row,
            problems,
            warnings,
            mut places,
            ..
        } = entry;
        self.warnings.extend(warnings);
        let (what, intent) = match (project, fact) {
            (Some(project), Some(fact)) if problems.is_empty() => {
                let kind = known.and_then(|known| known.definition.facts.get(&fact.fact));
                let line = facts::line(&fact, kind, self.lang);
                // Its values were looked at; a decision may still object to these.
                places.retain(|name| matches!(name, "project" | "name" | "fact type"));
                (line, Ok(self.intent(project, fact, places)))
            }
            _ => (what, Err(problems)),
        };
        self.items.push(Item {
            sheet: sheet.name.clone(),
            row: row.number,
            project: named,
            what,
            intent,
        });
    }

    fn intent(&mut self, project: &ProjectId, fact: Fact, places: Places) -> Intent {
        let occurred_at: Option<OccurredAt> = Some(fact.occurred_at);
        let command = Command::Record {
            fact: fact.fact,
            fields: fact.fields,
            documents: Vec::new(),
            note: None,
        };
        Intent {
            id: self
                .identities
                .next(project, None, &command, occurred_at.as_ref()),
            project: project.clone(),
            programme: None,
            command,
            note: fact.note,
            occurred_at,
            places,
        }
    }
}
