//! Who visits: the language, the path, and what was asked in the query.

use std::convert::Infallible;

use anju_workflows::definition::Lang;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Shared;

/// The cookie that keeps the language.
const COOKIE: &str = "anju_lang";

/// One request, as the pages look at it.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// The language of the answer.
    pub(super) lang: Lang,
    /// The language that was asked for in the query, to be kept.
    pub(super) chosen: Option<Lang>,
    /// The path.
    pub(super) path: String,
    /// The query, decoded, in order. What could not be decoded is not there.
    pub(super) query: Vec<(String, String)>,
}

impl Visit {
    /// Looks at a request. The query decides the language, then the cookie, then `default`.
    pub(super) fn of(parts: &Parts, default: Lang) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| pairs)
            .unwrap_or_default();
        let chosen = query
            .iter()
            .find(|(key, _)| key == "lang")
            .and_then(|(_, value)| word(value));
        Self {
            lang: chosen.or_else(|| kept(&parts.headers)).unwrap_or(default),
            chosen,
            path: parts.uri.path().to_owned(),
            query,
        }
    }

    /// One of two texts, by language.
    pub(super) fn pick<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// A value of the query, trimmed; an empty one is none.
    pub(super) fn asked(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The address of this page with some values of its query changed: `None` takes one away.
    pub(super) fn with(&self, changes: &[(&str, Option<&str>)]) -> String {
        let kept = self
            .query
            .iter()
            .filter(|(key, _)| key != "lang" && !changes.iter().any(|(changed, _)| changed == key))
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let changed = changes
            .iter()
            .filter_map(|(key, value)| value.map(|value| (*key, value)));
        address(&self.path, kept.chain(changed))
    }

    /// The cookie that keeps the language, if one was chosen.
    pub(super) fn cookie(&self) -> Option<String> {
        self.chosen.map(|lang| {
            format!(
                "{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
                code(lang)
            )
        })
    }
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Shared) -> Result<Self, Infallible> {
        Ok(Self::of(parts, site.app.lang))
    }
}

/// The code of a language in addresses and cookies.
pub(super) fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    }
}

fn word(text: &str) -> Option<Lang> {
    match text {
        "zh" => Some(Lang::Zh),
        "en" => Some(Lang::En),
        _ => None,
    }
}

fn kept(headers: &HeaderMap) -> Option<Lang> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| word(cookie.trim().strip_prefix(COOKIE)?.strip_prefix('=')?))
}

/// A path with a query. Keys are ours; values are encoded.
pub(super) fn address<'a>(
    path: &str,
    query: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut address = path.to_owned();
    for (index, (key, value)) in query.into_iter().enumerate() {
        address.push(if index == 0 { '?' } else { '&' });
        encode(&mut address, key);
        address.push('=');
        encode(&mut address, value);
    }
    address
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}
