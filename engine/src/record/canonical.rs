//! Writing RFC 8785 JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Draft;
use crate::event::{
    Actor, CommandId, Data, EventId, EventType, MAX_INTEGER, OccurredAt, Source, StreamId, is_key,
};
use crate::log::InvalidAppend;

/// How deep data may nest. JSON readers give up at various depths; nobody's facts need a tenth of this.
pub const MAX_DEPTH: usize = 32;

/// Everything of a record that does not depend on its place in the log.
pub(super) struct Envelope<'a> {
    pub(super) actor: &'a Actor,
    pub(super) causation: Option<EventId>,
    pub(super) command_id: CommandId,
    pub(super) correlation: Option<Uuid>,
    pub(super) data: &'a Data,
    pub(super) id: EventId,
    pub(super) occurred_at: &'a OccurredAt,
    pub(super) schema: u32,
    pub(super) source: Source,
    pub(super) stream: &'a StreamId,
    pub(super) kind: &'a EventType,
}

pub(super) fn halves(e: &Envelope<'_>) -> Result<Draft, InvalidAppend> {
    if e.schema == 0 {
        return Err(InvalidAppend::Value {
            path: "schema".to_owned(),
            value: "0".to_owned(),
            expected: "1 or more",
        });
    }
    let mut head = String::with_capacity(512);
    head.push_str(r#"{"actor":"#);
    actor(&mut head, e.actor);
    if let Some(EventId(id)) = e.causation {
        uuid(&mut head, r#","causation":""#, id);
    }
    if e.command_id.0 != e.id.0 {
        uuid(&mut head, r#","command_id":""#, e.command_id.0);
    }
    if let Some(id) = e.correlation {
        uuid(&mut head, r#","correlation":""#, id);
    }
    if !e.data.is_empty() {
        head.push_str(r#","data":"#);
        object(&mut head, e.data, 1).map_err(|refusal| refusal.under("data"))?;
    }
    uuid(&mut head, r#","id":""#, e.id.0);
    head.push_str(r#","occurred_at":"#);
    string(&mut head, e.occurred_at.as_str());
    head.push_str(r#","position":"#);

    let mut tail = String::with_capacity(128);
    if e.schema != 1 {
        let _ = write!(tail, r#","schema":{}"#, e.schema);
    }
    // Stream and type have no character that JSON escapes; a source is a fixed word.
    let _ = write!(
        tail,
        r#","source":"{}","stream":"{}","type":"{}"}}"#,
        source_name(e.source),
        e.stream.as_str(),
        e.kind.as_str()
    );
    Ok(Draft { head, tail })
}

pub(super) fn source_name(source: Source) -> &'static str {
    match source {
        Source::Screen => "screen",
        Source::Excel => "excel",
        Source::Phone => "phone",
        Source::Interface => "interface",
        Source::Rule => "rule",
        Source::Simulation => "simulation",
    }
}

fn actor(out: &mut String, actor: &Actor) {
    out.push('{');
    if let Some(area) = &actor.area {
        out.push_str(r#""area":"#);
        string(out, area);
        out.push(',');
    }
    if let Some(person) = actor.person {
        uuid(out, r#""person":"psn_"#, person.0);
        out.push(',');
    }
    out.push_str(r#""role":"#);
    string(out, &actor.role);
    if let Some(unit) = &actor.unit {
        out.push_str(r#","unit":"#);
        string(out, unit);
    }
    out.push('}');
}

/// Writes `before`, the UUID and the closing quote.
fn uuid(out: &mut String, before: &str, id: Uuid) {
    out.push_str(before);
    out.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    out.push('"');
}

/// The RFC 8785 bytes of a value under the rules of records: keys `[a-z0-9_]+`, no nulls, no floats,
/// integers within ±(2^53 − 1), at most [`MAX_DEPTH`] levels. Digests of commands and definitions are taken
/// over these bytes.
///
/// # Errors
/// [`InvalidAppend::Value`] with the path of the first value that is not allowed.
pub fn canonical_json(root: &Value) -> Result<String, InvalidAppend> {
    let mut out = String::with_capacity(256);
    value(&mut out, root, 1)?;
    Ok(out)
}

/// A value that a record may not hold; its path is collected on the way up.
struct Refusal {
    /// The innermost segment first.
    path: Vec<String>,
    value: String,
    expected: &'static str,
}

impl Refusal {
    fn new(value: impl ToString, expected: &'static str) -> Box<Self> {
        Box::new(Self {
            path: Vec::new(),
            value: value.to_string(),
            expected,
        })
    }

    fn under(mut self: Box<Self>, segment: &str) -> Box<Self> {
        self.path.push(segment.to_owned());
        self
    }
}

impl From<Box<Refusal>> for InvalidAppend {
    fn from(mut refusal: Box<Refusal>) -> Self {
        refusal.path.reverse();
        // What is refused may be huge; the message only has to let the reader find it.
        let mut value = refusal.value;
        if let Some((end, _)) = value.char_indices().nth(80) {
            value.truncate(end);
            value.push('…');
        }
        Self::Value {
            path: refusal.path.join("."),
            value,
            expected: refusal.expected,
        }
    }
}

fn value(out: &mut String, v: &Value, depth: usize) -> Result<(), Box<Refusal>> {
    match v {
        Value::Null => Err(Refusal::new("null", "a value, or no such key")),
        Value::Bool(true) => {
            out.push_str("true");
            Ok(())
        }
        Value::Bool(false) => {
            out.push_str("false");
            Ok(())
        }
        Value::Number(number) => {
            let Some(n) = number
                .as_i64()
                .filter(|n| (-MAX_INTEGER..=MAX_INTEGER).contains(n))
            else {
                return Err(Refusal::new(
                    number,
                    "an integer within ±9007199254740991 (a measure is a decimal string)",
                ));
            };
            let _ = write!(out, "{n}");
            Ok(())
        }
        Value::String(text) => {
            string(out, text);
            Ok(())
        }
        Value::Array(items) => {
            if depth > MAX_DEPTH {
                return Err(Refusal::new("[…]", "at most 32 levels"));
            }
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                value(out, item, depth + 1).map_err(|refusal| refusal.under(&i.to_string()))?;
            }
            out.push(']');
            Ok(())
        }
        Value::Object(fields) => object(out, fields, depth),
    }
}

fn object(out: &mut String, fields: &Map<String, Value>, depth: usize) -> Result<(), Box<Refusal>> {
    if depth > MAX_DEPTH {
        return Err(Refusal::new("{…}", "at most 32 levels"));
    }
    // Sorted by the map itself, unless some crate of the build asks serde_json to keep insertion order.
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    if !sorted.is_sorted_by_key(|(key, _)| *key) {
        sorted.sort_unstable_by_key(|(key, _)| *key);
    }
    out.push('{');
    for (i, (key, field)) in sorted.into_iter().enumerate() {
        if !is_key(key) {
            return Err(Refusal::new(key, "a key of the characters a-z, 0-9 and '_'").under(key));
        }
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(key);
        out.push_str("\":");
        value(out, field, depth + 1).map_err(|refusal| refusal.under(key))?;
    }
    out.push('}');
    Ok(())
}

/// Writes a string as RFC 8785 section 3.2.2.2 asks: the shortest escape, and only where JSON demands one.
fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            b'\t' => "\\t",
            b'\n' => "\\n",
            0x0c => "\\f",
            b'\r' => "\\r",
            0x00..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[clean..at]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        clean = at + 1;
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(v: &Value) -> (String, String) {
        match canonical_json(v) {
            Err(InvalidAppend::Value { path, value, .. }) => (path, value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        let v = json!({"b": [1, {"z": true, "a": "x"}], "a_1": -5, "a": {}});
        assert_eq!(
            canonical_json(&v).unwrap(),
            r#"{"a":{},"a_1":-5,"b":[1,{"a":"x","z":true}]}"#
        );
    }

    #[test]
    fn only_what_json_demands_is_escaped_and_in_the_shortest_way() {
        let text = "\"\\/\u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}\u{2028}居民😀é";
        assert_eq!(
            canonical_json(&json!(text)).unwrap(),
            "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\u{2028}居民😀é\""
        );
    }

    #[test]
    fn integers_hold_to_the_bounds_and_not_beyond() {
        assert_eq!(
            canonical_json(&json!([MAX_INTEGER, -MAX_INTEGER, 0])).unwrap(),
            "[9007199254740991,-9007199254740991,0]"
        );
        for over in [
            json!(MAX_INTEGER + 1),
            json!(-MAX_INTEGER - 1),
            json!(u64::MAX),
        ] {
            assert_eq!(refusal(&json!({"a": over})).0, "a");
        }
    }

    #[test]
    fn floats_nulls_and_foreign_keys_are_refused_with_their_path() {
        assert_eq!(
            refusal(&json!({"a": [0, 1.5]})),
            ("a.1".into(), "1.5".into())
        );
        assert_eq!(refusal(&json!({"a": {"b": 1.0}})).0, "a.b");
        assert_eq!(refusal(&json!({"a": {"b": null}})).0, "a.b");
        for key in ["", "A", "a-b", "面积", "a b", "é"] {
            assert_eq!(refusal(&json!({key: 1})), (key.into(), key.into()));
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(canonical_json(&nest(MAX_DEPTH)).is_ok());
        assert!(canonical_json(&nest(MAX_DEPTH + 1)).is_err());
    }
}
