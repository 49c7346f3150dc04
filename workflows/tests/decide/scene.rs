//! Given, when, then over the pure functions.

use std::sync::LazyLock;

use anju_engine::event::{EventId, OccurredAt, SHANGHAI};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, parse_builtin};
use anju_workflows::project::command::Register;
use anju_workflows::project::decide::{CommandError, Context, Decision, decide};
use anju_workflows::project::event::{Compound, ProjectId};
use anju_workflows::project::state::Envelope;
use anju_workflows::project::{Command, ProjectEvent, ProjectState};
use anju_workflows::requirement::{Evidence, Judgement, explain};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) static HANDAN: LazyLock<Definition> =
    LazyLock::new(|| parse_builtin("handan-2021").unwrap().definition);
pub(crate) static SANYUAN: LazyLock<Definition> =
    LazyLock::new(|| parse_builtin("sanyuan-2022").unwrap().definition);

/// A stage, the facts recorded in it by day, and the day it is left.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str, Value)], &'a str);

/// One project under one definition; positions are the log's from 100 on.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) definition: Definition,
    pub(crate) calendar: Calendar,
    pub(crate) id: ProjectId,
    pub(crate) state: Option<ProjectState>,
    /// The unit that asks.
    pub(crate) unit: Option<String>,
    position: u64,
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn noon(text: &str) -> Timestamp {
    SHANGHAI.to_timestamp(day(text).at(12, 0, 0, 0)).unwrap()
}

impl Scene {
    pub(crate) fn new(definition: &Definition) -> Self {
        Self {
            definition: definition.clone(),
            calendar: Calendar::builtin(),
            id: ProjectId::new("p1").unwrap(),
            state: None,
            unit: None,
            position: 99,
        }
    }

    /// A project of Handan with 319 households, registered on 4 January 2021.
    pub(crate) fn handan() -> Self {
        let mut scene = Self::new(&HANDAN);
        let command = Command::Register(register("congtai", Some(319)));
        scene.given("2021-01-04", &command);
        scene
    }

    pub(crate) fn state(&self) -> &ProjectState {
        self.state.as_ref().unwrap()
    }

    /// Decides on a day, without keeping what follows. The thing happened on the same day.
    pub(crate) fn when(&self, on: &str, command: &Command) -> Result<Decision, CommandError> {
        self.when_known(on, on, command)
    }

    /// Decides on `known` what happened on `occurred`.
    pub(crate) fn when_known(
        &self,
        known: &str,
        occurred: &str,
        command: &Command,
    ) -> Result<Decision, CommandError> {
        let context = Context {
            definition: &self.definition,
            definition_digest: "d1",
            calendar: &self.calendar,
            now: noon(known),
            role: "clerk",
            unit: self.unit.as_deref(),
        };
        let at: OccurredAt = occurred.parse().unwrap();
        decide(context, &self.id, self.state.as_ref(), command, &at)
    }

    /// Decides on a day and keeps what follows; gives the id of the first event.
    pub(crate) fn given(&mut self, on: &str, command: &Command) -> EventId {
        self.given_known(on, on, command)
    }

    /// Learns on `known` what happened on `occurred`.
    pub(crate) fn given_known(
        &mut self,
        known: &str,
        occurred: &str,
        command: &Command,
    ) -> EventId {
        let decision = self.when_known(known, occurred, command).unwrap();
        self.keep(known, &decision)
    }

    /// Keeps what a decision brought; gives the id of the first event.
    pub(crate) fn keep(&mut self, known: &str, decision: &Decision) -> EventId {
        let mut first = None;
        for (event, occurred_at) in &decision.events {
            self.position += 1;
            let id = EventId(Uuid::from_u128(u128::from(self.position)));
            first.get_or_insert(id);
            let envelope = Envelope {
                position: self.position,
                revision: self.state.as_ref().map_or(0, |state| state.revision + 1),
                id,
                occurred_at: occurred_at.clone(),
                recorded_at: noon(known),
            };
            self.state = ProjectState::evolve(self.state.take(), &self.id, event, &envelope);
        }
        first.unwrap()
    }

    pub(crate) fn fact(&mut self, on: &str, fact: &str, fields: Value) -> EventId {
        self.given(on, &record(fact, fields))
    }

