//! `anju verify-bundle`: no store, no server, nothing but the file and the public key.

use std::collections::BTreeMap;

use anju_engine::bundle::{Bundle, VerifiedBundle};
use anju_engine::checkpoint::VerifierKey;
use anju_engine::event::RecordedEvent;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, Lang};
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::{ProjectId, UnreadableEvent};
use anju_workflows::publish::{
    CALENDAR_STREAM, Publications, PublishedError, definition_stream, hex,
};
use serde_json::{Value, json};

use super::cited::{Cited, digest_of};
use super::words::{Refusal, bundled};
use super::{VerifyBundleArgs, key, story};
use crate::app::Failure;
use crate::cli::Out;

/// `anju verify-bundle`.
pub fn verify_bundle(args: &VerifyBundleArgs, out: &Out) -> Result<(), Failure> {
    let key = key::verifier(&args.key)?;
    let bytes = std::fs::read(&args.file).map_err(|error| {
        let path = args.file.display();
        Failure::usage(
            format!("无法读取 {path}({error})"),
            format!("cannot read {path} ({error})"),
        )
    })?;
    let proved = match prove(&bytes, &key, args.origin.as_deref()) {
        Ok(proved) => proved,
        Err(Problem::Refused(refusal)) => return Err(refusal.tell(out)),
        Err(Problem::Failed(failure)) => return Err(failure),
    };
    out.answer(&proved.json(&key, out.lang), || proved.text(&key, out));
    Ok(())
}

enum Problem {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A project as its bundle proves it.
struct Proved {
    bundle: VerifiedBundle,
    records: usize,
    state: ProjectState,
    /// The definitions cited, by digest.
    definitions: BTreeMap<String, Definition>,
    /// The calendars cited, and whether the log has them: the one that this build brings need not be published.
    calendars: BTreeMap<String, bool>,
}

fn prove(bytes: &[u8], key: &VerifierKey, origin: Option<&str>) -> Result<Proved, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Refusal::new("malformed", "文件不是文本", "the file is no text"))?;
    let named = key::names_a_log(key.name()).then(|| key.name());
    let refused = |error| match bundled(error) {
        Ok(refusal) => Problem::Refused(refusal),
        Err(failure) => Problem::Failed(failure),
    };
    let bundle = Bundle::parse(text).map_err(refused)?;
    let records = bundle.len();
    let bundle = bundle.verify(key, origin.or(named)).map_err(refused)?;
    let project = ProjectId::of_stream(&bundle.subject).ok_or_else(|| {
        Refusal::new(
            "no_project",
            format!("证据包的对象“{}”不是项目", bundle.subject),
            format!(
                "the bundle is about {:?}, which is no project",
                bundle.subject.as_str()
            ),
        )
    })?;
    let mut state = None;
    for event in &bundle.events {
        state = ProjectState::evolve_recorded(state, &project, event)
            .map_err(|error| unreadable(event, &error))?;
    }
    let state = state.ok_or_else(|| {
        Refusal::new(
            "bad_record",
            "第一条事件不是登记",
            "the first event does not register the project",
        )
    })?;
    let cited = Cited::of(&bundle.events).map_err(|error| unreadable(&bundle.first, &error))?;
    let definitions = definitions(&bundle, &cited, &state)?;
    let calendars = calendars(&bundle, &cited)?;
    only_what_is_cited(&bundle, &cited)?;
    Ok(Proved {
        bundle,
        records,
        state,
        definitions,
        calendars,
    })
}

fn unreadable(event: &RecordedEvent, error: &UnreadableEvent) -> Refusal {
    Refusal::new(
        "newer_format",
        format!("事件 {} 无法读取({})。是否由更新的版本写入?请用更新的 anju 校验", error.kind, error.detail),
        format!("event {} could not be read ({}). Was it written by a newer build? Verify it with a newer anju", error.kind, error.detail),
    )
    .at(event.position.0)
}

/// What a stream of publications in the bundle holds.
fn published(bundle: &VerifiedBundle, stream: &str, digest: &str) -> Publications {
    Publications::fold(
        bundle
            .others
            .iter()
            .filter(|event| event.stream.as_str() == stream && digest_of(event) == Some(digest)),
    )
}

