//! The little YAML a calendar file needs: maps, lists, text and whole numbers; no anchors, no tags.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use super::definition::CalendarError;

/// The one document in `text` as JSON. A plain scalar of digits is a number, every other is text.
pub(super) fn to_json(text: &str) -> Result<Value, CalendarError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
    };
    let mut document = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return document.ok_or_else(|| fail("it is empty")),
            (Event::StreamStart | Event::DocumentEnd, _) => {}
            (Event::DocumentStart(_), at) if document.is_some() => {
                return Err(fail_at("a second document", at));
            }
            (Event::DocumentStart(_), _) => {
                let (event, at) = reader.next()?;
                document = Some(reader.node(event, at)?);
            }
            (_, at) => return Err(fail_at("something outside the document", at)),
        }
    }
}

struct Reader<'input> {
    parser: Parser<'input, StrInput<'input>>,
}

impl<'input> Reader<'input> {
    fn next(&mut self) -> Result<(Event<'input>, Span), CalendarError> {
        match self.parser.next_event() {
            Some(event) => event.map_err(|error: ScanError| fail(&error.to_string())),
            None => Err(fail("it ends too early")),
        }
    }

    fn node(&mut self, event: Event<'input>, at: Span) -> Result<Value, CalendarError> {
        match event {
            Event::Scalar(text, style, 0, None) => Ok(match text.parse::<i64>() {
                Ok(number) if style == ScalarStyle::Plain => number.into(),
                _ => Value::String(text.into_owned()),
            }),
            Event::SequenceStart(0, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                        (event, at) => items.push(self.node(event, at)?),
                    }
                }
            }
            Event::MappingStart(0, None) => {
                let mut map = Map::new();
                loop {
                    let (key, at) = match self.next()? {
                        (Event::MappingEnd, _) => return Ok(Value::Object(map)),
                        (Event::Scalar(key, ..), at) => (key.into_owned(), at),
                        (_, at) => return Err(fail_at("a key that is not text", at)),
                    };
                    let (event, value_at) = self.next()?;
                    let value = self.node(event, value_at)?;
                    if map.insert(key, value).is_some() {
                        return Err(fail_at("a key given twice", at));
                    }
                }
            }
            _ => Err(fail_at("an anchor, an alias or a tag", at)),
        }
    }
}

fn fail(reason: &str) -> CalendarError {
    CalendarError::Yaml(reason.to_owned())
}

fn fail_at(what: &str, at: Span) -> CalendarError {
    fail(&format!(
        "{what} at line {}, column {}",
        at.start.line(),
        at.start.col() + 1
    ))
}
