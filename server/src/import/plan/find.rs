//! Which project a row is about, and under which programme.

use std::collections::HashSet;
use std::sync::Arc;

use anju_workflows::definition::BUILTIN_PROGRAMMES;
use anju_workflows::project::event::ProjectId;

use super::super::door::Known;
use super::super::entry::Entry;
use super::super::item::{Warning, pick, shown};
use super::super::names::{Named, Names};
use super::super::titles::Meaning;

use super::{Bound, Planner};
use crate::app::Failure;

impl Planner<'_> {
    /// A programme by id; what is newest in the log, or what this build brings.
    pub(super) async fn programme(&mut self, word: &str) -> Result<Option<Known>, Failure> {
        if let Some(known) = self.programmes.get(word) {
            return Ok(known.clone());
        }
        let known = self.door.newest(word).await?;
        self.programmes.insert(word.to_owned(), known.clone());
        Ok(known)
    }

    /// A project in the log, or in an earlier row.
    pub(super) async fn project(&mut self, id: &ProjectId) -> Result<Option<Arc<Bound>>, Failure> {
        if let Some(bound) = self.projects.get(id) {
            return Ok(bound.clone());
        }
        let bound = self.bound_in_log(id).await?;
        self.projects.insert(id.clone(), bound.clone());
        Ok(bound)
    }

    pub(super) async fn bound_in_log(&self, id: &ProjectId) -> Result<Option<Arc<Bound>>, Failure> {
        let Some(state) = self.door.load(id).await? else {
            return Ok(None);
        };
        let known = self.door.bound(&state).await?;
        Ok(Some(Arc::new(Bound {
            name: state.registered.name.clone(),
            compounds: state.registered.compounds.clone(),
            known,
        })))
    }

    /// The programme that a row names, or the one for rows that name none. Notes what is wrong.
    pub(super) async fn row_programme(
        &mut self,
        entry: &mut Entry<'_>,
        needed: bool,
    ) -> Result<Option<Known>, Failure> {
        let given = entry.text(Meaning::Programme, "programme");
        let Some(word) = given.or_else(|| self.programme.clone()) else {
            if needed {
                let place = entry.place_of(Meaning::Programme);
                let what = pick(
                    self.lang,
                    "改造计划(在“改造计划”列填写,或用 --programme 指明)",
                    "the programme (in its column, or with --programme)",
                );
                entry.missing(&place, &what);
            }
            return Ok(None);
        };
        let known = self.programme(&word).await?;
        if known.is_none() {
            let brought = BUILTIN_PROGRAMMES.join("、");
            let message = pick(
                self.lang,
                format!(
                    "没有改造计划“{}”:请先发布(anju programme publish 文件),或用自带的:{brought}",
                    shown(&word)
                ),
                format!(
                    "no programme {:?}: publish it first (anju programme publish FILE), or use one of {brought}",
                    shown(&word)
                ),
            );
            let problem = entry.place_of(Meaning::Programme).problem(message);
            entry.problem(problem);
        }
        Ok(known)
    }
    /// The names in the log, looked through once.
    pub(super) async fn take_names(&mut self) -> Result<Names, Failure> {
        if let Some(names) = self.names.take() {
            return Ok(names);
        }
        let mut names = Names::default();
        self.door
            .registrations(|project, registered| {
                let named = Named {
                    project,
                    programme: registered.programme,
                    area: registered.area,
                };
                names.add(&named, &registered.name, &registered.compounds);
            })
            .await?;
        Ok(names)
    }

    /// The project that a row is about. Notes what is wrong.
    pub(super) async fn resolve(
        &mut self,
        entry: &mut Entry<'_>,
        programme: Option<&Known>,
    ) -> Result<Option<(ProjectId, Arc<Bound>)>, Failure> {
        let id = entry.text(Meaning::Project, "project");
        let name = entry.text(Meaning::Name, "name");
        let area = entry.text(Meaning::Area, "area");
        if let Some(text) = &id
            && let Ok(id) = ProjectId::new(text.clone())
            && let Some(bound) = self.project(&id).await?
        {
            if let Some(name) = &name
                && !bears(&bound, name)
            {
                let place = entry.place_of(Meaning::Name);
                let message = pick(
                    self.lang,
                    format!(
                        "项目{id}登记的名称是“{}”,此处是“{}”:请核对是否串行",
                        bound.name,
                        shown(name)
                    ),
                    format!(
                        "project {id} is registered as {:?}, here it is {:?}: is it the right row?",
                        bound.name,
                        shown(name)
                    ),
                );
                entry.warnings.push(Warning {
                    sheet: entry.sheet.name.to_string(),
                    cell: Some(place.cell),
                    message,
                });
            }
            return Ok(Some((id, bound)));
        }
        let (meaning, word) = match (id, name) {
            (Some(id), _) => (Meaning::Project, id),
            (None, Some(name)) => (Meaning::Name, name),
            (None, None) => {
                let asked = if entry.header.column(Meaning::Project).is_some() {
                    Meaning::Project
                } else {
                    Meaning::Name
                };
                let place = entry.place_of(asked);
                let what = pick(
                    self.lang,
                    "项目编号或项目名称",
                    "the id or name of the project",
                );
                entry.missing(&place, &what);
                return Ok(None);
            }
        };
        let candidates = self.named(&word, programme, area.as_deref()).await?;
        let place = entry.place_of(meaning);
        match candidates.as_slice() {
            [one] => {
                let id = one.project.clone();
                let bound = self.project(&id).await?;
                Ok(bound.map(|bound| (id, bound)))
            }
            [] => {
                let message = match meaning {
                    Meaning::Project => pick(
                        self.lang,
                        "没有登记过此编号的项目,也没有项目或小区恰好叫此名",
                        "no project of this id is registered, and none of exactly this name",
                    ),
                    _ => pick(
                        self.lang,
                        "没有项目或小区恰好叫此名(不作近似匹配),请填项目编号",
                        "no project or compound has exactly this name (nothing is matched by likeness): give the project's id",
                    ),
                };
                entry.problem(place.problem(message));
                Ok(None)
            }
            several => {
                let list: Vec<String> = several
                    .iter()
                    .take(10)
                    .map(|named| match &named.area {
                        Some(area) => format!("{}({} {area})", named.project, named.programme),
                        None => format!("{}({})", named.project, named.programme),
                    })
                    .collect();
                let message = pick(
                    self.lang,
                    format!(
                        "有{}个项目叫此名:{};请填项目编号,或填区域",
                        several.len(),
                        list.join("、")
                    ),
                    format!(
                        "{} projects have this name: {}; give the project's id, or its area",
                        several.len(),
                        list.join(", ")
                    ),
                );
                entry.problem(place.problem(message));
                Ok(None)
            }
        }
    }

    pub(super) async fn named(
        &mut self,
        word: &str,
        programme: Option<&Known>,
        area: Option<&str>,
    ) -> Result<Vec<Named>, Failure> {
        let names = self.take_names().await?;
        let programme = programme.map(|known| known.definition.id.clone());
        let mut found: Vec<Named> = names
            .find(word, programme.as_deref())
            .into_iter()
            .cloned()
            .collect();
        self.names = Some(names);
        let Some(area) = area else {
            return Ok(found);
        };
        let mut ids: HashSet<(String, String)> = HashSet::new();
        for named in &found {
            if let Some(known) = self.programme(&named.programme).await? {
                let areas = known.definition.areas.iter();
                ids.extend(
                    areas
                        .filter(|(id, place)| {
                            *id == area
                                || place.name.zh == area
                                || place.name.en.eq_ignore_ascii_case(area)
                        })
                        .map(|(id, _)| (named.programme.clone(), id.clone())),
                );
            }
        }
        found.retain(|named| {
            named
                .area
                .as_ref()
                .is_some_and(|area| ids.contains(&(named.programme.clone(), area.clone())))
        });
        Ok(found)
    }
}

/// Whether a project, or a compound of it, bears a name.
fn bears(bound: &Bound, name: &str) -> bool {
    let others = bound
        .compounds
        .iter()
        .flat_map(|compound| std::iter::once(&compound.name).chain(&compound.aliases));
    std::iter::once(&bound.name)
        .chain(others)
        .any(|known| known.trim() == name)
}