fn bad_publication(error: PublishedError) -> Refusal {
    match error {
        PublishedError::Digest { what, digest } => Refusal::new(
            "digest_mismatch",
            format!("{what} {digest} 的文本与摘要不符"),
            format!("the text of {what} {digest} has another digest"),
        ),
        PublishedError::Unreadable {
            what,
            digest,
            detail,
        } => Refusal::new(
            "newer_format",
            format!("{what} {digest} 无法读取({detail})。请用更新的 anju 校验"),
            format!("{what} {digest} could not be read ({detail}). Verify it with a newer anju"),
        ),
    }
}

fn missing(what: (&str, &str), digest: &str) -> Refusal {
    Refusal::new(
        "missing_basis",
        format!("证据包缺少所引用的{} {digest}", what.0),
        format!("the bundle misses the {} {digest} that events cite", what.1),
    )
}

/// Every definition cited must be there under its digest, the one that the project is bound to among them.
fn definitions(
    bundle: &VerifiedBundle,
    cited: &Cited,
    state: &ProjectState,
) -> Result<BTreeMap<String, Definition>, Refusal> {
    let stream = definition_stream(&cited.programme)
        .map_err(|error| Refusal::new("bad_record", error.to_string(), error.to_string()))?;
    let mut found = BTreeMap::new();
    for digest in &cited.definitions {
        let absent = || missing(("流程定义", "definition"), digest);
        let definition = published(bundle, stream.as_str(), digest)
            .definition(digest)
            .map_err(bad_publication)?
            .ok_or_else(absent)?;
        found.insert(digest.clone(), definition);
    }
    match found.contains_key(&state.registered.definition) {
        true => Ok(found),
        false => Err(missing(
            ("流程定义", "definition"),
            &state.registered.definition,
        )),
    }
}

fn calendars(bundle: &VerifiedBundle, cited: &Cited) -> Result<BTreeMap<String, bool>, Refusal> {
    let mut found = BTreeMap::new();
    for digest in &cited.calendars {
        let calendar = published(bundle, CALENDAR_STREAM, digest)
            .calendar()
            .map_err(bad_publication)?;
        let here = calendar.is_some_and(|calendar| calendar.digest() == digest);
        if !here && digest != Calendar::builtin().digest() {
            return Err(missing(("日历", "calendar"), digest));
        }
        found.insert(digest.clone(), here);
    }
    Ok(found)
}

/// Nothing rides along: every other record is part of a publication that the project's events cite.
fn only_what_is_cited(bundle: &VerifiedBundle, cited: &Cited) -> Result<(), Refusal> {
    let definitions = format!("definition-{}", cited.programme);
    for event in &bundle.others {
        let digests = match event.stream.as_str() {
            CALENDAR_STREAM => &cited.calendars,
            stream if stream == definitions => &cited.definitions,
            _ => return Err(stray(event)),
        };
        if !digest_of(event).is_some_and(|digest| digests.contains(digest)) {
            return Err(stray(event));
        }
    }
    Ok(())
}

fn stray(event: &RecordedEvent) -> Refusal {
    Refusal::new(
        "bad_record",
        format!("第 {} 条记录({})与该项目无关", event.position, event.stream),
        format!(
            "the record of position {} ({}) has nothing to do with the project",
            event.position, event.stream
        ),
    )
    .at(event.position.0)
}

impl Proved {
    /// The definition that was in force at a position: a migration ends one and begins the next.
    fn definition_at(&self, position: u64) -> Option<&Definition> {
        self.definitions.get(self.state.definition_at(position))
    }

    fn line(&self, event: &RecordedEvent, lang: Lang) -> String {
        self.definition_at(event.position.0).map_or_else(
            || event.kind.as_str().to_owned(),
            |definition| story::line(event, definition, lang),
        )
    }

    fn unmet(&self, event: &RecordedEvent, lang: Lang) -> Vec<String> {
        self.definition_at(event.position.0)
            .map(|definition| story::unmet(event, definition, lang))
            .unwrap_or_default()
    }

