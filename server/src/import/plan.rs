//! From tables to commands: every row is read, its project found, its identity made.

mod find;
mod records;
mod registrations;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anju_workflows::definition::Lang;
use anju_workflows::project::event::{Compound, ProjectId};
use jiff::civil::Date;

use super::door::{Door, Known};
use super::header::{self, Header};
use super::identity::Identities;
use super::item::{Item, Warning, pick, shown};
use super::merge::{self, Passed};
use super::names::Names;
use super::sheet::{Sheet, cell_name};
use super::titles::Kind;
use super::unreadable::Unreadable;
use crate::app::Failure;

/// A project as rows need it: in the log, or registered by an earlier row of the file.
pub(super) struct Bound {
    name: String,
    compounds: Vec<Compound>,
    known: Known,
}

/// Why a file is not planned.
pub(super) enum NotPlanned {
    /// The file cannot be imported.
    Unreadable(Unreadable),
    /// The store failed.
    Store(Failure),
}

impl From<Unreadable> for NotPlanned {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Failure> for NotPlanned {
    fn from(error: Failure) -> Self {
        Self::Store(error)
    }
}

/// Turns tables into commands.
pub(super) struct Planner<'d> {
    pub door: &'d mut Door,
    pub lang: Lang,
    /// The programme for rows that name none.
    pub programme: Option<String>,
    pub today: Date,
    pub identities: Identities,
    /// What the rows ask for, in the order in which it is carried out.
    pub items: Vec<Item>,
    pub warnings: Vec<Warning>,
    /// The programmes into which projects are to be registered.
    pub entered: BTreeSet<String>,
    projects: HashMap<ProjectId, Option<Arc<Bound>>>,
    programmes: HashMap<String, Option<Known>>,
    names: Option<Names>,
}

impl<'d> Planner<'d> {
    pub(super) fn new(
        door: &'d mut Door,
        lang: Lang,
        programme: Option<String>,
        today: Date,
        origin: String,
    ) -> Self {
        Self {
            door,
            lang,
            programme,
            today,
            identities: Identities::new(origin),
            items: Vec::new(),
            warnings: Vec::new(),
            entered: BTreeSet::new(),
            projects: HashMap::new(),
            programmes: HashMap::new(),
            names: None,
        }
    }

    /// Reads every sheet with a header that is understood: projects first, wherever their sheet stands.
    pub(super) async fn plan(&mut self, sheets: Vec<(Sheet, Header)>) -> Result<(), NotPlanned> {
        let mut sheets = sheets;
        sheets.sort_by_key(|(_, header)| header.kind != Kind::Projects);
        for (mut sheet, header) in sheets {
            for (row, passed) in merge::settle(&mut sheet, &header)? {
                let message = match passed {
                    Passed::Section => pick(
                        self.lang,
                        "合并的标题行,跳过",
                        "a merged title: passed over",
                    ),
                    Passed::Total => pick(self.lang, "合计行,跳过", "a row of totals: passed over"),
                };
                self.warn(&sheet, Some(cell_name(0, row)), message);
            }
            if sheet.rows.is_empty() {
                let message = pick(self.lang, "表头下没有数据行", "no rows below the header");
                self.warn(&sheet, None, message);
            } else if header.kind == Kind::Projects {
                self.plan_projects(&sheet, &header).await?;
            } else {
                self.plan_facts(&sheet, &header).await?;
            }
        }
        Ok(())
    }

    fn warn(&mut self, sheet: &Sheet, cell: Option<String>, message: String) {
        self.warnings.push(Warning {
            sheet: sheet.name.to_string(),
            cell,
            message,
        });
    }

    fn unread_column(&mut self, sheet: &Sheet, header: &Header, at: usize) {
        let Some(column) = header.columns.get(at) else {
            return;
        };
        let title = shown(&column.title);
        let message = pick(
            self.lang,
            format!("不读取的列“{title}”"),
            format!("column {title:?} is not read"),
        );
        self.warn(sheet, Some(cell_name(column.index, header.row)), message);
    }
}

/// The sheets whose header is understood, and what to say of the others.
pub(super) struct Understood {
    pub sheets: Vec<(Sheet, Header)>,
    pub warnings: Vec<Warning>,
}

/// Looks for the header of every sheet.
///
/// # Errors
/// [`Unreadable::NoHeader`] if no sheet has one; [`Unreadable::SameColumn`] if two columns of one mean the same.
pub(super) fn understand(sheets: Vec<Sheet>, lang: Lang) -> Result<Understood, Unreadable> {
    let mut known = Vec::new();
    let mut warnings = Vec::new();
    let mut found = Vec::new();
    for sheet in sheets {
        match header::find(&sheet)? {
            Some(header) => known.push((sheet, header)),
            None => {
                found.push(header::nearest(&sheet));
                warnings.push(Warning {
                    sheet: sheet.name.to_string(),
                    cell: None,
                    message: pick(
                        lang,
                        "没有看得懂的表头,整张工作表不读取",
                        "no header that is understood: the sheet is not read",
                    ),
                });
            }
        }
    }
    if known.is_empty() {
        return Err(Unreadable::NoHeader {
            found: found.join("; "),
        });
    }
    Ok(Understood {
        sheets: known,
        warnings,
    })
}
