//! Every command that the README shows is run, in order, in an empty folder.

use std::process::Command;

use anju_tests::cli::{Desk, anju};
use anju_tests::tour::tour;

fn walk(readme: &str) {
    let path = format!("{}/../{readme}", env!("CARGO_MANIFEST_DIR"));
    let commands = tour(&std::fs::read_to_string(path).unwrap());
    assert!(
        commands.len() >= 12,
        "the tour of {readme} has {} commands",
        commands.len()
    );
    let desk = Desk::new();
    let binary = anju();
    let folder = binary.parent().unwrap().to_owned();
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for (command, code) in commands {
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(desk.folder())
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{readme}: {command}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_tour_of_the_readme_runs_as_written() {
    walk("README.md");
}

#[test]
fn the_tour_of_the_chinese_readme_runs_as_written() {
    walk("README.zh-CN.md");
}
