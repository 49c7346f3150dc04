//! `anju programme publish`: a version goes into the log, whole. Running projects stay on theirs; what the version
//! would mean for them is rehearsed first.

use std::sync::Arc;

use anju_engine::log::EventLog;
use anju_workflows::definition::{Definition, Parsed};
use anju_workflows::handler::{HandleError, Migration};
use anju_workflows::migration::{Blocker, Mapping};
use anju_workflows::project::event::ProjectId;
use anju_workflows::publish::OverriddenRehearsal;
use anju_workflows::whatif::{Alternative, Divergence, Run, Verdict};
use clap::Args;
use serde_json::{Value, json};

use super::migrate::running;
use super::programme::sound;
use super::{Opener, Out};
use crate::app::{App, Failure, Mode, sources};

/// How many projects are shown one by one.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Files, or names of programmes that this build brings
    #[arg(required = true)]
    pub files: Vec<String>,
    /// The programme's year, where the text masks it; recorded as assumed
    #[arg(long)]
    pub year: Option<i16>,
    /// Publish although the rehearsal over running projects fails; the record says so
    #[arg(long)]
    pub override_rehearsal: bool,
    /// Why it is overridden; it is kept outside the log, where it can be erased
    #[arg(long, requires = "override_rehearsal")]
    pub reason: Option<String>,
}

/// A version, and what its rehearsal found.
struct Version {
    definition: Arc<Definition>,
    parsed: Parsed,
    rehearsed: usize,
    failing: Vec<Failing>,
}

/// A running project that the version does not do justice.
struct Failing {
    project: ProjectId,
    /// Why it could not go over, keeping every id.
    blockers: Vec<Blocker>,
    /// The first decision accepted that the version would have refused.
    refused: Option<Divergence>,
}

pub async fn run(args: PublishArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let mut files = Vec::new();
    for file in &args.files {
        files.push(sound(file)?);
    }
    let app = opener.open(Mode::OrCreate).await?;
    let mut versions = Vec::new();
    for (parsed, warnings) in files {
        for warning in &warnings {
            eprintln!("{}", warning.render(out.lang));
        }
        let mut definition = parsed.definition.clone();
        if let Some(year) = args.year {
            definition.assume_year(year);
        }
        versions.push(rehearsed(&app, Arc::new(definition), parsed).await?);
    }
    // Of several files all are published, or none is.
    if !args.override_rehearsal && versions.iter().any(|version| !version.failing.is_empty()) {
        return Err(refuse(&versions, out));
    }
    let mut results = Vec::new();
    for version in versions {
        let overridden = match version.failing.is_empty() {
            true => None,
            false => Some(version.overridden(&app, args.reason.as_deref()).await?),
        };
        let new = app
            .publish_version(
                &version.definition,
                &sources(&version.parsed),
                overridden.as_ref(),
            )
            .await?;
        results.push((version, new, overridden.is_some()));
    }
    tell(&app, &results, out).await
}

impl Version {
    async fn overridden(
        &self,
        app: &App,
        reason: Option<&str>,
    ) -> Result<OverriddenRehearsal, Failure> {
        Ok(OverriddenRehearsal {
            projects: self.rehearsed as u64,
            failing: self.failing.len() as u64,
            named: self
                .failing
                .iter()
                .take(OverriddenRehearsal::NAMED)
                .map(|failing| failing.project.to_string())
                .collect(),
            note: app.note(reason).await?,
        })
    }
}

/// Rehearses a version over the running projects of its programme: could each go over to it, every id kept, and would
/// it have accepted every decision that was accepted? A version that is the newest already is not rehearsed.
async fn rehearsed(
    app: &App,
    definition: Arc<Definition>,
    parsed: Parsed,
) -> Result<Version, Failure> {
    let digest = definition.digest();
    let mut version = Version {
        definition: definition.clone(),
        parsed,
        rehearsed: 0,
        failing: Vec::new(),
    };
    match app
        .handler
        .library()
        .newest_definition(&definition.id)
        .await
    {
        Ok((_, newest)) if newest == digest => return Ok(version),
        Ok(_) => {}
        Err(HandleError::UnknownProgramme(_)) => return Ok(version),
        Err(error) => return Err(error.into()),
    }
    let projects = running(app, &definition.id).await?;
    version.rehearsed = projects.len();
    let migration = Migration {
        to: definition.clone(),
        digest: digest.clone(),
        mapping: Mapping::default(),
        note: None,
    };
    let mut failing = Vec::new();
    for project in &projects {
        let Some(state) = app.handler.load(project).await? else {
            continue;
        };
        if state.registered.definition == digest {
            continue;
        }
        let rehearsal = app.handler.rehearse(&state, &migration).await?;
        let blockers: Vec<Blocker> = rehearsal
            .blockers
            .into_iter()
            .filter(Blocker::lies_in_the_version)
            .collect();
        if !blockers.is_empty() {
            failing.push(Failing {
                project: project.clone(),
                blockers,
                refused: None,
            });
        }
    }
    let alternative = Alternative {
        definition: Some(definition),
        ..Alternative::default()
    };
    let run = Run {
        handler: app.handler.clone(),
        alternative: Arc::new(alternative),
        projects,
    };
    anju_workflows::whatif::run(run, |outcome| {
        if outcome.would_refuse == 0 {
            return;
        }
        let refused = outcome.first_refused.clone();
        match failing
            .iter_mut()
            .find(|failing: &&mut Failing| failing.project == outcome.project)
        {
            Some(failing) => failing.refused = refused,
            None => failing.push(Failing {
                project: outcome.project.clone(),
                blockers: Vec::new(),
                refused,
            }),
        }
    })
    .await?;
    failing.sort_by(|a, b| a.project.cmp(&b.project));
    version.failing = failing;
    Ok(version)
}

