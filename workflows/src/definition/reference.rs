//! The reference of the programme language, made from the model: every type and key with its Chinese term, and an example
//! for each, cut from files that lint accepts.

mod excerpt;

use super::schema::shape::{Form, Key, Part, shape};
use excerpt::Examples;

/// The whole definition that the examples are cut from: it uses every key of the language.
pub const EXAMPLE: &str = include_str!("../../../docs/examples/reference.yaml");
/// The example of a file that extends another.
pub const EXAMPLE_EXTENDS: &str = include_str!("../../../docs/examples/reference-extends.yaml");

const HEAD: &str = "\
# The programme language: reference

<!-- Made from the types by `anju programme reference`; not written by hand. -->

Every type of the language with its keys, in reading order; how it is meant as a whole stands in
[design/language.md](design/language.md), and how a plan is written in [guide.md](guide.md). Editors complete and check
files by [programme.schema.json](programme.schema.json) (`anju programme schema`): begin a file with

    # yaml-language-server: $schema=programme.schema.json

A key marked ● must be there once `extends` is expanded; every other may be left out, and removed from what is extended
by `null`. The examples are cut from [examples/reference.yaml](examples/reference.yaml), which `anju programme lint`
accepts.
";

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let examples = Examples::of(EXAMPLE);
    let mut out = HEAD.to_owned();
    out.push_str("\n| type | 中文 | what it is |\n|---|---|---|\n");
    for part in shape() {
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            link(&part.name),
            part.zh,
            cell(&part.description)
        ));
    }
    for part in shape() {
        out.push_str(&section(part, &examples));
    }
    out.push_str("\n## A file that extends another · 继承\n\n```yaml\n");
    out.push_str(without_modeline(EXAMPLE_EXTENDS));
    out.push_str("```\n");
    out
}

fn section(part: &Part, examples: &Examples) -> String {
    let mut out = format!("\n## {} · {}\n\n{}\n", part.name, part.zh, part.description);
    if let Some(pattern) = &part.pattern {
        out.push_str(&format!("\nPattern: `{pattern}`\n"));
    }
    if !part.keys.is_empty() {
        out.push_str("\n| key | 中文 | holds | says |\n|---|---|---|---|\n");
        for key in &part.keys {
            out.push_str(&format!(
                "| `{}`{} | {} | {} | {} |\n",
                key.name,
                if key.needed { " ●" } else { "" },
                key.zh,
                holds(key),
                says(key)
            ));
        }
    }
    if !part.words.is_empty() {
        out.push_str("\n| word | says |\n|---|---|\n");
        for (word, said) in &part.words {
            out.push_str(&format!("| `{word}` | {} |\n", cell(said)));
        }
    }
    let shown = examples.of_type(&part.name);
    if !shown.is_empty() {
        out.push_str("\n```yaml\n");
        for (index, (place, excerpt)) in shown.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            out.push_str(&format!("# {place}\n{excerpt}"));
        }
        out.push_str("```\n");
    }
    out
}

fn holds(key: &Key) -> String {
    let one = match &key.target {
        Some(target) => link(target),
        None => key.plain.clone(),
    };
    match key.form {
        Form::One => one,
        Form::List => format!("list of {one}"),
        Form::Register => format!("by id: {one}"),
    }
}

fn says(key: &Key) -> String {
    let mut text = cell(&key.description);
    if let Some(default) = key
        .default
        .as_ref()
        .filter(|default| !matches!(default.as_str(), "[]" | "{}" | "false"))
    {
        text.push_str(&format!(" Default: `{default}`."));
    }
    text
}

fn link(name: &str) -> String {
    let zh = super::schema::terms::of_type(name).unwrap_or_default();
    // The anchor that GitHub makes of `## Name · 中文`.
    format!("[{name}](#{}--{zh})", name.to_lowercase())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn without_modeline(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("# yaml-language-server") => rest,
        _ => text,
    }
}
