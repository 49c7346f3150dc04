//! Exact fractions: thresholds are compared by multiplication, never by division or rounding.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The most digits after the point that a percentage may have.
const MAX_DECIMALS: usize = 12;

/// A fraction in lowest terms. Written `"80%"`, `"66.7%"`, `"80/100"` or `"2/3"`; in JSON always `"num/den"` in
/// lowest terms, so that equal thresholds have equal digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fraction {
    num: u64,
    den: u64,
}

/// Why a text is no fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FractionError {
    /// Neither `80%` nor `2/3`.
    #[error("expected a fraction such as \"80%\", \"66.7%\" or \"2/3\"")]
    Syntax,
    /// The denominator is 0.
    #[error("the denominator of a fraction cannot be 0")]
    ZeroDenominator,
    /// A number of the fraction does not fit 64 bits, or the percentage has more than 12 decimals.
    #[error("the numbers of a fraction must fit 64 bits, with at most 12 decimals")]
    TooLarge,
}

impl Fraction {
    /// One: all of it.
    pub const WHOLE: Self = Self { num: 1, den: 1 };

    /// `num/den`, reduced.
    ///
    /// # Errors
    /// [`FractionError::ZeroDenominator`] if `den` is 0.
    pub fn new(num: u64, den: u64) -> Result<Self, FractionError> {
        if den == 0 {
            return Err(FractionError::ZeroDenominator);
        }
        let divisor = greatest_common_divisor(num, den);
        Ok(Self {
            num: num / divisor,
            den: den / divisor,
        })
    }

    /// The numerator, in lowest terms.
    #[must_use]
    pub fn num(self) -> u64 {
        self.num
    }

    /// The denominator, in lowest terms; never 0.
    #[must_use]
    pub fn den(self) -> u64 {
        self.den
    }

    /// Whether `of / over` is at least this fraction (the threshold itself suffices). A base of 0 reaches nothing.
    #[must_use]
    pub fn is_reached_by(self, of: u128, over: u128) -> bool {
        over != 0 && self.compare(of, over) != Ordering::Less
    }

    /// Whether `of / over` is more than this fraction (the threshold itself does not suffice). A base of 0 exceeds
    /// nothing.
    #[must_use]
    pub fn is_exceeded_by(self, of: u128, over: u128) -> bool {
        over != 0 && self.compare(of, over) == Ordering::Greater
    }

    /// How `of / over` compares with this fraction, by cross-multiplication. `over` must not be 0.
    fn compare(self, of: u128, over: u128) -> Ordering {
        product(of, self.den).cmp(&product(over, self.num))
    }

    /// How two fractions compare.
    #[must_use]
    pub fn compare_to(self, other: Self) -> Ordering {
        (u128::from(self.num) * u128::from(other.den))
            .cmp(&(u128::from(other.num) * u128::from(self.den)))
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.num == 0
    }

    /// Whether it is 1.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.num == self.den
    }

    /// Whether it is more than 1.
    #[must_use]
    pub fn is_above_whole(self) -> bool {
        self.num > self.den
    }

    /// The smallest whole number `n` with `n / over` at least (or, if `exclusive`, more than) this fraction; `None`
    /// if it does not fit. This is what "22 households are missing" is computed from.
    #[must_use]
    pub fn least_count(self, over: u64, exclusive: bool) -> Option<u64> {
        let scaled = u128::from(self.num) * u128::from(over);
        let den = u128::from(self.den);
        let least = if exclusive {
            scaled / den + 1
        } else {
            scaled.div_ceil(den)
        };
        u64::try_from(least).ok()
    }
}

/// A 128-bit by 64-bit product in 192 bits, as (high 128, low 64), so that comparing cannot overflow.
fn product(wide: u128, narrow: u64) -> (u128, u64) {
    const LOW: u128 = u64::MAX as u128;
    let narrow = u128::from(narrow);
    let low = (wide & LOW) * narrow;
    let high = (wide >> 64) * narrow + (low >> 64);
    ((high), (low & LOW) as u64)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn digits(text: &str) -> Result<u64, FractionError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FractionError::Syntax);
    }
    text.parse().map_err(|_| FractionError::TooLarge)
}

impl FromStr for Fraction {
    type Err = FractionError;

    fn from_str(text: &str) -> Result<Self, FractionError> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix(['%', '％']) {
            let (whole, decimals) = match percent.trim_end().split_once('.') {
                Some((whole, decimals)) => (whole, Some(decimals)),
                None => (percent.trim_end(), None),
            };
            let mut num = digits(whole)?;
            let mut den = 100_u64;
            if let Some(decimals) = decimals {
                let below = digits(decimals)?;
                if decimals.len() > MAX_DECIMALS {
                    return Err(FractionError::TooLarge);
                }
                let scale = 10_u64.pow(u32::try_from(decimals.len()).unwrap_or(0));
                num = num
                    .checked_mul(scale)
                    .and_then(|num| num.checked_add(below))
                    .ok_or(FractionError::TooLarge)?;
                den *= scale;
            }
            return Self::new(num, den);
        }
        let (num, den) = text.split_once('/').ok_or(FractionError::Syntax)?;
        Self::new(digits(num.trim_end())?, digits(den.trim_start())?)
    }
}

