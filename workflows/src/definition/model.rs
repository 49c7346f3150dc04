//! The resolved model of a definition: what a programme file says once `extends` is expanded.
//!
//! Collections are maps from a stable id, so that two files can be merged and compared key by key. Everything that
//! has an order carries it (`order`, `step`): the digest does not see the order of keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lots::{Lots, Orders, OrdersClosed};
use super::{AssumedYear, DayRule, Fraction};
use crate::calendar::DayKind;

mod conditions;
mod expression;
mod inspection;
mod looks_at;
mod procedures;
mod vote;
mod window;

pub use conditions::Conditions;
pub use expression::Expression;
pub use inspection::Inspection;
pub use procedures::{Procedure, Waiver};
pub use vote::{Bar, Vote, VoteBase};
pub use window::{Judged, Window};

/// The version of the language this build understands.
pub const LANGUAGE_VERSION: u32 = 1;

/// A text in both languages of the screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in `lang`.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// The language an answer is given in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Chinese, the default.
    #[default]
    Zh,
    /// English.
    En,
}

/// The words of the source a rule comes from: one piece or several, each verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Quote {
    /// One contiguous piece.
    One(String),
    /// Several pieces.
    Many(Vec<String>),
}

impl Quote {
    /// The pieces, joined by " … ".
    #[must_use]
    pub fn joined(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(texts) => texts.join(" … "),
        }
    }
}

/// A programme definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The version of the language ([`LANGUAGE_VERSION`]).
    pub language: u32,
    /// The programme's id: ASCII, also the name of its streams.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// The document it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Document>,
    /// Who issues it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The year `Y` stands for in its day rules. Without it, every window is unknown and starts no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<ProgrammeYear>,
    /// Years without a notice of the State Council that it counts all the same, by an id. What was counted so says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub assume_calendar: BTreeMap<String, AssumedYear>,
    /// The areas, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub areas: BTreeMap<String, Area>,
    /// The parts of the programme, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tracks: BTreeMap<String, Track>,
    /// The fact types, by id.
    pub facts: BTreeMap<String, FactType>,
    /// The stages, by id.
    pub stages: BTreeMap<String, Stage>,
    /// What the programme wants of many projects, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Target>,
    /// The steps of escalation, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ladder: BTreeMap<String, LadderStep>,
    /// When a lamp turns yellow and red.
    pub lamps: Lamps,
    /// Which reports the programme asks for, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reporting: BTreeMap<String, Reporting>,
    /// The ways of long-term management it names, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub long_term_modes: BTreeMap<String, NamedRule>,
    /// What the text demands and no rule can compute, by id, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_computable: BTreeMap<String, NotComputable>,
    /// Which fact types prove that works started, finished and were accepted.
    pub milestones: Milestones,
    /// Which facts supersede the registered counters `households`, `buildings`, `area_m2`, `compounds`: the latest
    /// such fact wins over the sum of the registered compounds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, Reference>,
    /// The lots of its projects; absent = a project is one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lots: Option<Lots>,
    /// The orders that its projects' problems are dispatched by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Orders>,
}

/// The document a definition comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// The unit that issued it, if the text says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The day it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Date>,
    /// The day it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Date>,
    /// Words of the text for the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// What a reader must know of the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The level of the issuing government.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 省
    Province,
    /// 市
    City,
    /// 区县
    District,
}

/// The programme's year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgrammeYear {
    /// The year; absent while the text masks it and nobody has bound it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i16>,
    /// Whether somebody assumed it because the text masks it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub assumed: bool,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
}

/// An area: a district, county, street.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Its name.
    pub name: Text,
    /// The area above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The groups it belongs to, for rules that name a group ("主城区").
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
}

/// A part of a programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Its name.
    pub name: Text,
    /// How near it is to the renovation of old compounds.
    pub relevance: Relevance,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
}

/// How near a track is to the renovation of old compounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relevance {
    /// Old compounds themselves.
    Core,
    /// Villages, towns, lifts and the like.
    Related,
    /// Only mentioned.
    Mention,
}

/// To which projects a rule applies. Each list that is not empty must hold the project's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Applies {
    /// Track ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<String>,
    /// Area ids; an area above the project's counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<String>,
    /// Area groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Project categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl Applies {
    /// Whether nothing is restricted.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        *self == Self::default()
    }
}

