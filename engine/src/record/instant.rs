//! Instants as a record writes them: UTC, exactly six decimals, `Z`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// `2021-03-11T01:30:00.000000Z`: always 27 bytes, so its order as text is its order in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstantText(String);

/// How many bytes the text of an instant has.
const LEN: usize = 27;

impl InstantText {
    /// The text of an instant; what is finer than a microsecond is cut off.
    #[must_use]
    pub fn new(instant: Timestamp) -> Self {
        let t = Offset::UTC.to_datetime(micros(instant));
        Self(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            // Four digits cannot say a year before 0; no log was recorded then.
            t.year().max(0),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.subsec_nanosecond() / 1_000
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads exactly what [`InstantText::new`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let b = text.as_bytes();
        if b.len() != LEN {
            return None;
        }
        for (at, sign) in [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
        ] {
            if b[at] != sign {
                return None;
            }
        }
        if b[26] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            b[from..to].iter().try_fold(0_i32, |n, d| {
                d.is_ascii_digit().then(|| n * 10 + i32::from(d - b'0'))
            })
        };
        let small = |from: usize| number(from, from + 2).and_then(|n| i8::try_from(n).ok());
        let time = DateTime::new(
            i16::try_from(number(0, 4)?).ok()?,
            small(5)?,
            small(8)?,
            small(11)?,
            small(14)?,
            small(17)?,
            number(20, 26)? * 1_000,
        )
        .ok()?;
        Offset::UTC.to_timestamp(time).ok()
    }
}

/// The instant cut to whole microseconds, which is what a record keeps.
#[must_use]
pub fn micros(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_with_six_decimals_and_read_back() {
        let instant: Timestamp = "2021-03-11T09:30:00.1234567+08:00".parse().unwrap();
        let text = InstantText::new(instant);
        assert_eq!(text.as_str(), "2021-03-11T01:30:00.123456Z");
        assert_eq!(InstantText::parse(text.as_str()), Some(micros(instant)));
    }

    #[test]
    fn any_other_spelling_of_an_instant_is_refused() {
        for text in [
            "2021-03-11T01:30:00Z",
            "2021-03-11T01:30:00.123456+00:00",
            "2021-03-11 01:30:00.123456Z",
            "2021-02-30T01:30:00.123456Z",
            "2021-03-11T24:30:00.123456Z",
            "2021-03-11T01:30:00.12345xZ",
            "2021-03-11T01:30:0中.12345Z",
            "",
        ] {
            assert_eq!(InstantText::parse(text), None, "{text}");
        }
    }
}
