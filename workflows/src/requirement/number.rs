//! Exact decimals: shares and sums are compared without rounding.

use std::fmt;

use serde_json::Value;

/// How many decimals are kept: more are refused on entry.
const DECIMALS: u32 = 6;
const UNIT: i128 = 1_000_000;

/// A decimal with at most six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// A whole number.
    #[must_use]
    pub fn whole(value: i64) -> Self {
        Self(i128::from(value) * UNIT)
    }

    /// Reads `123` or `123.45`; at most 15 digits before the point and six after it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 15
            || fraction.len() > DECIMALS as usize
            || !digits(whole)
            || !digits(fraction)
            || (text.contains('.') && fraction.is_empty())
        {
            return None;
        }
        let whole: i128 = whole.parse().ok()?;
        let mut scaled: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().ok()?
        };
        for _ in fraction.len()..DECIMALS as usize {
            scaled *= 10;
        }
        Some(Self(whole * UNIT + scaled))
    }

    /// A recorded value: an integer, or a decimal string.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64().map(Self::whole),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// In millionths.
    #[must_use]
    pub fn millionths(self) -> i128 {
        self.0
    }

    /// The sum; stays at the end of the range instead of overflowing.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; stays at the end of the range instead of overflowing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times; stays at the end of the range instead of overflowing.
    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(i128::from(factor)))
    }

    /// Whether it is more than nothing.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / UNIT;
        let fraction = (self.0 % UNIT).unsigned_abs();
        if fraction == 0 {
            write!(f, "{whole}")
        } else {
            let digits = format!("{fraction:06}");
            write!(f, "{whole}.{}", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_reads_and_prints_the_same() {
        for text in ["0", "12", "12.5", "0.000001", "999999999999999.999999"] {
            assert_eq!(Exact::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "1,000",
            "0.0000001",
            "1234567890123456",
        ] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
    }
}
