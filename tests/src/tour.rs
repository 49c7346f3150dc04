//! Pages whose commands are run: what stands in a block marked `sh tour` is typed, what stands in a block marked
//! `yaml FILE` is written to that file first (`yaml FILE +` is added to it).

use std::io::Write;
use std::process::Command;

use crate::cli::{Desk, anju};

/// One thing that a page tells its reader to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Type this; it ends with this exit code, which a comment `# exit N` at its end names.
    Type(String, i32),
    /// Write this text to a file, or add it.
    Write {
        /// The file.
        file: String,
        /// What is written.
        text: String,
        /// Whether it is added to what is there.
        add: bool,
    },
}

/// What a page tells its reader to do, in order.
#[must_use]
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut inside: Option<Vec<String>> = None;
    let mut block = String::new();
    for line in page.lines() {
        if let Some(mark) = line.strip_prefix("```") {
            match inside.take() {
                None => inside = Some(mark.split_whitespace().map(str::to_owned).collect()),
                Some(marks) => {
                    let marks: Vec<&str> = marks.iter().map(String::as_str).collect();
                    match marks.as_slice() {
                        ["sh", "tour"] => steps.extend(commands(&block)),
                        ["yaml", file, rest @ ..] => steps.push(Step::Write {
                            file: (*file).to_owned(),
                            text: block.clone(),
                            add: rest == ["+"],
                        }),
                        _ => {}
                    }
                    block.clear();
                }
            }
        } else if inside.is_some() {
            block.push_str(line);
            block.push('\n');
        }
    }
    steps
}

/// The commands alone, each with its exit code.
#[must_use]
pub fn tour(page: &str) -> Vec<(String, i32)> {
    let typed = |step| match step {
        Step::Type(command, code) => Some((command, code)),
        Step::Write { .. } => None,
    };
    steps(page).into_iter().filter_map(typed).collect()
}

fn commands(block: &str) -> Vec<Step> {
    let mut commands = Vec::new();
    let mut carried = String::new();
    for line in block.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            carried.push_str(part);
            continue;
        }
        let whole = format!("{carried}{line}");
        carried.clear();
        let code = whole
            .rsplit_once("# exit ")
            .and_then(|(_, code)| code.trim().parse().ok())
            .unwrap_or(0);
        commands.push(Step::Type(whole, code));
    }
    commands
}

/// Does in a desk's folder what a page says; the output of every command, by the command.
///
/// # Panics
/// If a command ends with another exit code than the page names.
pub fn walk(page: &str, desk: &Desk) -> Vec<(String, String)> {
    let binary = anju();
    let folder = binary.parent().expect("a binary lies in a folder");
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut said = Vec::new();
    for step in steps(page) {
        match step {
            Step::Write { file, text, add } => {
                let mut open = std::fs::OpenOptions::new();
                open.create(true).write(true).append(add).truncate(!add);
                let mut file = open
                    .open(desk.path(&file))
                    .expect("the file can be written");
                file.write_all(text.as_bytes())
                    .expect("the text is written");
            }
            Step::Type(command, code) => {
                let output = Command::new("bash")
                    .args(["-c", &command])
                    .current_dir(desk.folder())
                    .env("PATH", &path)
                    .env_remove("ANJU_STORE")
                    .env_remove("ANJU_LANG")
                    .output()
                    .expect("a shell starts");
                let told = format!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
                assert_eq!(output.status.code(), Some(code), "{command}\n{told}");
                said.push((command, told));
            }
        }
    }
    said
}