    /// The judgement of one rule if the project asked to advance on a day.
    pub(crate) fn judged(&self, on: &str, rule: &str) -> Judgement {
        judgements(&self.when(on, &advance()).unwrap())
            .into_iter()
            .find(|judgement| judgement.rule == rule)
            .unwrap_or_else(|| panic!("no rule {rule} was judged"))
    }

    /// Required and actual of one rule, in Chinese.
    pub(crate) fn words(&self, on: &str, rule: &str) -> (String, String) {
        let judgement = self.judged(on, rule);
        let explained = explain(
            &self.definition,
            &self.state().stage,
            &judgement,
            anju_workflows::definition::Lang::Zh,
        );
        (explained.required, explained.actual)
    }

    /// A Handan project that stands before the gate of construction on 1 April.
    pub(crate) fn handan_in(stage: &str) -> Self {
        let mut scene = Self::handan();
        let steps: [Step<'_>; 5] = [
            (
                "survey",
                &[("2021-01-05", "survey_completed", json!({"households": 319}))],
                "2021-01-06",
            ),
            (
                "resident_consultation",
                &[(
                    "2021-01-10",
                    "consultation_result",
                    json!({"asked_households": 300}),
                )],
                "2021-01-11",
            ),
            (
                "design",
                &[
                    ("2021-01-12", "renovation_plan_drafted", json!({})),
                    ("2021-01-12", "design_completed", json!({})),
                ],
                "2021-01-13",
            ),
            (
                "approval",
                &[
                    (
                        "2021-01-14",
                        "publicity_posted",
                        json!({"subject": "renovation_plan"}),
                    ),
                    ("2021-01-20", "plan_filed", json!({})),
                    (
                        "2021-01-25",
                        "joint_review_result",
                        json!({"result": "passed"}),
                    ),
                ],
                "2021-01-26",
            ),
            (
                "tender",
                &[
                    ("2021-02-02", "project_approval", json!({})),
                    ("2021-02-03", "fiscal_review", json!({})),
                    ("2021-02-20", "contract_awarded", json!({})),
                    ("2021-02-22", "contract_signed", json!({})),
                    ("2021-03-01", "construction_permit", json!({})),
                    ("2021-03-02", "quality_supervision_filing", json!({})),
                    ("2021-03-03", "safety_supervision_filing", json!({})),
                ],
                "2021-03-04",
            ),
        ];
        for (at, facts, leaves) in steps {
            assert_eq!(scene.state().stage, at);
            if at == stage {
                return scene;
            }
            for (on, fact, fields) in facts {
                scene.fact(on, fact, fields.clone());
            }
            let decision = scene.when(leaves, &advance()).unwrap();
            assert_eq!(decision.refusal, None, "leaving {at}");
            scene.given(leaves, &advance());
        }
        assert_eq!(scene.state().stage, stage);
        scene
    }
}

pub(crate) fn register(area: &str, households: Option<u64>) -> Register {
    Register {
        name: "某小区".to_owned(),
        area: Some(area.to_owned()),
        track: None,
        category: None,
        compounds: vec![Compound {
            id: "c1".to_owned(),
            name: "某小区".to_owned(),
            aliases: Vec::new(),
            households,
            buildings: None,
            area_m2: None,
        }],
        plan: std::collections::BTreeMap::new(),
        adopt: None,
        counted: false,
        batch: None,
    }
}

pub(crate) fn record(fact: &str, fields: Value) -> Command {
    Command::Record {
        fact: fact.to_owned(),
        fields: fields.as_object().unwrap().clone(),
        documents: Vec::new(),
        note: None,
    }
}

pub(crate) fn advance() -> Command {
    Command::Advance { to: None }
}

pub(crate) fn judgements(decision: &Decision) -> Vec<Judgement> {
    match &decision.events[0].0 {
        ProjectEvent::TransitionAccepted(transition)
        | ProjectEvent::TransitionRefused(transition)
        | ProjectEvent::LotPassed(transition)
        | ProjectEvent::LotRefused(transition) => transition.judgements.clone(),
        other => panic!("not a transition: {other:?}"),
    }
}

/// The rules that stopped a transition.
pub(crate) fn unmet(decision: &Decision) -> Vec<String> {
    judgements(decision)
        .into_iter()
        .filter(|judgement| !judgement.met && !judgement.warn)
        .map(|judgement| judgement.rule)
        .collect()
}

pub(crate) fn is_share(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Share { .. })
}
