//! What stands before every page: the host, the origin, the time, and the headers of every answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anju_engine::event::Position;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::trouble::Trouble;
use super::visit::Visit;
use super::{Shared, Site};

/// How long one answer may take, the reading of a form included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a page waits for the position it was asked to reflect.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing is loaded but our own style sheet and icon, nothing is run, nobody frames the pages.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

/// Refuses what does not come from our own pages, bounds the time, and puts the headers on every answer.
pub(super) async fn guard(State(site): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts, site.app.lang);
    let mut response = match refuse(&site, &parts.method, &parts.headers) {
        Some(trouble) => trouble.page(&site, &visit).await,
        None => {
            let answer = async {
                match arrived(&site, &visit).await {
                    Ok(()) => next.run(Request::from_parts(parts, body)).await,
                    Err(trouble) => trouble.page(&site, &visit).await,
                }
            };
            match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
                Ok(response) => response,
                Err(_) => Trouble::TooSlow.page(&site, &visit).await,
            }
        }
    };
    put_headers(response.headers_mut(), visit.cookie().as_deref());
    response
}

/// Waits until the views have reached the position that `at_least` asks for: whoever was told of a position by one
/// server finds it on the pages of every other.
async fn arrived(site: &Shared, visit: &Visit) -> Result<(), Trouble> {
    let Some(asked) = visit.asked("at_least") else {
        return Ok(());
    };
    let position = asked.parse().map_err(|_| Trouble::BadValue {
        what: ("位置", "a position"),
        value: asked.to_owned(),
    })?;
    let views = site.app.views_as_they_stand().await?;
    views
        .at_least(Position(position), ARRIVAL_TIMEOUT)
        .await
        .map(|_| ())
        .map_err(Trouble::from)
}

fn refuse(site: &Site, method: &Method, headers: &HeaderMap) -> Option<Trouble> {
    let host = match headers.get(header::HOST).map(HeaderValue::to_str) {
        Some(Ok(host)) => host,
        _ => return Some(Trouble::WrongHost),
    };
    // A name that somebody points at this machine (DNS rebinding) is not one of ours.
    if site.address.ip().is_loopback() && !is_our_host(host, site) {
        return Some(Trouble::WrongHost);
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    if !from_our_pages(host, headers) {
        return Some(Trouble::ForeignForm);
    }
    if !site.writable {
        return Some(Trouble::ReadOnly);
    }
    None
}

/// Whether a host is this machine's loopback, with our port.
fn is_our_host(host: &str, site: &Site) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
            (name, Some(port))
        }
        _ => (host, None),
    };
    // A client leaves out the port of plain HTTP.
    let port_fits = port.map_or(site.address.port() == 80, |port| {
        port.parse() == Ok(site.address.port())
    });
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let name_fits = name.eq_ignore_ascii_case("localhost")
        || name.parse() == Ok(Ipv4Addr::LOCALHOST)
        || bare.is_some_and(|name| name.parse() == Ok(Ipv6Addr::LOCALHOST))
        || bare.unwrap_or(name).parse::<IpAddr>() == Ok(site.address.ip());
    port_fits && name_fits
}

/// Whether a form was sent from one of our own pages. Browsers say so by themselves, and no page can make them lie;
/// who says nothing at all is refused as well.
fn from_our_pages(host: &str, headers: &HeaderMap) -> bool {
    let fetch_site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let ours = format!("http://{host}");
    let fetch_fits = fetch_site.is_none_or(|site| site == b"same-origin");
    let origin_fits = origin.is_none_or(|origin| origin.eq_ignore_ascii_case(ours.as_bytes()));
    (fetch_site.is_some() || origin.is_some()) && fetch_fits && origin_fits
}

fn put_headers(headers: &mut HeaderMap, cookie: Option<&str>) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The browser must still name the origin of our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What the pages show stays out of shared caches and of the disk; the style sheet says otherwise for itself.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.append(header::SET_COOKIE, cookie);
    }
}
