//! Every command that the README shows is run, in order, in an empty folder.

use anju_tests::cli::Desk;
use anju_tests::tour;

fn walk(readme: &str, at_least: usize) {
    let path = format!("{}/../{readme}", env!("CARGO_MANIFEST_DIR"));
    let said = tour::walk(&std::fs::read_to_string(path).unwrap(), &Desk::new());
    assert!(
        said.len() >= at_least,
        "the tour of {readme} has {} commands",
        said.len()
    );
}

#[test]
fn the_tour_of_the_readme_runs_as_written() {
    walk("README.md", 12);
}

#[test]
fn the_tour_of_the_chinese_readme_runs_as_written() {
    walk("README.zh-CN.md", 12);
}

#[test]
fn the_runbook_runs_as_written() {
    walk("deploy/README.md", 7);
}

#[test]
fn the_service_starts_a_command_that_the_binary_understands() {
    let unit = format!("{}/../deploy/anju.service", env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(unit).unwrap();
    let starts: Vec<&str> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/anju "))
        .collect();
    assert_eq!(starts.len(), 1, "{unit}");
    // `--help` at the end: the words before it are understood, and nothing is started.
    let desk = Desk::new();
    for start in starts {
        let mut words: Vec<&str> = start.split(' ').collect();
        words.push("--help");
        desk.ok(&words);
        // The words alone do not pass by being ignored.
        let mut unknown = words.clone();
        unknown.insert(1, "--no-such-option");
        assert_eq!(desk.run(&unknown).code, 2);
    }
}