    fn complete(&self) -> &'static str {
        match self.bundle.statement {
            Some(_) => "stated",
            None => "not_stated",
        }
    }

    fn json(&self, key: &VerifierKey, lang: Lang) -> Value {
        let checkpoint = &self.bundle.checkpoint;
        let documents: usize = self
            .state
            .facts
            .values()
            .map(|fact| fact.documents.len())
            .sum();
        json!({
            "ok": true,
            "origin": checkpoint.origin(),
            "simulated": self.bundle.origin.simulated,
            "position": checkpoint.size(),
            "size": checkpoint.size(),
            "root": hex(checkpoint.root()),
            "key": key.to_string(),
            "project": self.state.id.as_str(),
            "checked_records": self.records,
            "events": self.bundle.events.len(),
            "complete": self.complete(),
            "definition": {
                "programme": self.state.registered.programme,
                "digest": self.state.registered.definition,
                "before": self.state.migrations.iter().map(|migration| &migration.from).collect::<Vec<_>>(),
            },
            "calendars": self.calendars.iter().map(|(digest, here)| json!({
                "digest": digest,
                "published": here,
            })).collect::<Vec<_>>(),
            "name": self.state.registered.name,
            "stage": self.state.stage,
            "status": self.state.status.as_str(),
            "since": self.state.since,
            "facts": self.state.standing_facts().count(),
            "documents": documents,
            "refusals": self.state.refusals,
            "timeline": self.bundle.events.iter().map(|event| json!({
                "position": event.position,
                "revision": event.revision,
                "event": event.id,
                "type": event.kind.as_str(),
                "at": event.occurred_at.as_str(),
                "recorded_at": event.recorded_at,
                "text": self.line(event, lang),
                "unmet": self.unmet(event, lang),
            })).collect::<Vec<_>>(),
        })
    }

    fn text(&self, key: &VerifierKey, out: &Out) -> String {
        let checkpoint = &self.bundle.checkpoint;
        let (state, records) = (&self.state, self.records);
        let (size, origin) = (checkpoint.size(), checkpoint.origin());
        let simulated = match self.bundle.origin.simulated {
            true => out.pick("(模拟日志)", " (a simulated log)"),
            false => String::new(),
        };
        let bound = self.definitions.get(&state.registered.definition);
        let stage = bound.map_or_else(
            || state.stage.clone(),
            |definition| story::stage(definition, &state.stage, out.lang),
        );
        let programme = bound.map_or("", |definition| definition.name.get(out.lang));
        let mut text = out.pick(
            format!(
                "证据包有效:日志 {origin}{simulated},{size} 条记录的签名树头由 {} 签署\n{records} 条记录全部在日志中,{} 的 {} 条事件自第 0 号起连续\n",
                key.name(), state.id, self.bundle.events.len()
            ),
            format!(
                "the bundle holds: log {origin}{simulated}, its checkpoint of {size} records signed by {}\nall {records} records are in the log; the {} events of {} are without a gap from number 0\n",
                key.name(), self.bundle.events.len(), state.id
            ),
        );
        text.push_str(&match self.bundle.statement {
            Some(_) => out.pick(
                "密钥已声明:签署时该项目只有这些事件\n",
                "the key has stated that the project had no other event at the checkpoint\n",
            ),
            None => out.pick(
                "(没有完整性声明:不能排除末尾还有事件未收入)\n",
                "(without a statement of completeness: events after the last one may have been left out)\n",
            ),
        });
        text.push_str(&out.pick(
            format!(
                "\n{} {}\n计划 {programme},流程定义 {}\n{stage},自 {} 起;有效事实 {} 条,未通过的申请 {} 次\n\n",
                state.id, state.registered.name, state.registered.definition, state.since,
                state.standing_facts().count(), state.refusals
            ),
            format!(
                "\n{} {}\nprogramme {programme}, definition {}\n{stage}, since {}; {} standing facts, {} refusals\n\n",
                state.id, state.registered.name, state.registered.definition, state.since,
                state.standing_facts().count(), state.refusals
            ),
        ));
        for event in &self.bundle.events {
            let line = self.line(event, out.lang);
            text.push_str(&format!(
                "{:>8}  {}  {line}\n",
                event.position, event.occurred_at
            ));
            for unmet in self.unmet(event, out.lang) {
                text.push_str(&format!("{:>22}✗ {unmet}\n", ""));
            }
        }
        text
    }
}
