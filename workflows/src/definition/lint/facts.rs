//! Fact types and their fields; and every place that names them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use super::super::problem::Problem;
use super::super::{FactMatch, FactType, Field, FieldKind, LOT_SUBJECT, Reference};
use super::{At, Lint};

/// The counters every project has.
pub(super) const COUNTERS: [&str; 4] = ["households", "buildings", "area_m2", "compounds"];

/// What a number counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    /// Count, money, area or length.
    pub(super) kind: FieldKind,
    /// The unit of a count, if it is said.
    pub(super) unit: Option<String>,
}

impl Quantity {
    /// Whether the two can be set against each other. A count without a unit fits every count.
    pub(super) fn fits(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (&self.unit, &other.unit) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
    }

    pub(super) fn describe(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", kind_word(self.kind)),
            None => kind_word(self.kind).to_owned(),
        }
    }
}

/// The word of the language for a kind.
pub(super) fn kind_word(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Count => "count",
        FieldKind::Money => "money",
        FieldKind::Area => "area",
        FieldKind::Length => "length",
        FieldKind::Day => "day",
        FieldKind::Code => "code",
        FieldKind::Codes => "codes",
        FieldKind::YesNo => "yes_no",
        FieldKind::Reference => "reference",
        FieldKind::Document => "document",
        FieldKind::Lot => "lot",
    }
}

/// The ending that a key of this kind has, and no other.
fn ending(kind: FieldKind) -> Option<&'static str> {
    match kind {
        FieldKind::Money => Some("_fen"),
        FieldKind::Area => Some("_m2"),
        FieldKind::Length => Some("_m"),
        _ => None,
    }
}

impl<'a> Lint<'a> {
    pub(super) fn facts(&mut self) {
        let definition = self.definition;
        for (id, fact) in &definition.facts {
            let at = At::root().to("facts").to(id);
            if let Some(stage) = &fact.stage {
                self.stage_named(&at.to("stage"), stage);
            }
            self.applies(&at, &fact.applies, None);
            for (key, field) in &fact.fields {
                self.field(&at.to("fields").to(key), key, field);
            }
        }
        let milestones = &definition.milestones;
        let at = At::root().to("milestones");
        self.fact_match(&at.to("started"), &milestones.started);
        self.fact_match(&at.to("finished"), &milestones.finished);
        self.fact_match(&at.to("accepted"), &milestones.accepted);
        for (counter, reference) in &definition.counters {
            let at = At::root().to("counters").to(counter);
            let Some(wanted) = counter_quantity(counter) else {
                self.unknown(
                    &at,
                    "unknown_counter",
                    ("计数", "counter"),
                    counter,
                    COUNTERS,
                );
                continue;
            };
            if let Some(found) = self.quantity(&at, reference)
                && !found.fits(&wanted)
            {
                self.units_differ(&at, &found, &wanted);
            }
        }
    }

    fn field(&mut self, at: &At, key: &str, field: &Field) {
        let kind = kind_word(field.kind);
        match ending(field.kind) {
            Some(ending) if !key.ends_with(ending) => {
                let problem = Problem::error(
                    "unit_in_key",
                    self.on_key(at),
                    format!("类型为 {kind} 的字段，键应以 {ending} 结尾"),
                    format!("the key of a field of kind `{kind}` ends in `{ending}`"),
                )
                .hinting(
                    format!("改为“{key}{ending}”"),
                    format!("call it `{key}{ending}`"),
                );
                self.tell(at, problem);
            }
            None => {
                if let Some(taken) = ["_fen", "_m2", "_m"]
                    .into_iter()
                    .find(|end| key.ends_with(end))
                {
                    let problem = Problem::error(
                        "unit_in_key",
                        self.on_key(at),
                        format!("键以 {taken} 结尾，类型却是 {kind}"),
                        format!("the key ends in `{taken}`, but the kind is `{kind}`"),
                    );
                    self.tell(at, problem);
                }
            }
            Some(_) => {}
        }
        let has_codes = matches!(field.kind, FieldKind::Code | FieldKind::Codes);
        if has_codes && field.values.is_empty() {
            self.error(
                at,
                "no_values",
                format!("类型为 {kind} 的字段要列出 values"),
                format!("a field of kind `{kind}` lists its `values`"),
            );
        }
        if !has_codes && !field.values.is_empty() {
            self.misplaced(at, "values", kind, "code, codes");
        }
        if field.kind != FieldKind::Count {
            for (key, given) in [
                ("min", field.min.is_some()),
                ("max", field.max.is_some()),
                ("unit", field.unit.is_some()),
            ] {
                if given {
                    self.misplaced(at, key, kind, "count");
                }
            }
            return;
        }
        for (key, bound) in [("min", field.min), ("max", field.max)] {
            if bound.is_some_and(|bound| bound < 0) {
                self.error(
                    &at.to(key),
                    "bad_range",
                    "计数不会小于 0",
                    "a count is never below 0",
                );
            }
        }
        if let (Some(min), Some(max)) = (field.min, field.max)
            && min > max
        {
            self.error(
                &at.to("max"),
                "bad_range",
                format!("上限 {max} 小于下限 {min}"),
                format!("the largest, {max}, is below the smallest, {min}"),
            );
        }
    }

