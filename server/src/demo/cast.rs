//! Who plays: the programmes, and the projects of their lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anju_workflows::definition::{
    BUILTIN_PROGRAMMES, Definition, Gravity, Parsed, PlanDay, Problem, Relevance, lint, parse,
    parse_builtin,
};
use anju_workflows::project::event::Compound;
use anju_workflows::project::fields::parse_day;
use anju_workflows::publish::hex;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::dice::Dice;
use crate::app::Failure;
use crate::cli::programme::file_resolver;

/// The year that a masked programme is bound to, marked as assumed.
pub const ASSUMED_YEAR: i16 = 2021;

const PROJECTS: &str = include_str!("../../../workflows/programmes/lists/projects.csv");
const COUNTED: &str = include_str!("../../../workflows/programmes/lists/counted.csv");

/// A programme that plays.
pub struct Programme {
    /// Its definition, the year bound.
    pub definition: Definition,
    /// The files it was written in.
    pub sources: BTreeMap<String, String>,
    /// Its projects.
    pub projects: Vec<Role>,
}

/// A project that plays.
#[derive(Clone, Debug)]
pub struct Role {
    pub id: String,
    pub name: String,
    pub area: Option<String>,
    pub track: Option<String>,
    pub category: Option<String>,
    pub aliases: Vec<String>,
    pub adopt: Option<String>,
    pub plan: BTreeMap<PlanDay, Date>,
    pub counted: bool,
    /// Which of its allotment it is, if it is counted.
    pub number: i64,
    /// The mean over the allotment it stands for, where the text gives totals.
    pub mean: Mean,
}

/// What a project of an allotment has on the average.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean {
    pub households: Option<i64>,
    pub buildings: Option<i64>,
    pub area_m2: Option<i64>,
}

/// The nine programmes with the projects of their lists.
pub fn builtin() -> Result<Vec<Programme>, Failure> {
    let mut programmes = Vec::new();
    for id in BUILTIN_PROGRAMMES.iter().filter(|id| **id != "standard") {
        programmes.push(programme(parse_builtin(id).map_err(Failure::Definition)?)?);
    }
    let mut lists = read_projects(PROJECTS, "projects.csv")?;
    lists.extend(read_counted(COUNTED)?);
    for (programme_id, role) in lists {
        if let Some(programme) = programmes
            .iter_mut()
            .find(|p| p.definition.id == programme_id)
        {
            let role = role.named_after_its_area(&programme.definition);
            programme.projects.push(role);
        }
    }
    Ok(programmes)
}

/// Programmes from files; the list beside `plan.yaml` is `plan.projects.csv`, and without one a few projects are
/// counted for each of its areas.
pub fn from_files(files: &[PathBuf], seed: u64) -> Result<Vec<Programme>, Failure> {
    files.iter().map(|file| from_file(file, seed)).collect()
}

fn from_file(file: &Path, seed: u64) -> Result<Programme, Failure> {
    let failed = |source| Failure::File {
        path: file.display().to_string(),
        source,
    };
    let text = crate::cli::programme::read_text(file)?;
    let parsed = parse(&text, &file.display().to_string(), &file_resolver(file))
        .map_err(Failure::Definition)?;
    let mut programme = programme(parsed)?;
    let list = file.with_extension("projects.csv");
    if list.exists() {
        let text = std::fs::read_to_string(&list).map_err(failed)?;
        for (programme_id, role) in read_projects(&text, &list.display().to_string())? {
            if programme_id == programme.definition.id {
                programme.projects.push(role);
            }
        }
    } else {
        programme.projects = counted_for(&programme.definition, seed);
    }
    Ok(programme)
}

/// Lints a definition and binds a masked year.
fn programme(parsed: Parsed) -> Result<Programme, Failure> {
    let problems: Vec<Problem> = lint(&parsed)
        .into_iter()
        .filter(|problem| problem.severity == Gravity::Error)
        .collect();
    if !problems.is_empty() {
        return Err(Failure::Definition(problems));
    }
    let sources = crate::app::sources(&parsed);
    let mut definition = parsed.definition;
    definition.assume_year(ASSUMED_YEAR);
    Ok(Programme {
        definition,
        sources,
        projects: Vec::new(),
    })
}

/// A few unnamed projects for each area and core track of a programme without a list.
fn counted_for(definition: &Definition, seed: u64) -> Vec<Role> {
    let mut dice = Dice::new(seed, &definition.id);
    let parents: Vec<&String> = definition
        .areas
        .values()
        .filter_map(|a| a.parent.as_ref())
        .collect();
    let leaves: Vec<Option<String>> = if definition.areas.is_empty() {
        vec![None]
    } else {
        definition
            .areas
            .keys()
            .filter(|id| !parents.contains(id))
            .map(|id| Some(id.clone()))
            .collect()
    };
    let mut tracks: Vec<Option<String>> = definition
        .tracks
        .iter()
        .filter(|(_, track)| track.relevance == Relevance::Core)
        .map(|(id, _)| Some(id.clone()))
        .collect();
    if tracks.is_empty() {
        tracks = match definition.tracks.keys().next() {
            Some(first) => vec![Some(first.clone())],
            None => vec![None],
        };
    }
    let mut roles = Vec::new();
    for area in &leaves {
        for track in &tracks {
            for _ in 0..dice.between(3, 8) {
                let number = i64::try_from(roles.len()).unwrap_or(i64::MAX) + 1;
                roles.push(
                    Role {
                        id: format!("{}-{number:03}", definition.id),
                        name: String::new(),
                        area: area.clone(),
                        track: track.clone(),
                        category: None,
                        aliases: Vec::new(),
                        adopt: None,
                        plan: BTreeMap::new(),
                        counted: true,
                        number,
                        mean: Mean::default(),
                    }
                    .named_after_its_area(definition),
                );
            }
        }
    }
    roles
}

