//! The values of a fact: read from what people type, checked before they are recorded.

use std::collections::BTreeMap;
use std::fmt;

use anju_engine::event::{Data, MAX_INTEGER, is_key};
use jiff::civil::Date;
use serde_json::Value;

use super::lot::{MAX_LOT_ID, is_lot_id};
use crate::definition::{FactType, Field, FieldKind, Lang};
use crate::requirement::Exact;

/// The longest text a record takes in one field, in characters.
pub const MAX_TEXT: usize = 100;

/// One field that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's key.
    pub field: String,
    /// What was given.
    pub value: String,
    /// What was expected.
    pub expected: Expected,
}

/// What a field expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The fact type has no such field; these it has.
    Known(Vec<String>),
    /// A value is required.
    Required,
    /// A whole number between two bounds.
    Count {
        /// Inclusive.
        min: i64,
        /// Inclusive.
        max: i64,
    },
    /// Money.
    Money,
    /// An area.
    Area,
    /// A length.
    Length,
    /// A day.
    Day,
    /// One of these codes.
    Code(Vec<String>),
    /// Yes or no.
    YesNo,
    /// A short text without personal values.
    ShortText,
    /// It holds a phone or ID number, which may not enter the log.
    NoPersonalValue,
    /// A SHA-256 in hex.
    Sha256,
    /// The id of a lot.
    Lot,
    /// A key of small letters, digits and `_`.
    Key,
}