    fn misplaced(&mut self, at: &At, key: &str, kind: &str, where_it_belongs: &str) {
        let at = at.to(key);
        let problem = Problem::error(
            "misplaced_key",
            self.on_key(&at),
            format!("类型为 {kind} 的字段没有 {key}"),
            format!("a field of kind `{kind}` has no `{key}`"),
        )
        .hinting(
            format!("{key} 只用于 {where_it_belongs}"),
            format!("`{key}` belongs to {where_it_belongs}"),
        );
        self.tell(&at, problem);
    }

    pub(super) fn stage_named(&mut self, at: &At, stage: &str) -> bool {
        let stages = &self.definition.stages;
        let known = stages.contains_key(stage);
        if !known {
            self.unknown(
                at,
                "unknown_stage",
                ("阶段", "stage"),
                stage,
                stages.keys().map(String::as_str),
            );
        }
        known
    }

    /// The fact type of that name; tells if there is none.
    pub(super) fn fact_named(&mut self, at: &At, id: &str) -> Option<&'a FactType> {
        let facts = &self.definition.facts;
        let found = facts.get(id);
        if found.is_none() {
            self.unknown(
                at,
                "unknown_fact",
                ("事实类型", "fact type"),
                id,
                facts.keys().map(String::as_str),
            );
        }
        found
    }

    /// The field of that name; tells if the fact has none.
    pub(super) fn field_named(
        &mut self,
        at: &At,
        id: &str,
        fact: &'a FactType,
        key: &str,
    ) -> Option<&'a Field> {
        let found = fact.fields.get(key);
        if found.is_none() {
            let problem = Problem::error(
                "unknown_field",
                self.on_value(at),
                format!("事实“{id}”没有字段“{key}”"),
                format!("the fact `{id}` has no field `{key}`"),
            )
            .suggesting(key, fact.fields.keys().map(String::as_str));
            self.tell(at, problem);
        }
        found
    }

    /// The facts and values of a match.
    pub(super) fn fact_match(&mut self, at: &At, wanted: &FactMatch) {
        self.any_of(at, &wanted.any_of);
        self.with(at, &wanted.any_of, &wanted.with);
    }

    pub(super) fn any_of(&mut self, at: &At, any_of: &[String]) {
        let at = at.to("any_of");
        if any_of.is_empty() {
            self.error(
                &at,
                "cannot_hold",
                "没有列出任何事实类型，永远无法满足",
                "no fact type is named: this can never hold",
            );
        }
        for (index, id) in any_of.iter().enumerate() {
            self.fact_named(&at.item(index), id);
        }
    }

    /// Values that fields of each of these facts must have.
    pub(super) fn with(&mut self, at: &At, facts: &[String], with: &BTreeMap<String, Value>) {
        self.values_of(&at.to("where"), facts, with);
    }

    /// The same, where the values stand under another key.
    pub(super) fn values_of(&mut self, at: &At, facts: &[String], with: &BTreeMap<String, Value>) {
        for (key, value) in with {
            let at = at.to(key);
            for id in facts {
                // An unknown fact is told where it is named.
                let Some(fact) = self.definition.facts.get(id) else {
                    continue;
                };
                let Some(field) = fact.fields.get(key) else {
                    let problem = Problem::error(
                        "unknown_field",
                        self.on_key(&at),
                        format!("事实“{id}”没有字段“{key}”"),
                        format!("the fact `{id}` has no field `{key}`"),
                    )
                    .suggesting(key, fact.fields.keys().map(String::as_str));
                    self.tell(&at, problem);
                    continue;
                };
                self.value(&at, field, value);
            }
        }
    }

    /// A value that a field must have; a list = any of its items.
    fn value(&mut self, at: &At, field: &Field, value: &Value) {
        if field.kind == FieldKind::Codes {
            let problem = Problem::error(
                "not_comparable",
                self.on_key(at),
                "codes 字段是一组代码，不能用 where 比较",
                "a field of kind `codes` is a set: `where` cannot compare it",
            )
            .hinting("请用 signers", "use `signers`");
            self.tell(at, problem);
            return;
        }
        match value {
            Value::Array(items) if items.is_empty() => self.error(
                at,
                "cannot_hold",
                "列表是空的，永远无法成立",
                "the list is empty: this can never hold",
            ),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.one_value(&at.item(index), field, item);
                }
            }
            one => self.one_value(at, field, one),
        }
    }

    fn one_value(&mut self, at: &At, field: &Field, value: &Value) {
        let text = |fits: &dyn Fn(&str) -> bool| value.as_str().is_some_and(fits);
        let (fits, expected) = match field.kind {
            FieldKind::Code | FieldKind::Codes => match value.as_str() {
                Some(code) => return self.code(at, field, code),
                None => (false, "code"),
            },
            FieldKind::Count => match value.as_i64() {
                Some(number) => {
                    let least = field.min.unwrap_or(0).max(0);
                    if number < least || field.max.is_some_and(|max| number > max) {
                        self.error(
                            at,
                            "cannot_hold",
                            format!("字段不会有这个值（{number}）"),
                            format!("the field can never be {number}"),
                        );
                    }
                    return;
                }
                None => (false, "count"),
            },
            FieldKind::YesNo => (value.is_boolean(), "true, false"),
            FieldKind::Money => (value.as_i64().is_some_and(|fen| fen >= 0), "fen"),
            FieldKind::Area | FieldKind::Length => (text(&is_decimal), "\"123.45\""),
            FieldKind::Day => (text(&|day| day.parse::<Date>().is_ok()), "2021-01-20"),
            FieldKind::Reference => (text(&|text| text.chars().count() <= 100), "text"),
            FieldKind::Document => (text(&is_digest), "sha256"),
            FieldKind::Lot => (text(&crate::project::lot::is_lot_id), "A1"),
        };
        if fits {
            return;
        }
        let kind = kind_word(field.kind);
        let problem = Problem::error(
            "bad_value",
            self.on_value(at),
            format!("类型为 {kind} 的字段不会是 {value}"),
            format!("a field of kind `{kind}` can never be {value}"),
        )
        .expecting(expected);
        self.tell(at, problem);
    }

    /// A code of a field.
    pub(super) fn code(&mut self, at: &At, field: &Field, code: &str) {
        if !field.values.contains_key(code) {
            let known: Vec<&str> = field.values.keys().map(String::as_str).collect();
            let problem = Problem::error(
                "unknown_code",
                self.on_value(at),
                format!("没有代码“{code}”"),
                format!("there is no code `{code}`"),
            )
            .expecting(known.join(", "))
            .suggesting(code, known);
            self.tell(at, problem);
        }
    }

    /// The field that `fact.field` names, if the subject is a fact.
    pub(super) fn referenced(&mut self, at: &At, reference: &Reference) -> Option<&'a Field> {
        let fact = self.fact_named(at, &reference.subject)?;
        self.field_named(at, &reference.subject, fact, &reference.field)
    }

    /// What `fact.field` or `project.counter` counts; tells if it is unknown or no number.
    pub(super) fn quantity(&mut self, at: &At, reference: &Reference) -> Option<Quantity> {
        if reference.subject == "project" || reference.subject == LOT_SUBJECT {
            let found = counter_quantity(&reference.field);
            if found.is_none() {
                self.unknown(
                    at,
                    "unknown_counter",
                    ("项目计数", "counter of a project"),
                    &reference.field,
                    COUNTERS,
                );
            }
            return found;
        }
        let field = self.referenced(at, reference)?;
        if !matches!(
            field.kind,
            FieldKind::Count | FieldKind::Money | FieldKind::Area | FieldKind::Length
        ) {
            let kind = kind_word(field.kind);
            let problem = Problem::error(
                "not_a_number",
                self.on_value(at),
                format!("字段类型为 {kind}，不是数"),
                format!("the field is of kind `{kind}`, not a number"),
            )
            .expecting("count, money, area, length");
            self.tell(at, problem);
            return None;
        }
        Some(Quantity {
            kind: field.kind,
            unit: field.unit.clone(),
        })
    }

    pub(super) fn units_differ(&mut self, at: &At, found: &Quantity, wanted: &Quantity) {
        let problem = Problem::error(
            "units_differ",
            self.on_value(at),
            format!("单位不一致：{}", found.describe()),
            format!("the units do not fit: {}", found.describe()),
        )
        .expecting(wanted.describe());
        self.tell(at, problem);
    }
}

fn counter_quantity(counter: &str) -> Option<Quantity> {
    let (kind, unit) = match counter {
        "households" => (FieldKind::Count, Some("户")),
        "buildings" => (FieldKind::Count, Some("栋")),
        "compounds" => (FieldKind::Count, Some("个")),
        "area_m2" => (FieldKind::Area, None),
        _ => return None,
    };
    Some(Quantity {
        kind,
        unit: unit.map(str::to_owned),
    })
}

fn is_decimal(text: &str) -> bool {
    let (whole, below) = text.split_once('.').unwrap_or((text, "0"));
    [whole, below]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
