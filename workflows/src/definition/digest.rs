//! What a definition is known by: the SHA-256 of its RFC 8785 JSON.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Definition;

impl Definition {
    /// The resolved model as RFC 8785 JSON: keys in UTF-16 order, no spaces. A definition that was read from YAML
    /// holds no floating point numbers.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        // A definition is maps with text keys, texts and numbers: nothing of it can fail to become JSON.
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut out = String::new();
        write_canonical(&value, &mut out);
        out
    }

    /// The lower-case hex SHA-256 of [`canonical_json`](Self::canonical_json).
    #[must_use]
    pub fn digest(&self) -> String {
        let hash = Sha256::digest(self.canonical_json().as_bytes());
        hash.iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_string(text, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_stand_in_utf16_order_and_only_what_must_be_is_escaped() {
        let mut out = String::new();
        write_canonical(
            &json!({"\u{fb33}": 1, "\u{1f600}": 2, "b": ["\u{1}\u{7f}\"\\/\n", -5, null], "a": {"é": true}}),
            &mut out,
        );
        // U+1F600 is the surrogate pair d83d de00 and sorts before U+FB33, unlike in UTF-8.
        assert_eq!(
            out,
            "{\"a\":{\"é\":true},\"b\":[\"\\u0001\u{7f}\\\"\\\\/\\n\",-5,null],\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }
}
