//! Two definitions told apart in words.

use anju_workflows::definition::diff::{Change, ChangeKind, Subject};
use anju_workflows::definition::{BUILTIN_PROGRAMMES, Definition, Diff, Lang, diff, parse_builtin};
use serde_json::Value;

use crate::support::{SOUND, read, sound_with};

fn sound() -> Definition {
    read(SOUND).unwrap().definition
}

fn changed(from: &str, to: &str) -> Diff {
    diff(&sound(), &read(&sound_with(from, to)).unwrap().definition)
}

/// The only change, in both languages.
fn only(diff: &Diff) -> (&Change, &str, &str) {
    assert_eq!(diff.changes.len(), 1, "{:#?}", diff.changes);
    let change = &diff.changes[0];
    (change, &change.words.zh, &change.words.en)
}

#[test]
fn a_definition_is_the_same_as_itself() {
    for name in BUILTIN_PROGRAMMES {
        let definition = parse_builtin(name).unwrap().definition;
        let found = diff(&definition, &definition);
        assert!(found.same && found.changes.is_empty(), "{name}");
        assert!(found.render(Lang::Zh).ends_with("两者相同\n"));
    }
}

#[test]
fn comments_and_the_way_a_share_is_written_are_no_difference() {
    let text = format!("# a comment\n{}", SOUND.replace("80%", "4/5"));
    assert!(diff(&sound(), &read(&text).unwrap().definition).same);
}

#[test]
fn a_share_with_another_threshold_is_told_with_both() {
    let found = changed("at_least: 80%", "at_least: 2/3");
    let (change, zh, en) = only(&found);
    assert_eq!(
        (change.kind, change.subject),
        (ChangeKind::Changed, Subject::Requirement)
    );
    assert!(zh.ends_with("：要求 ≥80% → ≥2/3"), "{zh}");
    assert!(en.ends_with(": asks ≥80% → ≥2/3"), "{en}");
    // The same for programs, key by key.
    let detail = change
        .details
        .iter()
        .find(|detail| detail.key == "share.at_least")
        .unwrap();
    assert_eq!(detail.old.as_ref().unwrap().en, "80%");
    assert_eq!(detail.new.as_ref().unwrap().en, "2/3");
    // Inclusive against exclusive is a difference too.
    let found = changed("at_least: 80%", "more_than: 80%");
    let (_, zh, _) = only(&found);
    assert!(zh.ends_with("：要求 ≥80% → >80%"), "{zh}");
}

#[test]
fn a_deadline_that_moved_is_told_with_both_days() {
    let found = changed("on: Y-03-31", "on: Y-04-30");
    let (change, zh, en) = only(&found);
    assert_eq!(change.subject, Subject::Deadline);
    assert_eq!(change.id, "consulted");
    assert!(zh.ends_with("：到期 2021-03-31 → 2021-04-30"), "{zh}");
    assert!(en.ends_with(": due 2021-03-31 → 2021-04-30"), "{en}");
}

#[test]
fn a_stage_that_only_changed_places_is_told_as_moved() {
    let mut other = sound();
    let works = other.stages["works"].order;
    other.stages.get_mut("design").unwrap().order = works + 1;
    let found = diff(&sound(), &other);
    let (change, zh, en) = only(&found);
    assert_eq!(change.kind, ChangeKind::Moved);
    assert_eq!(zh, "阶段“方案设计”（design）移到“施工”（works）之后");
    assert_eq!(en, "stage “Design” (design) moved after “Works” (works)");
    // Another number in the same place is told, and is no move.
    let mut other = sound();
    other.stages.get_mut("works").unwrap().order += 1;
    assert_eq!(only(&diff(&sound(), &other)).0.kind, ChangeKind::Changed);
}

#[test]
fn a_requirement_in_another_stage_is_told_as_moved_and_keeps_its_id() {
    let mut other = sound();
    let (id, rule) = other.stages["consultation"]
        .exit
        .iter()
        .next()
        .map(|(id, rule)| (id.clone(), rule.clone()))
        .unwrap();
    other
        .stages
        .get_mut("consultation")
        .unwrap()
        .exit
        .remove(&id);
    other
        .stages
        .get_mut("design")
        .unwrap()
        .exit
        .insert(id.clone(), rule);
    let found = diff(&sound(), &other);
    let (change, zh, _) = only(&found);
    assert_eq!((change.kind, &change.id), (ChangeKind::Moved, &id));
    assert!(zh.ends_with("从阶段“意见征集”移到“方案设计”"), "{zh}");
}

