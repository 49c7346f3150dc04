//! The commands that a README shows its reader.

/// The commands of the blocks marked `sh tour`: each with the exit code that a comment `# exit N` at its end names.
#[must_use]
pub fn tour(text: &str) -> Vec<(String, i32)> {
    let mut commands = Vec::new();
    let mut inside = false;
    let mut carried = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line.trim() == "```sh tour";
            continue;
        }
        if !inside || line.trim().is_empty() || line.trim_start().starts_with('#') {
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
        commands.push((whole, code));
    }
    commands
}
