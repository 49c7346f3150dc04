//! The titles of columns: what they mean, and the units in them.

use anju_workflows::definition::{Field, FieldKind, PlanDay};

/// What a column means, whatever the programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    Project,
    Programme,
    Name,
    Area,
    Track,
    Category,
    Compounds,
    CompoundIds,
    Aliases,
    Households,
    Buildings,
    AreaM2,
    Plan(PlanDay),
    Adopt,
    Date,
    Fact,
    Values,
    Note,
}

/// The kinds of sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One project per row, to be registered.
    Projects,
    /// One fact per row.
    Facts,
    /// One project per row; each fact has its own columns.
    Ledger,
}

/// The titles that are understood, as compared. The first of each meaning is the one that messages use.
const TITLES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Project,
        &[
            "项目编号",
            "项目编码",
            "项目代码",
            "project",
            "project_id",
            "projectid",
        ],
    ),
    (
        Meaning::Programme,
        &[
            "改造计划",
            "计划编号",
            "programme",
            "programme_id",
            "program",
        ],
    ),
    (
        Meaning::Name,
        &["项目名称", "name", "project_name", "projectname"],
    ),
    (Meaning::Area, &["区域", "改造区域", "所属区域", "area"]),
    (Meaning::Track, &["类别", "计划类别", "track"]),
    (Meaning::Category, &["分类", "改造分类", "category"]),
    (
        Meaning::Compounds,
        &["小区", "小区名称", "compounds", "compound"],
    ),
    (
        Meaning::CompoundIds,
        &["小区编号", "小区编码", "compound_ids", "compound_id"],
    ),
    (
        Meaning::Aliases,
        &["曾用名", "小区曾用名", "aliases", "alias"],
    ),
    (Meaning::Households, &["户数", "households"]),
    (Meaning::Buildings, &["楼栋数", "栋数", "buildings"]),
    (Meaning::AreaM2, &["建筑面积", "area_m2"]),
    (
        Meaning::Plan(PlanDay::Consultation),
        &["计划征求意见", "plan_consultation", "planned_consultation"],
    ),
    (
        Meaning::Plan(PlanDay::Design),
        &["计划设计", "plan_design", "planned_design"],
    ),
    (
        Meaning::Plan(PlanDay::Start),
        &["计划开工", "plan_start", "planned_start"],
    ),
    (
        Meaning::Plan(PlanDay::Finish),
        &["计划完工", "plan_finish", "planned_finish"],
    ),
    (
        Meaning::Plan(PlanDay::Acceptance),
        &["计划验收", "plan_acceptance", "planned_acceptance"],
    ),
    (Meaning::Adopt, &["接续阶段", "adopt", "adopted_in"]),
    (
        Meaning::Date,
        &["登记日期", "日期", "发生日期", "date", "occurred_at"],
    ),
    (Meaning::Fact, &["事实", "事实类型", "事项", "fact"]),
    (Meaning::Values, &["字段值", "values"]),
    (Meaning::Note, &["备注", "note", "notes"]),
];

impl Meaning {
    /// Whether the column is read in sheets of a kind.
    pub(super) fn belongs(self, kind: Kind) -> bool {
        match self {
            Self::Project | Self::Programme | Self::Name | Self::Area | Self::Date => true,
            // A ledger's notes stand in columns like 开工.备注: which fact would a note of the row belong to?
            Self::Fact | Self::Values | Self::Note => kind == Kind::Facts,
            _ => kind == Kind::Projects,
        }
    }

    /// Whether a vertically merged cell of this column stands for every row it covers: what names a thing does, what
    /// counts something does not.
    pub(super) fn fills(self) -> bool {
        matches!(
            self,
            Self::Project
                | Self::Programme
                | Self::Name
                | Self::Area
                | Self::Track
                | Self::Category
                | Self::Date
                | Self::Fact
        )
    }

    /// How the column counts, if it does: a unit in its title must be one of it.
    fn counts(self) -> Option<(FieldKind, Option<&'static str>)> {
        match self {
            Self::Households => Some((FieldKind::Count, Some("户"))),
            Self::Buildings => Some((FieldKind::Count, Some("栋"))),
            Self::AreaM2 => Some((FieldKind::Area, None)),
            _ => None,
        }
    }
}