/// A type of fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactType {
    /// Its name.
    pub name: Text,
    /// The stage in whose form it stands first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Its fields, by key. A unit is part of the key: `area_m2`, `amount_fen`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Field>,
    /// The roles that may report it; empty = every role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reporters: Vec<String>,
    /// Which papers prove it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Text>,
    /// To which projects it belongs.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper, where it is not the programme's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A field of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its label.
    pub name: Text,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether a fact without it is refused as badly formed. Facts are cheap to record: require little.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// The unit shown beside it, for counts: 户, 栋.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The permitted codes with their labels, for `code` and `codes`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Text>,
    /// The smallest count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The largest count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// What a field holds, and how it stands in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A whole number, 0 or more. Recorded as an integer.
    Count,
    /// Money: entered in yuan (`元`, `万元`, `亿元` understood), recorded in fen; the key ends in `_fen`.
    Money,
    /// An area in square metres (`万` understood), recorded as a decimal string; the key ends in `_m2`.
    Area,
    /// A length in metres (`公里`, `km` understood), recorded as a decimal string; the key ends in `_m`.
    Length,
    /// A calendar day.
    Day,
    /// One of `values`.
    Code,
    /// Several of `values`. Recorded as a sorted list.
    Codes,
    /// Yes or no. Recorded as a boolean.
    YesNo,
    /// The number of a paper (文号), a permit, a contract: up to 100 characters, no phone or ID number.
    Reference,
    /// The SHA-256 of a file, in hex.
    Document,
    /// A lot of the project, by its id. Only the field `lot` is of this kind.
    Lot,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name.
    pub name: Text,
    /// Its place among the stages: the next stage is the one with the next higher order that applies.
    pub order: u32,
    /// To which projects it belongs.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// Where `advance` may lead, if not to the next stage by order. `completed` ends the project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    /// The earlier stages to which a project may be returned for rework, by stage id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub returns: BTreeMap<String, NamedRule>,
    /// Who has to act, by an id that sorts the leading unit first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responsible: BTreeMap<String, Responsible>,
    /// By when the stage must be left, or a fact must be there; by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deadlines: BTreeMap<String, Deadline>,
    /// What must hold to leave the stage forward; by id, unique in the definition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exit: BTreeMap<String, Requirement>,
    /// Whether each lot meets every requirement of the stage by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_lot: bool,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A unit with a duty in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Responsible {
    /// The unit, as in the text.
    pub unit: String,
    /// Its part: lead, support, guide, review …
    pub role: String,
    /// For which projects.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A rule that has a name and a source and nothing to compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedRule {
    /// Its name.
    pub name: Text,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A demand of the text that no rule computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotComputable {
    /// What it asks.
    pub name: Text,
    /// Why it is not computed.
    pub reason: String,
    /// Words of the text.
    pub quote: Quote,
}

/// A due day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// What is due.
    pub name: Text,
    /// The first day of the window, for display; nothing is refused before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DayRule>,
    /// When it is due.
    pub due: Due,
    /// Whether the due day itself belongs (`by`) or not (`before`).
    #[serde(default, skip_serializing_if = "Bound::is_by")]
    pub bound: Bound,
    /// The fact that meets it; without it, leaving the stage forward does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_by: Option<FactMatch>,
    /// Whether each lot answers for it by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_lot: bool,
    /// For which projects.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// What a reader must know, for example of an ambiguous phrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// When something is due: exactly one of the three is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// A fixed day, or one of the programme's year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<DayRule>,
    /// Days after something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// The project's own planned day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanDay>,
}

/// So many days after something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The day a stage was last entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<String>,
    /// The day of the latest such fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<FactMatch>,
    /// How many days; the last one belongs (民法典 203).
    pub days: u32,
    /// Which days count.
    pub kind: DayKind,
    /// Whether the day itself is counted. By default it is not (民法典 201).
    #[serde(default, skip_serializing_if = "is_false")]
    pub count_first_day: bool,
}

/// Whether a due day belongs to the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The day itself is the last permitted one (inclusive).
    #[default]
    By,
    /// The day before is the last permitted one (exclusive).
    Before,
}

impl Bound {
    /// Whether it is the default.
    #[must_use]
    pub fn is_by(&self) -> bool {
        *self == Self::By
    }
}

/// A planned day that a project brings with it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PlanDay {
    /// Consultation done.
    Consultation,
    /// Design done.
    Design,
    /// Works started.
    Start,
    /// Works finished.
    Finish,
    /// Accepted.
    Acceptance,
}

/// Facts of a type with certain values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactMatch {
    /// The type; several = any of them.
    pub any_of: Vec<String>,
    /// Values that fields must have.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
}