impl Failing {
    fn reasons(&self, out: &Out) -> Vec<String> {
        let mut reasons: Vec<String> = self
            .blockers
            .iter()
            .map(|blocker| blocker.message(out.lang))
            .collect();
        if let Some(first) = &self.refused {
            let rules: Vec<&str> = first.rules.iter().map(|rule| rule.rule.as_str()).collect();
            let rules = match (first.would, rules.is_empty()) {
                (Verdict::NoWay, _) | (_, true) => out.pick("无此去向", "no such way"),
                _ => rules.join(", "),
            };
            reasons.push(out.pick(
                format!(
                    "{} 已通过的 {} → {}(第 {} 条记录)按新版本将不予通过:{rules}",
                    first.day, first.from, first.to, first.position
                ),
                format!(
                    "{} → {}, accepted on {} (record {}), would be refused: {rules}",
                    first.from, first.to, first.day, first.position
                ),
            ));
        }
        reasons
    }

    fn json(&self, out: &Out) -> Value {
        json!({
            "project": self.project.as_str(),
            "blockers": self.blockers,
            "would_refuse": self.refused.as_ref().map(|first| json!({
                "position": first.position,
                "at": first.day.to_string(),
                "from": first.from,
                "to": first.to,
                "rules": first.rules.iter().map(|rule| &rule.rule).collect::<Vec<_>>(),
            })),
            "reasons": self.reasons(out),
        })
    }
}

fn rehearsal_json(version: &Version, out: &Out) -> Value {
    json!({
        "projects": version.rehearsed,
        "failing": version.failing.iter().map(|failing| failing.json(out)).collect::<Vec<_>>(),
    })
}

fn refuse(versions: &[Version], out: &Out) -> Failure {
    let json = json!({
        "outcome": "refused",
        "published": [],
        "rehearsals": versions.iter().map(|version| json!({
            "programme": version.definition.id,
            "digest": version.definition.digest(),
            "rehearsal": rehearsal_json(version, out),
        })).collect::<Vec<_>>(),
    });
    if out.json {
        out.answer(&json, String::new);
    }
    for version in versions
        .iter()
        .filter(|version| !version.failing.is_empty())
    {
        let (id, count) = (&version.definition.id, version.failing.len());
        let rehearsed = version.rehearsed;
        eprintln!(
            "{}",
            out.pick(
                format!("{id}:演练未通过,{rehearsed} 个进行中的项目中有 {count} 个:"),
                format!("{id}: the rehearsal fails for {count} of {rehearsed} running projects:"),
            )
        );
        for failing in version.failing.iter().take(SHOWN) {
            eprintln!("  {}: {}", failing.project, failing.reasons(out).join("; "));
        }
        if count > SHOWN {
            eprintln!("  … +{}", count - SHOWN);
        }
    }
    eprintln!(
        "{}",
        out.pick(
            "未发布任何内容。确认仍要发布请加 --override-rehearsal(将记入日志)。",
            "Nothing was published. To publish all the same, add --override-rehearsal (the record will say so).",
        )
    );
    Failure::Refused
}

async fn tell(app: &App, results: &[(Version, bool, bool)], out: &Out) -> Result<(), Failure> {
    let head = app.log.head().await?;
    let json = json!({
        "position": head.size,
        "published": results.iter().map(|(version, new, overridden)| {
            let mut json = json!({
                "programme": version.definition.id,
                "digest": version.definition.digest(),
                "new": new,
            });
            if version.rehearsed > 0 {
                json["rehearsal"] = rehearsal_json(version, out);
                json["overridden"] = json!(overridden);
            }
            json
        }).collect::<Vec<_>>(),
    });
    out.answer(&json, || {
        let mut text = String::new();
        for (version, new, overridden) in results {
            let (id, digest) = (&version.definition.id, version.definition.digest());
            let short = digest.get(..12).unwrap_or(&digest);
            if !new {
                text.push_str(&out.pick(
                    format!("{id}({short})已是最新版本\n"),
                    format!("{id} ({short}) is the newest already\n"),
                ));
                continue;
            }
            text.push_str(&out.pick(
                format!("已发布 {id}({short})\n"),
                format!("published {id} ({short})\n"),
            ));
            let (rehearsed, failing) = (version.rehearsed, version.failing.len());
            if rehearsed == 0 {
                continue;
            }
            text.push_str(&match overridden {
                true => out.pick(
                    format!("  演练 {rehearsed} 个进行中的项目,{failing} 个未通过,已记录为强制发布;各项目仍按原版本执行\n"),
                    format!("  rehearsed over {rehearsed} running projects, {failing} fail: recorded as overridden; each stays on its version\n"),
                ),
                false => out.pick(
                    format!("  演练 {rehearsed} 个进行中的项目,全部通过;各项目仍按原版本执行,迁移:anju programme migrate {id} --to newest\n"),
                    format!("  rehearsed over {rehearsed} running projects, none fails; each stays on its version until: anju programme migrate {id} --to newest\n"),
                ),
            });
        }
        text
    });
    Ok(())
}