impl TryFrom<String> for Fraction {
    type Error = FractionError;
    fn try_from(text: String) -> Result<Self, FractionError> {
        text.parse()
    }
}

impl JsonSchema for Fraction {
    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An exact fraction: `80%`, `66.7%`, `80/100` or `2/3`. It is compared by multiplication, never \
                            rounded; `0.8` is refused.",
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]{1,12})?%|[0-9]+/0*[1-9][0-9]*)$",
            "examples": ["80%", "2/3"],
        })
    }
}

impl From<Fraction> for String {
    fn from(fraction: Fraction) -> Self {
        format!("{}/{}", fraction.num, fraction.den)
    }
}

/// `80%`, `66.7%` where at most two decimals say it exactly, else `2/3`.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (decimals, whole) in [(0_usize, 100_u64), (1, 1_000), (2, 10_000)] {
            if whole % self.den != 0 {
                continue;
            }
            let scaled = u128::from(self.num) * u128::from(whole / self.den);
            let unit = 10_u128.pow(u32::try_from(decimals).unwrap_or(0));
            return if decimals == 0 {
                write!(f, "{scaled}%")
            } else {
                write!(f, "{}.{:0decimals$}%", scaled / unit, scaled % unit)
            };
        }
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(text: &str) -> Fraction {
        text.parse().unwrap()
    }

    #[test]
    fn a_percentage_is_an_exact_fraction() {
        assert_eq!(fraction("80%"), fraction("80/100"));
        assert_eq!(fraction("80%"), fraction("4/5"));
        let fine = fraction("66.7%");
        assert_eq!((fine.num(), fine.den()), (667, 1000));
        assert_ne!(fine, fraction("2/3"));
    }

    #[test]
    fn it_is_shown_as_a_percentage_only_where_that_is_exact() {
        for (text, shown) in [
            ("80/100", "80%"),
            ("2/3", "2/3"),
            ("66.7%", "66.7%"),
            ("3/4", "75%"),
            ("1/8", "12.5%"),
            ("0.05%", "0.05%"),
            ("101%", "101%"),
            ("1/3", "1/3"),
        ] {
            assert_eq!(fraction(text).to_string(), shown);
        }
    }

    #[test]
    fn texts_that_are_no_fraction_are_refused_by_reason() {
        for text in [
            "", "80", "%", "a%", "-1%", "1.%", ".5%", "1/", "/2", "1/2/3", "1e2%",
        ] {
            assert_eq!(
                text.parse::<Fraction>(),
                Err(FractionError::Syntax),
                "{text:?}"
            );
        }
        assert_eq!(
            "1/0".parse::<Fraction>(),
            Err(FractionError::ZeroDenominator)
        );
        assert_eq!(
            "99999999999999999999/1".parse::<Fraction>(),
            Err(FractionError::TooLarge)
        );
        assert_eq!(
            "1.0000000000001%".parse::<Fraction>(),
            Err(FractionError::TooLarge)
        );
    }

    #[test]
    fn the_threshold_itself_reaches_but_does_not_exceed() {
        let two_thirds = fraction("2/3");
        assert!(two_thirds.is_reached_by(2, 3));
        assert!(!two_thirds.is_exceeded_by(2, 3));
        assert!(!two_thirds.is_reached_by(666_666, 1_000_000));
        assert!(two_thirds.is_exceeded_by(666_667, 1_000_000));
        assert!(!two_thirds.is_reached_by(5, 0));
        assert!(!fraction("0/1").is_reached_by(0, 0));
    }

    #[test]
    fn the_largest_numbers_compare_without_overflow() {
        let nearly = Fraction::new(u64::MAX - 1, u64::MAX).unwrap();
        assert!(nearly.is_exceeded_by(u128::MAX, u128::MAX));
        assert!(!nearly.is_reached_by(u128::MAX - (1 << 65), u128::MAX));
        assert!(nearly.is_reached_by(u128::MAX - (1 << 63), u128::MAX));
    }

    #[test]
    fn the_least_count_is_the_first_that_satisfies() {
        assert_eq!(fraction("80%").least_count(101, false), Some(81));
        assert_eq!(fraction("80%").least_count(100, false), Some(80));
        assert_eq!(fraction("80%").least_count(100, true), Some(81));
    }

    proptest::proptest! {
        #[test]
        fn reading_back_what_json_holds_gives_the_same_fraction(num: u64, den in 1_u64..) {
            let fraction = Fraction::new(num, den).unwrap();
            let json = serde_json::to_string(&fraction).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Fraction>(&json).unwrap(), fraction);
        }

        #[test]
        fn the_least_count_reaches_and_one_less_does_not(num in 0_u64..2000, den in 1_u64..2000, over in 1_u64..100_000) {
            let fraction = Fraction::new(num, den).unwrap();
            let least = fraction.least_count(over, false).unwrap();
            proptest::prop_assert!(fraction.is_reached_by(least.into(), over.into()));
            proptest::prop_assert!(least == 0 || !fraction.is_reached_by((least - 1).into(), over.into()));
            let more = fraction.least_count(over, true).unwrap();
            proptest::prop_assert!(fraction.is_exceeded_by(more.into(), over.into()));
            proptest::prop_assert!(more == 0 || !fraction.is_exceeded_by((more - 1).into(), over.into()));
        }
    }
}