/// What a transition demands. Exactly one kind is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What it asks.
    pub name: Text,
    /// Whether it blocks or only warns.
    #[serde(default, skip_serializing_if = "Severity::is_block")]
    pub severity: Severity,
    /// Whether each lot meets it by itself, by its own facts over its own counters.
    #[serde(default, skip_serializing_if = "is_false")]
    pub per_lot: bool,
    /// For which projects.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// Waived where such a fact is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<FactMatch>,
    /// A share reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Facts recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<FactCount>,
    /// A publicity held to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicity: Option<Publicity>,
    /// Everybody signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<Signers>,
    /// A sum reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Sum>,
    /// One fact not later than another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderOfDates>,
    /// Everything opened was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// Not before a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<NotBefore>,
    /// Every order closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_closed: Option<OrdersClosed>,
    /// A vote on several bases at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Vote>,
    /// Procedures done in any order, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub procedures: BTreeMap<String, Procedure>,
    /// Conditions of an approval discharged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// Every item of an inspection passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
    /// Anything else, as an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<Expression>,
    /// The time in which it must be reached; for `share`, `vote`, `sum` and `fact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Whether an unmet requirement stops the transition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It stops it.
    #[default]
    Block,
    /// It is recorded with the transition.
    Warn,
}

impl Severity {
    /// Whether it is the default.
    #[must_use]
    pub fn is_block(&self) -> bool {
        *self == Self::Block
    }
}

/// A share as an exact fraction: `of` / `over`, compared without rounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The numerator: `fact.field`.
    pub of: Reference,
    /// The denominator: `fact.field`, `project.households|buildings|area_m2|compounds`, or the same of `lot`.
    pub over: Reference,
    /// Inclusive threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Fraction>,
    /// Exclusive threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_than: Option<Fraction>,
    /// Inclusive upper bound: a subsidy of at most so much of the costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Fraction>,
    /// Exclusive upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<Fraction>,
    /// Only facts with these values, for both `of` and `over`.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// Whether the latest fact counts, or all added up.
    #[serde(default, skip_serializing_if = "Tally::is_latest")]
    pub tally: Tally,
    /// The same for `over`, where it differs: money paid in is added up, the latest estimate counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_tally: Option<Tally>,
    /// The unit shown: 户.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// `fact.field` or `project.counter`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// A fact type, `project`, or `lot` (the lot that is judged).
    pub subject: String,
    /// Its field or counter.
    pub field: String,
}

impl TryFrom<String> for Reference {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('.') {
            Some((subject, field)) if !subject.is_empty() && !field.is_empty() => Ok(Self {
                subject: subject.to_owned(),
                field: field.to_owned(),
            }),
            _ => Err(format!(
                "{text:?}: expected fact.field or project.households, project.buildings, project.area_m2, project.compounds"
            )),
        }
    }
}

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of the project: `fact.field`; a counter, `project.households`, `project.buildings`, \
                            `project.area_m2`, `project.compounds`; or the same counter of the lot that is judged, \
                            `lot.households`.",
            "type": "string",
            "pattern": r"^((project|lot)\.(households|buildings|area_m2|compounds)|(?!(project|lot)\.)[a-z0-9_]+\.[a-z0-9_]+)$",
            "examples": ["consultation_result.agreed_households", "project.households"],
        })
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        format!("{}.{}", reference.subject, reference.field)
    }
}

/// How several facts of a type make one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tally {
    /// The latest by the day it happened counts (a later record wins a tie).
    #[default]
    Latest,
    /// All are added up.
    Sum,
}

impl Tally {
    /// Whether it is the default.
    #[must_use]
    pub fn is_latest(&self) -> bool {
        *self == Self::Latest
    }
}

/// Facts that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactCount {
    /// The type; several = any of them.
    pub any_of: Vec<String>,
    /// Values that fields must have.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// How many, at least.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub at_least: u32,
    /// Only those not earlier than the project's latest entry into this stage count (rework asks again).
    #[serde(default, skip_serializing_if = "is_false")]
    pub this_visit: bool,
}

/// A publicity (公示).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publicity {
    /// The fact that it was posted.
    pub posted: FactMatch,
    /// How many days it must stand, the last one included; absent = the text gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Which days count.
    #[serde(default = "natural", skip_serializing_if = "is_natural")]
    pub kind: DayKind,
    /// Whether the day of posting is counted. By default it is not (民法典 201).
    #[serde(default, skip_serializing_if = "is_false")]
    pub count_first_day: bool,
    /// The fact that it was taken down early, if there is such a type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<FactMatch>,
    /// The channels it must have stood in, all at once: values of `channel_field`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The field of the posting that names its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_field: Option<String>,
    /// Objections that must be settled first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objections: Option<Settled>,
}

