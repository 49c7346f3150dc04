//! What the end of a record says.

/// The stream and the type of a record, without reading the rest: they are its last two fields, and their words have
/// no escapes. `None` if the text does not end as a record does; decode it to learn why.
///
/// ```
/// use anju_engine::record::stream_and_type;
///
/// let end = r#"{"data":{"type":"x"},"source":"rule","stream":"project-p1","type":"fact_recorded"}"#;
/// assert_eq!(stream_and_type(end), Some(("project-p1", "fact_recorded")));
/// ```
#[must_use]
pub fn stream_and_type(record: &str) -> Option<(&str, &str)> {
    let (rest, kind) = record.strip_suffix("\"}")?.rsplit_once('"')?;
    let (rest, stream) = rest.strip_suffix("\",\"type\":")?.rsplit_once('"')?;
    rest.ends_with(",\"stream\":").then_some((stream, kind))
}

#[cfg(test)]
mod tests {
    use super::stream_and_type;

    #[test]
    fn only_the_last_two_fields_are_taken() {
        let data = r#"{"data":{"note":"\",\"stream\":\"s\",\"type\":\"t"},"source":"rule","stream":"a","type":"b"}"#;
        assert_eq!(stream_and_type(data), Some(("a", "b")));
    }

    #[test]
    fn what_does_not_end_as_a_record_has_none() {
        for text in [
            "",
            "}",
            "\"}",
            r#"{"stream":"a","type":"b"}"#,
            r#"{"x":1,"stream":"a","type":1}"#,
            r#"{"x":1,"stream":"a","type":"b"} "#,
            r#"{"x":1,"stream":{"stream":"a","type":"b"}}"#,
            r#"{"x":1,"type":"b","stream":"a"}"#,
        ] {
            assert_eq!(stream_and_type(text), None, "{text}");
        }
    }
}