fn bad_list(file: &str, line: u64, what: &str) -> Failure {
    Failure::usage(
        format!("{file}:第{line}行:{what}"),
        format!("{file}:{line}: {what}"),
    )
}

fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

struct Row<'a> {
    file: &'a str,
    line: u64,
    head: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn get(&self, column: &str) -> Option<String> {
        let index = self.head.iter().position(|name| name == column)?;
        some(self.record.get(index)?)
    }

    fn need(&self, column: &str) -> Result<String, Failure> {
        self.get(column)
            .ok_or_else(|| bad_list(self.file, self.line, &format!("{column} is missing")))
    }

    fn number(&self, column: &str) -> Result<Option<i64>, Failure> {
        self.get(column)
            .map(|text| {
                text.parse::<i64>().map_err(|_| {
                    bad_list(
                        self.file,
                        self.line,
                        &format!("{column} {text:?}: expected a whole number"),
                    )
                })
            })
            .transpose()
    }
}

fn rows<T>(
    text: &str,
    file: &str,
    mut each: impl FnMut(Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader
        .headers()
        .map_err(|e| bad_list(file, 1, &e.to_string()))?
        .clone();
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().map_or(0, csv::Position::line);
            bad_list(file, line, &e.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        found.push(each(Row {
            file,
            line,
            head: &head,
            record: &record,
        })?);
    }
    Ok(found)
}

fn read_projects(text: &str, file: &str) -> Result<Vec<(String, Role)>, Failure> {
    rows(text, file, |row| {
        let mut plan = BTreeMap::new();
        for (column, what) in [
            ("planned_consultation", PlanDay::Consultation),
            ("planned_design", PlanDay::Design),
            ("planned_start", PlanDay::Start),
            ("planned_finish", PlanDay::Finish),
            ("planned_acceptance", PlanDay::Acceptance),
        ] {
            if let Some(text) = row.get(column) {
                let day = parse_day(&text).ok_or_else(|| {
                    bad_list(
                        file,
                        row.line,
                        &format!("{column} {text:?}: expected a day"),
                    )
                })?;
                plan.insert(what, day);
            }
        }
        let role = Role {
            id: row.need("id")?,
            name: row.need("name")?,
            area: row.get("area"),
            track: row.get("track"),
            category: row.get("category"),
            aliases: row
                .get("aliases")
                .map(|aliases| aliases.split('、').map(str::to_owned).collect())
                .unwrap_or_default(),
            adopt: row.get("adopted_in"),
            plan,
            counted: false,
            number: 0,
            mean: Mean::default(),
        };
        Ok((row.need("programme")?, role))
    })
}

fn read_counted(text: &str) -> Result<Vec<(String, Role)>, Failure> {
    let groups = rows(text, "counted.csv", |row| {
        let programme = row.need("programme")?;
        let allotment = row.need("allotment")?;
        let count = row.number("count")?.unwrap_or(0);
        let mean = |total: Option<i64>| total.filter(|_| count > 0).map(|total| total / count);
        let mean = Mean {
            households: mean(row.number("households")?),
            buildings: mean(row.number("buildings")?),
            area_m2: mean(row.number("area_m2")?),
        };
        let (track, area) = (row.get("track"), row.get("area"));
        Ok((1..=count)
            .map(|number| {
                let role = Role {
                    id: format!("{programme}-{allotment}-{number:03}"),
                    name: String::new(),
                    area: area.clone(),
                    track: track.clone(),
                    category: None,
                    aliases: Vec::new(),
                    adopt: None,
                    plan: BTreeMap::new(),
                    counted: true,
                    number,
                    mean,
                };
                (programme.clone(), role)
            })
            .collect::<Vec<_>>())
    })?;
    Ok(groups.into_iter().flatten().collect())
}

impl Role {
    /// A counted project has no name of its own: its area and number stand for one.
    fn named_after_its_area(mut self, definition: &Definition) -> Self {
        if self.counted {
            let area = self
                .area
                .as_ref()
                .and_then(|area| definition.areas.get(area));
            let place = area.map_or("", |area| area.name.zh.as_str());
            self.name = format!("{place}第{}号小区(计数)", self.number);
        }
        self
    }

    /// The compound it renovates. Its figures are what a survey will find; a list that states none registers none.
    #[must_use]
    pub fn compound(&self) -> Compound {
        Compound {
            id: format!("{}-c1", self.id),
            name: self.name.clone(),
            aliases: self.aliases.clone(),
            households: None,
            buildings: None,
            area_m2: None,
        }
    }
}

/// What makes a demo this demo: the seed, the definitions and the lists.
#[must_use]
pub fn fingerprint(programmes: &[Programme], seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for programme in programmes {
        hash.update(programme.definition.digest().as_bytes());
        for role in &programme.projects {
            hash.update(role.id.as_bytes());
            hash.update([0]);
        }
    }
    hex(&hash.finalize())[..16].to_owned()
}