/// Parties that must all have signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signers {
    /// The field (`fact.field`, of kind `codes`) that lists who signed, in the latest such fact.
    pub of: Reference,
    /// Values that other fields must have.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// The codes that must stand there.
    pub all_of: Vec<String>,
}

/// A sum over facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// What is added up: `fact.field`.
    pub of: Reference,
    /// Values that fields must have.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// How much, at least, in the field's recorded unit (fen, ㎡, pieces); times `per` if given. 0 where only
    /// `at_most` is asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at_least: u64,
    /// How much, at most; times `per` if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// For each of these: `project.area_m2`, `project.households` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Reference>,
    /// The unit shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The earliest fact of one type must not be later than the earliest of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderOfDates {
    /// What comes first.
    pub earlier: FactMatch,
    /// What comes after. If it has not happened there is nothing to refuse.
    pub later: FactMatch,
}

/// Everything opened was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// The fact type that opens.
    pub opened: String,
    /// The fact type that closes.
    pub closed: String,
    /// The field, in both, that names the matter.
    pub key: String,
}

/// A transition must not take effect before a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotBefore {
    /// The first permitted day.
    pub day: DayRule,
}

/// A target over many projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What is wanted.
    pub name: Text,
    /// Over which projects.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// What is counted.
    pub measure: Measure,
    /// Which projects count as having reached it; absent = an opening size (a stock, not a progress).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Milestone>,
    /// The sum of this field (`fact.field`) instead of a milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_of: Option<Reference>,
    /// Only the batch of this year: the projects that were registered in it or carried over into it, credited with what
    /// they reached while they belonged to it. Absent = all projects of the programme, whenever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<i16>,
    /// How many, in the measure's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Which share of the projects it applies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Fraction>,
    /// Whether the share holds for each area apart. Absent: the text does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_area: Option<bool>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DayRule>,
    /// Whether the due day belongs.
    #[serde(default, skip_serializing_if = "Bound::is_by")]
    pub bound: Bound,
    /// Whether counts in the text are running figures.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cumulative: bool,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a target counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Projects.
    Projects,
    /// Compounds.
    Compounds,
    /// Households.
    Households,
    /// Buildings.
    Buildings,
    /// Square metres.
    AreaM2,
    /// Yuan.
    Yuan,
    /// Anything else, named in the target.
    Other,
}

/// Three different facts that are never derived from one another: 开工, 完工, 验收.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// 开工
    Started,
    /// 完工
    Finished,
    /// 验收
    Accepted,
}

/// Which facts prove the milestones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Milestones {
    /// 开工
    pub started: FactMatch,
    /// 完工
    pub finished: FactMatch,
    /// 验收
    pub accepted: FactMatch,
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LadderStep {
    /// Its place: higher is harsher.
    pub step: u32,
    /// Its name: 提醒, 催办, 督办 …
    pub name: Text,
    /// So many days after the last permitted day; negative = before it.
    pub days: i32,
    /// Which days count.
    pub kind: DayKind,
    /// To whom: the unit responsible for the stage (`responsible`), or a unit by its name.
    pub to: Vec<String>,
    /// Working days within which a reply is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_days: Option<u32>,
    /// The form of the notice: 催办通知, 督办单 …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Text>,
    /// Whether a human must sign: the machine only drafts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub signed: bool,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// When a lamp changes, in days after the last permitted day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lamps {
    /// Yellow from this many days overdue.
    pub yellow: u32,
    /// Red from this many days overdue.
    pub red: u32,
    /// Which days count.
    pub kind: DayKind,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A report the programme asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reporting {
    /// Its name.
    pub name: Text,
    /// How often; absent = the text does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence: Option<Cadence>,
    /// Who reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// 每周
    Weekly,
    /// 每月
    Monthly,
    /// 每季度
    Quarterly,
    /// 每年
    Annual,
    /// As needed.
    OnDemand,
    /// All the time.
    Ongoing,
    /// 不定期
    Irregular,
    /// 定期, without saying how often.
    RegularUnspecified,
    /// Once.
    Once,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

fn natural() -> DayKind {
    DayKind::Natural
}

fn is_natural(kind: &DayKind) -> bool {
    *kind == DayKind::Natural
}