/// A title as it is compared: without blanks, marks of obligation and colons, in lower case, full-width letters,
/// digits and signs as their narrow ones.
pub(super) fn fold(title: &str) -> String {
    let narrow: String = title
        .chars()
        .filter(|c| !super::sheet::is_blank(*c))
        .map(narrow)
        .flat_map(char::to_lowercase)
        .collect();
    narrow.trim_matches(['*', ':']).to_owned()
}

/// The narrow form of a full-width ASCII character.
pub(super) fn narrow(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => u32::from(c)
            .checked_sub(0xfee0)
            .and_then(char::from_u32)
            .unwrap_or(c),
        _ => c,
    }
}

/// A folded title without what stands in parentheses at its end, and that.
pub(super) fn split_unit(word: &str) -> Option<(&str, &str)> {
    let (base, unit) = word.strip_suffix(')')?.rsplit_once('(')?;
    (!base.is_empty()).then_some((base, unit))
}

/// What a unit in a title appends to a bare number in the column, by the kind of value; `None` if the unit is
/// none of this kind. `(万元)` makes 120 into `120万元`.
pub(super) fn unit_suffix(kind: FieldKind, own: Option<&str>, unit: &str) -> Option<&'static str> {
    if matches!(unit, "" | "必填" | "选填" | "required" | "optional") {
        return Some("");
    }
    match (kind, unit) {
        (FieldKind::Money, "元") => Some(""),
        (FieldKind::Money, "万元" | "万") => Some("万元"),
        (FieldKind::Money, "亿元" | "亿") => Some("亿元"),
        (FieldKind::Area, "平方米" | "平米" | "㎡" | "m2" | "m²") => Some(""),
        (FieldKind::Area, "万平方米" | "万平米" | "万㎡" | "万m2" | "万m²") => {
            Some("万")
        }
        (FieldKind::Length, "米" | "m") => Some(""),
        (FieldKind::Length, "公里" | "千米" | "km") => Some("公里"),
        (FieldKind::Count, "幢") if own == Some("栋") => Some(""),
        (FieldKind::Count, unit) if own == Some(unit) => Some(""),
        (FieldKind::Day | FieldKind::Code | FieldKind::Codes | FieldKind::YesNo, _) => Some(""),
        _ => None,
    }
}

/// How well a title fits a field: the suffix that its unit gives to bare numbers; `None` if it does not.
pub(super) fn fits(word: &str, key: &str, field: &Field) -> Option<&'static str> {
    let named =
        |word: &str| word == key || word == fold(&field.name.zh) || word == fold(&field.name.en);
    if named(word) {
        return Some("");
    }
    let (base, unit) = split_unit(word)?;
    if !named(base) {
        return None;
    }
    unit_suffix(field.kind, field.unit.as_deref(), unit)
}

/// The parts of a ledger's title: `征求意见结果.征求户数`.
pub(super) fn dotted(word: &str) -> Option<(&str, &str)> {
    let (fact, field) = word.split_once('.')?;
    (!fact.is_empty() && !field.is_empty()).then_some((fact, field))
}

/// What a title means in any kind of sheet, and the suffix that its unit gives to bare numbers.
pub(super) fn meaning(word: &str) -> Option<(Meaning, &'static str)> {
    let of = |word: &str| {
        TITLES
            .iter()
            .find(|(_, titles)| titles.contains(&word))
            .map(|(meaning, _)| *meaning)
    };
    if let Some(meaning) = of(word) {
        return Some((meaning, ""));
    }
    let (base, unit) = split_unit(word)?;
    let meaning = of(base)?;
    match meaning.counts() {
        Some((kind, own)) => unit_suffix(kind, own, unit).map(|suffix| (meaning, suffix)),
        None => Some((meaning, "")),
    }
}

/// The suffix that the title of a counting column gives to bare numbers.
pub(super) fn own_suffix(word: &str) -> &'static str {
    meaning(word).map_or("", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_in_a_title_is_applied_or_the_column_is_not_understood() {
        assert_eq!(unit_suffix(FieldKind::Money, None, "万元"), Some("万元"));
        assert_eq!(unit_suffix(FieldKind::Area, None, "万㎡"), Some("万"));
        assert_eq!(unit_suffix(FieldKind::Area, None, "公顷"), None);
        assert_eq!(unit_suffix(FieldKind::Count, Some("户"), "万户"), None);
        assert_eq!(meaning("建筑面积(万平方米)"), Some((Meaning::AreaM2, "万")));
        assert_eq!(meaning("户数(万户)"), None);
        assert_eq!(meaning("项目编号(必填)"), Some((Meaning::Project, "")));
    }
}
