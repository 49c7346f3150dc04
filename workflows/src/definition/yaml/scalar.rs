//! What an unquoted scalar means: the core schema of YAML 1.2, less what could be misread.

use super::{Kind, MAX_INTEGER};

/// Why an unquoted scalar is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A floating point number.
    Float,
    /// A whole number beyond ±[`MAX_INTEGER`].
    TooLarge,
    /// `007`: a number to YAML, a code to the person who wrote it.
    LeadingZero,
}

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Result<Kind, Refused> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Err(Refused::Float),
        _ => match number(text) {
            Some(number) => Kind::Int(number?),
            None => Kind::Text(text.to_owned()),
        },
    })
}

/// `None` if the text is no number at all.
fn number(text: &str) -> Option<Result<i64, Refused>> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return Some(bounded(i64::from_str_radix(digits, radix).ok()));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Err(Refused::Float));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Some(Err(Refused::LeadingZero));
        }
        return Some(bounded(text.parse().ok()));
    }
    is_float(unsigned).then_some(Err(Refused::Float))
}

fn bounded(number: Option<i64>) -> Result<i64, Refused> {
    number
        .filter(|number| (-MAX_INTEGER..=MAX_INTEGER).contains(number))
        .ok_or(Refused::TooLarge)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, below)) => {
            all_digits(whole) && all_digits(below) && !(whole.is_empty() && below.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_scalars_mean_what_the_core_schema_says() {
        for (text, kind) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("TRUE", Kind::Bool(true)),
            ("False", Kind::Bool(false)),
            ("0", Kind::Int(0)),
            ("-17", Kind::Int(-17)),
            ("+3", Kind::Int(3)),
            ("0x1F", Kind::Int(31)),
            ("0o17", Kind::Int(15)),
            ("9007199254740991", Kind::Int(MAX_INTEGER)),
        ] {
            assert_eq!(plain(text), Ok(kind), "{text}");
        }
    }

    #[test]
    fn words_dates_and_shares_are_texts() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "2021-01-20",
            "Y-11-30",
            "80%",
            "2/3",
            "1:30",
            ".",
            "-",
            "+",
            "e3",
            "1e",
            "1.2.3",
            "0x",
            "0xg",
            "tRUE",
            "nul",
            "１２",
        ] {
            assert_eq!(plain(text), Ok(Kind::Text(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn numbers_that_could_be_misread_are_refused_by_reason() {
        for text in ["0.8", "1.", ".5", "1e3", "-1.5E-3", ".inf", "-.INF", ".nan"] {
            assert_eq!(plain(text), Err(Refused::Float), "{text}");
        }
        for text in [
            "9007199254740992",
            "-9007199254740992",
            "99999999999999999999999999",
            "0xffffffffffffffffff",
        ] {
            assert_eq!(plain(text), Err(Refused::TooLarge), "{text}");
        }
        for text in ["007", "00", "-01"] {
            assert_eq!(plain(text), Err(Refused::LeadingZero), "{text}");
        }
    }
}
