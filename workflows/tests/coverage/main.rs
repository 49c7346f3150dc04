//! Every rule of the nine texts is in its programme, or named there as not computable: proved entry by entry.
//!
//! `ANJU_WRITE=1 cargo test -p anju-workflows --test coverage` writes the table again; where the seeds lie beside the
//! checkout, it writes the list of their entries too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod page;
mod rules;
mod seeds;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anju_workflows::definition::BUILTIN_PROGRAMMES;
use rules::Programme;
use seeds::Entry;

fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn writes() -> bool {
    std::env::var_os("ANJU_WRITE").is_some()
}

/// A file that is generated: the same as it is, or written anew.
fn generated(path: &str, text: &str) {
    let file = in_repository(path);
    if writes() {
        std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == text,
        "{path} is not what is generated; ANJU_WRITE=1 writes it anew"
    );
}

fn programmes() -> Vec<Programme> {
    BUILTIN_PROGRAMMES
        .iter()
        .filter(|id| **id != "standard")
        .map(|id| Programme::of(id))
        .collect()
}

#[test]
fn the_list_of_entries_is_that_of_the_seeds() {
    let seeds = in_repository(seeds::SEEDS);
    let Ok(text) = std::fs::read_to_string(&seeds) else {
        // A checkout without the seeds beside it has the list alone.
        assert!(!seeds::listed().is_empty());
        return;
    };
    let entries = seeds::read(&text);
    let lines: String = entries
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap() + "\n")
        .collect();
    generated(seeds::LIST, &lines);
}

#[test]
fn every_entry_of_the_seeds_is_a_rule_or_named_as_not_computable() {
    let programmes = programmes();
    let mut silent = Vec::new();
    for entry in seeds::listed() {
        let programme = programmes
            .iter()
            .find(|programme| programme.definition.id == entry.programme)
            .unwrap_or_else(|| panic!("no programme {}", entry.programme));
        if programme.cover(&entry).is_empty() {
            silent.push(format!(
                "{} {} {:?}",
                entry.programme, entry.kind, entry.quotes
            ));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_day_share_and_period_of_the_seeds_stands_in_the_rule_that_covers_it() {
    let programmes = programmes();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for entry in seeds::listed()
        .iter()
        .filter(|entry| !entry.figures.is_empty())
    {
        let programme = programmes
            .iter()
            .find(|programme| programme.definition.id == entry.programme)
            .unwrap();
        for figure in &entry.figures {
            checked += 1;
            if !programme.has_figure(entry, figure) {
                wrong.push(format!(
                    "{} {} {figure} {:?}: {:?}",
                    entry.programme,
                    entry.kind,
                    entry.quotes,
                    programme.cover(entry)
                ));
            }
        }
    }
    assert!(checked > 50, "{checked} figures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_computable_says_why_and_no_reason_stands_for_nothing() {
    let entries = seeds::listed();
    for programme in programmes() {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for entry in entries
            .iter()
            .filter(|e| e.programme == programme.definition.id)
        {
            used.extend(programme.cover(entry).into_iter().map(|rule| rule.name()));
        }
        for (id, rule) in &programme.definition.not_computable {
            assert!(rule.reason.len() > 20, "{id}: {}", rule.reason);
        }
        assert!(!used.is_empty());
    }
}

#[test]
fn the_table_of_coverage_is_what_the_programmes_and_the_list_give() {
    let entries: Vec<Entry> = seeds::listed();
    generated(
        "docs/design/coverage.md",
        &page::page(&programmes(), &entries),
    );
}
