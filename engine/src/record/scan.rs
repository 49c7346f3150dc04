//! Checking that bytes are a canonical record without building the event: what an audit of a whole log does with
//! almost every record.
//!
//! [`scan`] only ever says yes to what [`super::decode_strict`] says yes to. It says nothing of the rest: whoever gets
//! `None` asks that function, which also knows what is wrong.

use jiff::Timestamp;
use uuid::Uuid;

use super::canonical::MAX_DEPTH;
use super::decode::source_from;
use super::instant::InstantText;
use crate::event::{
    CommandId, MAX_INTEGER, MAX_RECORD_BYTES, OccurredAt, Position, Revision, Source, is_key,
    is_stream_name, is_type_name,
};

/// What a canonical record says of its place, by whom it was appended and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned<'r> {
    pub(crate) position: Position,
    pub(crate) stream: &'r str,
    pub(crate) revision: Revision,
    pub(crate) recorded_at: Timestamp,
    pub(crate) source: Source,
    pub(crate) command_id: CommandId,
}

/// Reads the envelope of a record whose bytes are canonical. `None`: they are not, or only the slow way can tell.
pub(crate) fn scan(record: &str) -> Option<Scanned<'_>> {
    if record.len() > MAX_RECORD_BYTES {
        return None;
    }
    let mut s = Scanner {
        text: record,
        at: 0,
    };
    s.word(r#"{"actor":"#)?;
    s.actor()?;
    if s.has(r#","causation":""#) {
        s.uuid()?;
    }
    let command = match s.has(r#","command_id":""#) {
        true => Some(s.uuid()?),
        false => None,
    };
    if s.has(r#","correlation":""#) {
        s.uuid()?;
    }
    if s.has(r#","data":{"#) {
        // An empty object is left out.
        if s.peek() == Some(b'}') {
            return None;
        }
        s.fields(1)?;
    }
    s.word(r#","id":""#)?;
    let id = s.uuid()?;
    if command == Some(id) {
        // Left out where it says nothing.
        return None;
    }
    s.word(r#","occurred_at":""#)?;
    if !OccurredAt::is_well_formed(s.plain()?) {
        return None;
    }
    s.word(r#","position":"#)?;
    let position = s.digits()?;
    s.word(r#","recorded_at":""#)?;
    let recorded_at = InstantText::parse(s.plain()?)?;
    s.word(r#","revision":"#)?;
    let revision = s.digits()?;
    if s.has(r#","schema":"#) {
        let schema = u32::try_from(s.digits()?).ok()?;
        if schema < 2 {
            return None;
        }
    }
    s.word(r#","source":""#)?;
    let source = source_from(s.plain()?)?;
    s.word(r#","stream":""#)?;
    let stream = s.plain()?;
    s.word(r#","type":""#)?;
    let kind = s.plain()?;
    s.word("}")?;
    let whole = s.at == record.len() && is_stream_name(stream) && is_type_name(kind);
    whole.then_some(Scanned {
        position: Position(position),
        stream,
        revision: Revision(revision),
        recorded_at,
        source,
        command_id: CommandId(command.unwrap_or(id)),
    })
}

struct Scanner<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Scanner<'r> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether this comes next; then it is passed.
    fn has(&mut self, word: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = rest.starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.has(word).then_some(())
    }

    /// A string without escapes, after its opening quote; passes the closing one.
    fn plain(&mut self) -> Option<&'r str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        let len = rest
            .iter()
            .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
        if rest.get(len) != Some(&b'"') {
            return None;
        }
        self.at = start + len + 1;
        self.text.get(start..start + len)
    }

    /// A string, after its opening quote, in the spelling that [`super::canonical`] gives it; passes the closing quote.
    fn string(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = bytes.get(self.at..)?;
            let clean = rest
                .iter()
                .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
            self.at += clean + 1;
            match rest.get(clean) {
                Some(b'"') => return Some(()),
                Some(b'\\') => self.escape()?,
                _ => return None,
            }
        }
    }

    /// What follows a backslash: the shortest spelling of a character that JSON demands an escape for.
    fn escape(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        match rest {
            [b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => self.at += 1,
            [b'u', b'0', b'0', tens @ (b'0' | b'1'), ones, ..] => {
                let ones = match ones {
                    b'0'..=b'9' => ones - b'0',
                    b'a'..=b'f' => ones - b'a' + 10,
                    _ => return None,
                };
                // These have a shorter spelling.
                if matches!((tens - b'0') * 16 + ones, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d) {
                    return None;
                }
                self.at += 5;
            }
            _ => return None,
        }
        Some(())
    }

    /// A UUID in lower case, after its opening quote; passes the closing one.
    fn uuid(&mut self) -> Option<Uuid> {
        let text = self.text.get(self.at..self.at + 36)?;
        let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-');
        if !text.bytes().all(lower) {
            return None;
        }
        let uuid = Uuid::try_parse(text).ok()?;
        self.at += 36;
        self.word("\"")?;
        Some(uuid)
    }

    /// A number without a sign, as an integer is written: at least one digit, no leading zero.
    fn digits(&mut self) -> Option<u64> {
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let first = self.text.as_bytes().get(start);
        let zero_leads = first == Some(&b'0') && self.at > start + 1;
        (self.at > start && !zero_leads).then_some(number)
    }

    fn actor(&mut self) -> Option<()> {
        self.word("{")?;
        if self.has(r#""area":""#) {
            self.string()?;
            self.word(",")?;
        }
        if self.has(r#""person":"psn_"#) {
            self.uuid()?;
            self.word(",")?;
        }
        self.word(r#""role":""#)?;
        self.string()?;
        if self.has(r#","unit":""#) {
            self.string()?;
        }
        self.word("}")
    }

    /// The fields of an object of this depth, after its opening brace; passes the closing one.
    fn fields(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.has("}") {
            return Some(());
        }
        let mut before = "";
        loop {
            self.word("\"")?;
            let key = self.plain()?;
            // Keys are not empty, so the first comes after the empty one too.
            if !is_key(key) || key <= before {
                return None;
            }
            before = key;
            self.word(":")?;
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.has("]") {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let first = self.peek()?;
        match first {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'{' => {
                self.at += 1;
                self.fields(depth)
            }
            b'[' => {
                self.at += 1;
                self.items(depth)
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'0'..=b'9' => self.integer(),
            b'-' => {
                self.at += 1;
                // There is no negative nought.
                (self.peek()? != b'0').then_some(())?;
                self.integer()
            }
            _ => None,
        }
    }

    /// An integer within the bounds of a record, after its sign.
    fn integer(&mut self) -> Option<()> {
        let number = self.digits()?;
        (number <= MAX_INTEGER.unsigned_abs()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::{decode_strict, encode};
    use super::*;
    use crate::event::{Data, RecordedEvent};

    /// What holds of every text: a yes is a yes of the slow way, and says the same.
    fn agrees(text: &str) -> bool {
        let Some(scanned) = scan(text) else {
            return false;
        };
        let event = decode_strict(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(scanned.position, event.position);
        assert_eq!(scanned.stream, event.stream.as_str());
        assert_eq!(scanned.revision, event.revision);
        assert_eq!(scanned.recorded_at, event.recorded_at);
        assert_eq!(scanned.source, event.source);
        assert_eq!(scanned.command_id, event.command_id);
        true
    }

    const PLAIN: &str = r#"{"actor":{"area":"congtai","person":"psn_0190b3a0-0000-7000-8000-00000000000a","role":"clerk","unit":"街道办"},"causation":"0190b3a0-0000-7000-8000-000000000001","command_id":"0190b3a0-0000-7000-8000-000000000002","correlation":"0190b3a0-0000-7000-8000-000000000003","data":{"a":[1,-5,true,false,[],{}],"b":{"x":"居民\"\\\u0001\n"},"c":0},"id":"0190b3a0-0000-7000-8000-000000000004","occurred_at":"2021-03-11T09:30:00+08:00","position":12,"recorded_at":"2021-03-11T01:30:00.000000Z","revision":0,"schema":2,"source":"screen","stream":"project-p.1_2","type":"fact_recorded"}"#;

    #[test]
    fn a_record_with_every_field_is_scanned() {
        assert!(agrees(PLAIN));
    }

    #[test]
    fn a_record_with_the_fewest_fields_is_scanned() {
        assert!(agrees(
            r#"{"actor":{"role":"rule"},"id":"0190b3a0-0000-7000-8000-000000000004","occurred_at":"2021-03-11","position":18446744073709551615,"recorded_at":"2021-03-11T01:30:00.000000Z","revision":18446744073709551615,"source":"rule","stream":"p","type":"t"}"#
        ));
    }

    #[test]
    fn nesting_is_scanned_to_the_limit_and_not_beyond() {
        // Data itself is the first level.
        for (levels, fits) in [(MAX_DEPTH - 1, true), (MAX_DEPTH, false)] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let deep = format!("{}1{}", open.repeat(levels), close.repeat(levels));
                let text = PLAIN.replace(r#""c":0"#, &format!(r#""c":{deep}"#));
                assert_eq!(decode_strict(&text).is_ok(), fits, "{levels} {open}");
                assert_eq!(agrees(&text), fits, "{levels} {open}");
            }
        }
    }

    #[test]
    fn integers_and_lengths_are_scanned_to_their_bounds_and_not_beyond() {
        for (number, fits) in [
            ("9007199254740991", true),
            ("-9007199254740991", true),
            ("9007199254740992", false),
            ("-9007199254740992", false),
            ("-0", false),
            ("01", false),
            ("1.0", false),
            ("1e3", false),
            ("null", false),
        ] {
            let text = PLAIN.replace(r#""c":0"#, &format!(r#""c":{number}"#));
            assert_eq!(decode_strict(&text).is_ok(), fits, "{number}");
            assert_eq!(agrees(&text), fits, "{number}");
        }
        let room = MAX_RECORD_BYTES - PLAIN.len();
        for (more, fits) in [(room, true), (room + 1, false)] {
            let text = PLAIN.replace("congtai", &format!("congtai{}", "x".repeat(more)));
            assert_eq!(decode_strict(&text).is_ok(), fits, "{more}");
            assert_eq!(agrees(&text), fits, "{more}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\x00-\\x7f]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z0-9_]{1,8}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn with_data(data: Data) -> RecordedEvent {
        let mut event = decode_strict(PLAIN).unwrap_or_else(|error| panic!("{error}"));
        event.data = data;
        event
    }

    proptest! {
        /// Not only is a yes right: of canonical records none is left to the slow way.
        #[test]
        fn whatever_is_encoded_is_scanned(
            fields in prop::collection::btree_map("[a-z0-9_]{1,8}", any_value(), 0..6),
            role in any::<String>(),
            unit in any::<Option<String>>(),
            schema in 1..4_u32,
        ) {
            let mut event = with_data(fields.into_iter().collect());
            event.actor.role = role;
            event.actor.unit = unit;
            event.actor.person = None;
            event.schema = schema;
            event.causation = None;
            prop_assert!(agrees(&encode(&event).unwrap()));
        }

        /// A byte changed, dropped or put in anywhere: what is still scanned is still a canonical record.
        #[test]
        fn what_is_scanned_after_a_change_is_a_canonical_record(
            at in 0..PLAIN.len(),
            how in 0..3,
            with in "[ -~\\x00-\\x1f居\u{2028}]",
        ) {
            let mut chars: Vec<char> = PLAIN.chars().collect();
            let at = at % chars.len();
            let with = with.chars().next().unwrap_or(' ');
            match how {
                0 => chars[at] = with,
                1 => { chars.remove(at); }
                _ => chars.insert(at, with),
            }
            agrees(&chars.into_iter().collect::<String>());
        }
    }

    #[test]
    fn every_single_character_change_of_a_record_is_judged_as_the_slow_way_does() {
        let chars: Vec<char> = PLAIN.chars().collect();
        let mut both = (0, 0);
        for at in 0..chars.len() {
            for with in [
                '0', 'a', 'A', '"', '\\', '{', '}', ',', ':', '-', ' ', '\n', 'é',
            ] {
                let mut changed = chars.clone();
                changed[at] = with;
                let text: String = changed.into_iter().collect();
                match agrees(&text) {
                    true => both.0 += 1,
                    false => both.1 += 1,
                }
            }
        }
        // Changes inside a text, a digit for a digit: many are records still, most are not.
        assert!(both.0 > 500 && both.1 > 5_000, "{both:?}");
    }

    #[test]
    fn keys_out_of_order_twice_or_foreign_are_left_to_the_slow_way() {
        for data in [
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"A":1}"#,
            r#"{"":1}"#,
            r#"{}"#,
        ] {
            let text = PLAIN.replace(
                r#"{"a":[1,-5,true,false,[],{}],"b":{"x":"居民\"\\\u0001\n"},"c":0}"#,
                data,
            );
            assert_ne!(text, PLAIN);
            assert!(decode_strict(&text).is_err(), "{data}");
            assert!(scan(&text).is_none(), "{data}");
        }
    }
}
