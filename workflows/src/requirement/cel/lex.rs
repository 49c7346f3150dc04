//! From letters to tokens.

use super::{MAX_PARTS, Problem};

/// A token with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int(i64),
    Text(String),
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longer signs first: `<=` is not `<` and `=`.
const SIGNS: [&str; 25] = [
    "||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")",
    "[", "]", ",", ".", "{", "}", ";",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        if letter == '/' && letters.get(at + 1) == Some(&'/') {
            while letters.get(at).is_some_and(|letter| *letter != '\n') {
                at += 1;
            }
            continue;
        }
        let start = at;
        let kind = if letter.is_ascii_digit() {
            number(&letters, &mut at)?
        } else if letter.is_ascii_alphabetic() || letter == '_' {
            while letters
                .get(at)
                .is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            {
                at += 1;
            }
            let word: String = letters[start..at].iter().collect();
            if matches!(letters.get(at), Some('"' | '\'')) {
                return Err(Problem::new(
                    start,
                    format!("不支持带前缀“{word}”的文本"),
                    format!("texts with the prefix `{word}` are not supported"),
                ));
            }
            Kind::Word(word)
        } else if letter == '"' || letter == '\'' {
            text_in_quotes(&letters, &mut at, letter)?
        } else {
            let rest: String = letters[at..letters.len().min(at + 2)].iter().collect();
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return Err(Problem::new(
                    at,
                    format!("这里不能有“{letter}”"),
                    format!("`{letter}` cannot stand here"),
                ));
            };
            at += sign.len();
            Kind::Sign(sign)
        };
        tokens.push(Token { at: start, kind });
        // Brackets and commas beside the parts: a bound on the tokens is one on the time to read them.
        if tokens.len() > 4 * MAX_PARTS {
            return Err(Problem::new(
                start,
                "表达式太长",
                "the expression has too many parts",
            ));
        }
    }
    tokens.push(Token {
        at: letters.len(),
        kind: Kind::End,
    });
    Ok(tokens)
}

fn number(letters: &[char], at: &mut usize) -> Result<Kind, Problem> {
    let start = *at;
    while letters.get(*at).is_some_and(char::is_ascii_digit) {
        *at += 1;
    }
    let digits: String = letters[start..*at].iter().collect();
    let fraction =
        letters.get(*at) == Some(&'.') && letters.get(*at + 1).is_some_and(char::is_ascii_digit);
    if fraction || matches!(letters.get(*at), Some('e' | 'E')) {
        return Err(Problem::new(
            start,
            "只能用整数，不能用小数",
            "only whole numbers: no fractions, no exponents",
        ));
    }
    if letters
        .get(*at)
        .is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
    {
        return Err(Problem::new(
            start,
            "数字后面不能跟字母；只能用十进制整数",
            "a number is followed by no letter: whole numbers, in decimal digits",
        ));
    }
    digits.parse().map(Kind::Int).map_err(|_| {
        Problem::new(
            start,
            format!("数字“{digits}”太大"),
            format!("the number {digits} does not fit 64 bits"),
        )
    })
}

fn text_in_quotes(letters: &[char], at: &mut usize, quote: char) -> Result<Kind, Problem> {
    let start = *at;
    let mut text = String::new();
    *at += 1;
    loop {
        match letters.get(*at) {
            Some('\\') => {
                let escaped = match letters.get(*at + 1) {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(letter @ ('\\' | '"' | '\'')) => *letter,
                    _ => {
                        return Err(Problem::new(
                            *at,
                            "文本里的转义只能是 \\n \\t \\\\ \\\" \\'",
                            "the escapes of a text are \\n \\t \\\\ \\\" \\'",
                        ));
                    }
                };
                text.push(escaped);
                *at += 2;
            }
            Some(letter) if *letter == quote => {
                *at += 1;
                return Ok(Kind::Text(text));
            }
            Some('\n') | None => {
                return Err(Problem::new(
                    start,
                    "文本没有结束的引号",
                    "the text has no closing quote",
                ));
            }
            Some(letter) => {
                text.push(*letter);
                *at += 1;
            }
        }
    }
}
