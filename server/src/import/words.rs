//! Which column holds which field of which fact, under the definitions that the projects of a sheet are bound to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anju_workflows::definition::{Definition, FactType};

use super::door::Known;
use super::header::{Header, same_column};
use super::sheet::Sheet;
use super::titles::{Kind, dotted, fits, fold};
use super::unreadable::Unreadable;

/// What a ledger's column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// When the fact happened.
    Date,
    /// Its note.
    Note,
    /// A field, and what the unit in the title adds to a bare number.
    Field(String, &'static str),
}

/// What a column of a ledger means: which fact, and what of it.
pub(super) type Spot = (String, Target);

/// The columns of one sheet under one definition.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Ids and names of fact types as compared → id.
    pub facts: HashMap<String, String>,
    /// In a sheet of facts: fact → place in the header → field and suffix.
    pub fields: HashMap<String, BTreeMap<usize, (String, &'static str)>>,
    /// In a ledger: place in the header → what it holds.
    pub spots: BTreeMap<usize, Spot>,
}

impl Words {
    /// Understands the columns of a sheet.
    ///
    /// # Errors
    /// [`Unreadable::SameColumn`] if two columns hold the same field of the same fact.
    pub(super) fn of(
        sheet: &Sheet,
        header: &Header,
        definition: &Definition,
    ) -> Result<Self, Unreadable> {
        let mut words = Self::default();
        for (id, fact) in &definition.facts {
            for name in [&fact.name.zh, &fact.name.en] {
                words.facts.entry(fold(name)).or_insert_with(|| id.clone());
            }
        }
        // An id is meant before any name.
        for id in definition.facts.keys() {
            words.facts.insert(id.clone(), id.clone());
        }
        match header.kind {
            Kind::Projects => {}
            Kind::Facts => words.of_facts(sheet, header, definition)?,
            Kind::Ledger => words.of_ledger(sheet, header, definition)?,
        }
        Ok(words)
    }

    fn of_facts(
        &mut self,
        sheet: &Sheet,
        header: &Header,
        definition: &Definition,
    ) -> Result<(), Unreadable> {
        for (id, fact) in &definition.facts {
            let mut columns = BTreeMap::new();
            let mut places: HashMap<String, u32> = HashMap::new();
            for (at, column) in header.columns.iter().enumerate() {
                if column.meaning.is_some() {
                    continue;
                }
                if let Some((key, suffix)) = field_of(fact, &column.word) {
                    if let Some(first) = places.insert(key.clone(), column.index) {
                        return Err(same_column(
                            sheet,
                            header.row,
                            first,
                            column.index,
                            &column.title,
                        ));
                    }
                    columns.insert(at, (key, suffix));
                }
            }
            self.fields.insert(id.clone(), columns);
        }
        Ok(())
    }

    fn of_ledger(
        &mut self,
        sheet: &Sheet,
        header: &Header,
        definition: &Definition,
    ) -> Result<(), Unreadable> {
        let mut places: HashMap<(String, String), u32> = HashMap::new();
        for (at, column) in header.columns.iter().enumerate() {
            if column.meaning.is_some() {
                continue;
            }
            let Some((fact, field)) = dotted(&column.word) else {
                continue;
            };
            let Some((id, fact)) = self
                .facts
                .get(fact)
                .and_then(|id| definition.facts.get_key_value(id))
            else {
                continue;
            };
            let target = match field_of(fact, field) {
                Some((key, suffix)) => Target::Field(key, suffix),
                None if matches!(field, "日期" | "date") => Target::Date,
                None if matches!(field, "备注" | "note") => Target::Note,
                None => continue,
            };
            let word = match &target {
                Target::Date => "date".to_owned(),
                Target::Note => "note".to_owned(),
                Target::Field(key, _) => format!("field {key}"),
            };
            if let Some(first) = places.insert((id.clone(), word), column.index) {
                return Err(same_column(
                    sheet,
                    header.row,
                    first,
                    column.index,
                    &column.title,
                ));
            }
            self.spots.insert(at, (id.clone(), target));
        }
        Ok(())
    }

    /// Whether a column means anything under this definition.
    pub(super) fn knows(&self, at: usize) -> bool {
        self.spots.contains_key(&at)
            || self
                .fields
                .values()
                .any(|columns| columns.contains_key(&at))
    }
}

/// The field of a fact that a title names, by key or by name in either language.
fn field_of(fact: &FactType, word: &str) -> Option<(String, &'static str)> {
    if fact.fields.contains_key(word) {
        return Some((word.to_owned(), ""));
    }
    fact.fields
        .iter()
        .find_map(|(key, field)| fits(word, key, field).map(|suffix| (key.clone(), suffix)))
}

/// The fact type whose name is most like a word that names none, if one is.
pub(super) fn nearest_fact(definition: &Definition, word: &str) -> Option<String> {
    let word = fold(word);
    let alike = |name: &str| {
        let name = fold(name);
        let shared = name.chars().filter(|c| word.contains(*c)).count();
        let length = name.chars().count().max(word.chars().count());
        (shared * 3 >= length * 2).then(|| shared * 100 / length.max(1))
    };
    definition
        .facts
        .iter()
        .filter_map(|(id, fact)| {
            let score = alike(id).max(alike(&fact.name.zh))?;
            Some((score, format!("{id}({})", fact.name.zh)))
        })
        .max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, name)| name)
}

/// The columns of one sheet under every definition that its projects are bound to.
#[derive(Default)]
pub(super) struct Lexicon {
    by_digest: HashMap<String, Arc<Words>>,
}

impl Lexicon {
    /// The columns under a definition.
    pub(super) fn words(
        &mut self,
        sheet: &Sheet,
        header: &Header,
        definition: &Known,
    ) -> Result<Arc<Words>, Unreadable> {
        if let Some(words) = self.by_digest.get(definition.digest.as_ref()) {
            return Ok(words.clone());
        }
        let words = Arc::new(Words::of(sheet, header, &definition.definition)?);
        self.by_digest
            .insert(definition.digest.to_string(), words.clone());
        Ok(words)
    }

    /// Whether a column means anything under any definition; `None` if no definition is known.
    pub(super) fn knows(&self, at: usize) -> Option<bool> {
        if self.by_digest.is_empty() {
            return None;
        }
        Some(self.by_digest.values().any(|words| words.knows(at)))
    }
}