#[test]
fn what_came_and_what_went_is_told_with_what_it_says() {
    let without = {
        let mut other = sound();
        other.ladder.remove("urging");
        other
    };
    if without != sound() {
        let found = diff(&sound(), &without);
        assert_eq!(only(&found).0.kind, ChangeKind::Removed);
        let found = diff(&without, &sound());
        assert_eq!(only(&found).0.kind, ChangeKind::Added);
    }
    let mut other = sound();
    let stage = other.stages.remove("design").unwrap();
    let found = diff(&sound(), &other);
    let gone: Vec<Subject> = found.changes.iter().map(|change| change.subject).collect();
    assert_eq!(
        gone.iter().filter(|s| **s == Subject::Stage).count(),
        1,
        "{gone:?}"
    );
    assert_eq!(
        gone.iter().filter(|s| **s == Subject::Deadline).count(),
        stage.deadlines.len()
    );
    assert!(
        !gone.contains(&Subject::Return) && !gone.contains(&Subject::Responsible),
        "what is inside a stage goes with it: {gone:?}"
    );
}

#[test]
fn differences_are_the_same_read_backwards() {
    let all: Vec<Definition> = BUILTIN_PROGRAMMES
        .iter()
        .map(|name| parse_builtin(name).unwrap().definition)
        .collect();
    let count = |diff: &Diff, kind: ChangeKind| {
        diff.changes
            .iter()
            .filter(|change| change.kind == kind)
            .count()
    };
    for a in &all {
        for b in &all {
            let (there, back) = (diff(a, b), diff(b, a));
            assert_eq!(there.same, a.digest() == b.digest());
            assert_eq!(
                count(&there, ChangeKind::Added),
                count(&back, ChangeKind::Removed)
            );
            assert_eq!(
                count(&there, ChangeKind::Changed),
                count(&back, ChangeKind::Changed)
            );
        }
    }
}

/// Every way to change one leaf of a tree.
fn leaf_changes(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(key.clone());
                leaf_changes(value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(index.to_string());
                leaf_changes(value, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

fn at<'a>(value: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match value {
        Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        other => &mut other[step.as_str()],
    })
}

#[test]
fn no_value_of_a_definition_can_change_in_silence() {
    let texts = [SOUND, anju_workflows::definition::reference::EXAMPLE];
    for text in texts {
        let before = read(text).unwrap().definition;
        let whole = serde_json::to_value(&before).unwrap();
        let mut paths = Vec::new();
        leaf_changes(&whole, &mut Vec::new(), &mut paths);
        let mut tried = 0;
        for path in paths {
            let mut other = whole.clone();
            let leaf = at(&mut other, &path);
            *leaf = match &*leaf {
                Value::String(text) => Value::String(format!("{text}9")),
                Value::Number(number) => Value::from(number.as_i64().unwrap() + 1),
                Value::Bool(value) => Value::Bool(!value),
                other => other.clone(),
            };
            let Ok(after) = serde_json::from_value::<Definition>(other) else {
                continue;
            };
            tried += 1;
            let found = diff(&before, &after);
            assert_eq!(found.same, before.digest() == after.digest(), "{path:?}");
            assert!(!found.same, "{path:?} changed and nothing was told");
            for change in &found.changes {
                assert!(
                    !change.words.zh.contains("有 0 处") && !change.words.en.contains("0 values"),
                    "{path:?}: {}",
                    change.words.en
                );
            }
        }
        assert!(tried > 100, "{tried}");
    }
}

#[test]
fn a_comparison_reads_as_words_in_both_languages() {
    let text = SOUND
        .replace("at_least: 80%", "at_least: 2/3")
        .replace("on: Y-03-31", "on: Y-04-30");
    let mut other = read(&text).unwrap().definition;
    other.lamps.red += 5;
    other.stages.get_mut("works").unwrap().name.en = "Building works".into();
    let found = diff(&sound(), &other);
    let digests = |text: String| {
        text.replace(&found.old.digest[..12], "(old)")
            .replace(&found.new.digest[..12], "(new)")
    };
    insta::assert_snapshot!(digests(found.render(Lang::Zh)));
    insta::assert_snapshot!(digests(found.render(Lang::En)));
}