impl FieldProblem {
    /// The problem in words.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        let Self {
            field,
            value,
            expected,
        } = self;
        let shown: String = value.chars().take(60).collect();
        let (zh, en) = match expected {
            Expected::Known(known) => (
                format!("没有字段“{field}”,可用字段:{}", known.join("、")),
                format!("no field {field:?}; the fields are {}", known.join(", ")),
            ),
            Expected::Required => (
                format!("字段“{field}”必须填写"),
                format!("field {field:?} is required"),
            ),
            Expected::NoPersonalValue => (
                format!("字段“{field}”含电话或证件号码,不得写入记录"),
                format!("field {field:?} holds a phone or ID number, which may not enter the log"),
            ),
            other => {
                let (zh, en) = other.phrase();
                (
                    format!("字段“{field}”的值“{shown}”不对:应为{zh}"),
                    format!("field {field:?}, value {shown:?}: expected {en}"),
                )
            }
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

impl Expected {
    fn phrase(&self) -> (String, String) {
        match self {
            Self::Count { min, max } if *max == MAX_INTEGER => (
                format!("不小于{min}的整数"),
                format!("a whole number of at least {min}"),
            ),
            Self::Count { min, max } => (
                format!("{min}到{max}的整数"),
                format!("a whole number from {min} to {max}"),
            ),
            Self::Money => (
                "金额,如 1234.56、12万元、1.5亿元".to_owned(),
                "an amount in yuan, for example 1234.56, 12万元, 1.5亿元".to_owned(),
            ),
            Self::Area => (
                "面积(平方米),如 12000.5 或 1.2万".to_owned(),
                "square metres, for example 12000.5 or 1.2万".to_owned(),
            ),
            Self::Length => (
                "长度(米),如 850 或 1.2公里".to_owned(),
                "metres, for example 850 or 1.2km".to_owned(),
            ),
            Self::Day => (
                "日期,如 2021-03-11".to_owned(),
                "a day, for example 2021-03-11".to_owned(),
            ),
            Self::Code(codes) => (
                format!("以下之一:{}", codes.join("、")),
                format!("one of {}", codes.join(", ")),
            ),
            Self::YesNo => ("是或否".to_owned(), "yes or no".to_owned()),
            Self::Sha256 => (
                "文件的SHA-256(64位十六进制)".to_owned(),
                "a SHA-256 of 64 hex digits".to_owned(),
            ),
            Self::Lot => (
                format!("标段编号(英文字母、数字和-,不超过{MAX_LOT_ID}个字符)"),
                format!(
                    "the id of a lot: ASCII letters, digits and '-', a letter or digit first, at most {MAX_LOT_ID}"
                ),
            ),
            Self::Key => (
                "小写英文字母、数字和_组成的代码".to_owned(),
                "a code of small ASCII letters, digits and '_'".to_owned(),
            ),
            _ => (
                format!("不超过{MAX_TEXT}字的编号或简短文字"),
                format!("a number or short text of at most {MAX_TEXT} characters"),
            ),
        }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

/// Reads `key=value` pairs by the fields of a fact type. Keys may also be the Chinese or English label. Empty values
/// are taken as not given. All problems are reported, not the first.
pub fn parse(fact: &FactType, given: &BTreeMap<String, String>) -> Result<Data, Vec<FieldProblem>> {
    let mut data = Data::new();
    let mut problems = Vec::new();
    for (key, text) in given {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let found = fact.fields.get_key_value(key.trim()).or_else(|| {
            fact.fields.iter().find(|(_, field)| {
                field.name.zh == key.trim() || field.name.en.eq_ignore_ascii_case(key.trim())
            })
        });
        match found {
            None => problems.push(unknown(fact, key, text)),
            Some((key, field)) => match parse_value(key, field, text) {
                Ok(value) => {
                    data.insert(key.clone(), value);
                }
                Err(problem) => problems.push(problem),
            },
        }
    }
    if problems.is_empty() {
        Ok(data)
    } else {
        Err(problems)
    }
}

/// Reads the pairs of a fact whose type is not declared: whole numbers stay numbers, the rest are short texts.
pub fn parse_undeclared(given: &BTreeMap<String, String>) -> Result<Data, Vec<FieldProblem>> {
    let data: Data = given
        .iter()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(key, text)| {
            let text = text.trim();
            let number = text
                .parse::<i64>()
                .ok()
                .filter(|n| n.abs() <= MAX_INTEGER && n.to_string() == text);
            (
                key.clone(),
                number.map_or_else(|| Value::from(text), Value::from),
            )
        })
        .collect();
    check_undeclared(&data).map(|()| data)
}

/// Checks values that come as recorded (from a program). `partial`: required fields may be absent.
pub fn check(fact: &FactType, data: &Data, partial: bool) -> Result<(), Vec<FieldProblem>> {
    let mut problems = Vec::new();
    for (key, value) in data {
        match fact.fields.get(key) {
            None => problems.push(unknown(fact, key, &show(value))),
            Some(field) => problems.extend(check_value(key, field, value)),
        }
    }
    if !partial {
        for (key, field) in &fact.fields {
            if field.required && !data.contains_key(key) {
                problems.push(problem(key, "", Expected::Required));
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Checks the values of a fact whose type is not declared.
pub fn check_undeclared(data: &Data) -> Result<(), Vec<FieldProblem>> {
    let problems: Vec<FieldProblem> = data
        .iter()
        .filter_map(|(key, value)| {
            if !is_key(key) {
                return Some(problem(
                    key,
                    &show(value),
                    Expected::Known(vec!["[a-z0-9_]+".to_owned()]),
                ));
            }
            match value {
                Value::Bool(_) => None,
                Value::Number(number)
                    if number.as_i64().is_some_and(|n| n.abs() <= MAX_INTEGER) =>
                {
                    None
                }
                Value::String(text) => short_text(key, text).err(),
                other => Some(problem(key, &show(other), Expected::ShortText)),
            }
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn unknown(fact: &FactType, key: &str, value: &str) -> FieldProblem {
    let known = fact
        .fields
        .iter()
        .map(|(key, field)| format!("{key}({})", field.name.zh))
        .collect();
    problem(key, value, Expected::Known(known))
}

fn problem(field: &str, value: &str, expected: Expected) -> FieldProblem {
    FieldProblem {
        field: field.to_owned(),
        value: value.to_owned(),
        expected,
    }
}

fn show(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn bounds(field: &Field) -> (i64, i64) {
    (field.min.unwrap_or(0), field.max.unwrap_or(MAX_INTEGER))
}

/// Reads one value.
pub fn parse_value(key: &str, field: &Field, text: &str) -> Result<Value, FieldProblem> {
    let bad = |expected| problem(key, text, expected);
    match field.kind {
        FieldKind::Count => {
            let (min, max) = bounds(field);
            let digits: String = text
                .trim_end_matches(field.unit.as_deref().unwrap_or("\u{0}"))
                .chars()
                .filter(|c| !matches!(c, ',' | '\u{ff0c}' | ' '))
                .collect();
            digits
                .parse::<i64>()
                .ok()
                .filter(|n| (min..=max).contains(n))
                .map(Value::from)
                .ok_or_else(|| bad(Expected::Count { min, max }))
        }
        FieldKind::Money => money_fen(text)
            .map(Value::from)
            .ok_or_else(|| bad(Expected::Money)),
        FieldKind::Area => scaled(
            text,
            &[
                ("万平方米", 10_000),
                ("万㎡", 10_000),
                ("万", 10_000),
                ("平方米", 1),
                ("㎡", 1),
            ],
        )
        .map(|n| Value::from(n.to_string()))
        .ok_or_else(|| bad(Expected::Area)),
        FieldKind::Length => scaled(
            text,
            &[
                ("公里", 1_000),
                ("千米", 1_000),
                ("km", 1_000),
                ("米", 1),
                ("m", 1),
            ],
        )
        .map(|n| Value::from(n.to_string()))
        .ok_or_else(|| bad(Expected::Length)),
        FieldKind::Day => parse_day(text)
            .map(|day| Value::from(day.to_string()))
            .ok_or_else(|| bad(Expected::Day)),
        FieldKind::Code => code_of(field, text)
            .map(Value::from)
            .ok_or_else(|| bad(codes(field))),
        FieldKind::Codes => {
            let mut found = Vec::new();
            for part in text
                .split([',', '\u{ff0c}', '、', ';', '\u{ff1b}', '+', ' '])
                .map(str::trim)
                .filter(|part| !part.is_empty())
            {
                found.push(code_of(field, part).ok_or_else(|| problem(key, part, codes(field)))?);
            }
            found.sort();
            found.dedup();
            Ok(Value::from(found))
        }
        FieldKind::YesNo => match text.to_ascii_lowercase().as_str() {
            "是" | "yes" | "true" | "y" | "1" | "有" => Ok(Value::Bool(true)),
            "否" | "no" | "false" | "n" | "0" | "无" => Ok(Value::Bool(false)),
            _ => Err(bad(Expected::YesNo)),
        },
        FieldKind::Reference => short_text(key, text).map(|()| Value::from(text)),
        FieldKind::Lot if is_lot_id(text) => Ok(Value::from(text)),
        FieldKind::Lot => Err(bad(Expected::Lot)),
        FieldKind::Document => {
            let lower = text.to_ascii_lowercase();
            if is_sha256(&lower) {
                Ok(Value::from(lower))
            } else {
                Err(bad(Expected::Sha256))
            }
        }
    }
}

/// What is wrong with a value that comes as recorded.
pub(super) fn check_value(key: &str, field: &Field, value: &Value) -> Option<FieldProblem> {
    let bad = |expected| Some(problem(key, &show(value), expected));
    let decimal = || value.as_str().and_then(Exact::parse).is_some();
    match field.kind {
        FieldKind::Count => {
            let (min, max) = bounds(field);
            match value.as_i64() {
                Some(n) if (min..=max).contains(&n) => None,
                _ => bad(Expected::Count { min, max }),
            }
        }
        FieldKind::Money => match value.as_i64() {
            Some(n) if (0..=MAX_INTEGER).contains(&n) => None,
            _ => bad(Expected::Money),
        },
        FieldKind::Area if decimal() => None,
        FieldKind::Area => bad(Expected::Area),
        FieldKind::Length if decimal() => None,
        FieldKind::Length => bad(Expected::Length),
        FieldKind::Day => match value.as_str().map(str::parse::<Date>) {
            Some(Ok(_)) => None,
            _ => bad(Expected::Day),
        },
        FieldKind::Code => match value.as_str() {
            Some(code) if field.values.contains_key(code) => None,
            _ => bad(codes(field)),
        },
        FieldKind::Codes => match value.as_array() {
            Some(list)
                if list.iter().all(|code| {
                    code.as_str()
                        .is_some_and(|code| field.values.contains_key(code))
                }) =>
            {
                None
            }
            _ => bad(codes(field)),
        },
        FieldKind::YesNo if value.is_boolean() => None,
        FieldKind::YesNo => bad(Expected::YesNo),
        FieldKind::Reference => match value.as_str() {
            Some(text) => short_text(key, text).err(),
            None => bad(Expected::ShortText),
        },
        FieldKind::Lot if value.as_str().is_some_and(is_lot_id) => None,
        FieldKind::Lot => bad(Expected::Lot),
        FieldKind::Document if value.as_str().is_some_and(is_sha256) => None,
        FieldKind::Document => bad(Expected::Sha256),
    }
}

fn codes(field: &Field) -> Expected {
    Expected::Code(
        field
            .values
            .iter()
            .map(|(code, text)| format!("{code}({})", text.zh))
            .collect(),
    )
}

fn code_of(field: &Field, text: &str) -> Option<String> {
    field
        .values
        .iter()
        .find(|(code, label)| {
            *code == text || label.zh == text || label.en.eq_ignore_ascii_case(text)
        })
        .map(|(code, _)| code.clone())
}

/// `2021-03-11`, also as spreadsheets write it: `2021/3/11`, `2021年3月11日`, `2021.3.11`.
#[must_use]
pub fn parse_day(text: &str) -> Option<Date> {
    let normal = text
        .trim()
        .trim_end_matches('日')
        .replace(['年', '月', '/', '.'], "-");
    let mut parts = normal.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let number = |text: &str| text.trim().parse::<i8>().ok();
    let date = Date::new(year.parse().ok()?, number(month)?, number(day)?).ok()?;
    (1900..=2199).contains(&date.year()).then_some(date)
}

fn money_fen(text: &str) -> Option<i64> {
    let yuan = scaled(
        text,
        &[
            ("亿元", 100_000_000),
            ("亿", 100_000_000),
            ("万元", 10_000),
            ("万", 10_000),
            ("元", 1),
        ],
    )?;
    let fen = yuan.times(100).millionths();
    if fen % 1_000_000 != 0 {
        return None;
    }
    i64::try_from(fen / 1_000_000)
        .ok()
        .filter(|fen| *fen <= MAX_INTEGER)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<Exact> {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, ',' | '\u{ff0c}' | ' '))
        .collect();
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, *factor)))
        .unwrap_or((text.as_str(), 1));
    Exact::parse(number).map(|n| n.times(factor))
}

fn short_text(key: &str, text: &str) -> Result<(), FieldProblem> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(problem(key, text, Expected::ShortText));
    }
    if holds_personal_number(text) {
        return Err(problem(key, text, Expected::NoPersonalValue));
    }
    Ok(())
}

/// Whether a text holds what looks like a mobile phone or an ID number: a run of exactly 11 digits that starts with
/// 13 to 19, or of 18 characters that ends an ID number. Separators inside the run do not hide it.
#[must_use]
pub fn holds_personal_number(text: &str) -> bool {
    let mut run = String::new();
    let mut found = false;
    let mut previous_separator = false;
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_digit() || (matches!(c, 'x' | 'X') && run.len() == 17) {
            run.push(c);
            previous_separator = false;
        } else if matches!(c, ' ' | '-') && !run.is_empty() && !previous_separator {
            previous_separator = true;
        } else {
            found |= is_personal(&run);
            run.clear();
            previous_separator = false;
        }
    }
    found
}

fn is_personal(run: &str) -> bool {
    let bytes = run.as_bytes();
    match bytes.len() {
        11 => bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1]),
        // Digits 7 to 14 of an ID number are a birth date.
        18 => {
            matches!(&run[6..8], "19" | "20")
                && matches!(
                    &run[10..12],
                    "01" | "02"
                        | "03"
                        | "04"
                        | "05"
                        | "06"
                        | "07"
                        | "08"
                        | "09"
                        | "10"
                        | "11"
                        | "12"
                )
        }
        _ => false,
    }
}

/// Whether a text is a SHA-256 in lower-case hex.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_in_the_units_of_the_papers_and_kept_in_fen() {
        assert_eq!(money_fen("1234.56"), Some(123_456));
        assert_eq!(money_fen("12万元"), Some(12_000_000));
        assert_eq!(money_fen("1.8亿元"), Some(18_000_000_000));
        assert_eq!(money_fen("0.001"), None);
        assert_eq!(money_fen("很多"), None);
    }

    #[test]
    fn days_are_read_as_spreadsheets_write_them() {
        for text in ["2021-03-11", "2021/3/11", "2021年3月11日", "2021.3.11"] {
            assert_eq!(
                parse_day(text),
                Some(jiff::civil::date(2021, 3, 11)),
                "{text}"
            );
        }
        for text in ["2021-02-30", "21-3-11", "2021-03", "", "1021-01-01"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }

    #[test]
    fn phone_and_identity_numbers_are_found_in_any_text() {
        for text in [
            "电话13812345678",
            "138-1234-5678",
            "11010519491231002X",
            "联系人 110105 19491231 0021",
        ] {
            assert!(holds_personal_number(text), "{text}");
        }
        for text in [
            "邯发改〔2021〕15号",
            "20210311001",
            "130404202199110101",
            "合同 2021-001-17",
        ] {
            assert!(!holds_personal_number(text), "{text}");
        }
    }
}
