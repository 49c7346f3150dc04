//! From files to a definition: YAML, `extends`, the model.

use super::locations::Locations;
use super::merge::{drop_facts_of_removed_stages, merge, refuse_empty};
use super::problem::{Problem, in_order};
use super::read::read;
use super::yaml::{self, Kind, Node, Span};
use super::{BUILTIN_PROGRAMMES, Definition, LANGUAGE_VERSION, builtin};

/// The most files that one definition may extend, one after the other.
pub const MAX_EXTENDS: usize = 8;

/// The text of a file and its name for messages, or why it is no text.
pub type Neighbour = Result<(String, String), Vec<Problem>>;

/// Finds the file that `extends` names by a path. The path has been joined with the folder of the file that says so.
/// `None`: there is no such file, or it may not be read.
pub type Resolver<'a> = dyn Fn(&str) -> Option<Neighbour> + 'a;

/// A definition with what it was read from.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The definition, `extends` expanded.
    pub definition: Definition,
    /// The texts as written: the file itself, then what it extends, one after the other.
    pub sources: Vec<Source>,
    /// Where each part stands.
    pub locations: Locations,
}

/// A file as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How the file before it calls it (`standard`, `./other.yaml`); of the first, its file name.
    pub name: String,
    /// The file, for messages.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// What tells two links of a chain of `extends` apart.
#[derive(Clone, PartialEq, Eq)]
enum Link {
    Builtin(String),
    File(String),
}

impl Link {
    fn name(&self) -> &str {
        match self {
            Self::Builtin(name) | Self::File(name) => name,
        }
    }
}

/// Reads a definition that comes with this build.
///
/// # Errors
/// As [`parse`]; also if there is no such name.
pub fn parse_builtin(name: &str) -> Result<Parsed, Vec<Problem>> {
    match builtin(name) {
        Some((text, file)) => chain(Link::Builtin(name.to_owned()), text, file, &|_| None),
        None => Err(vec![unknown_builtin(
            name,
            super::problem::Place {
                file: name.to_owned(),
                ..Default::default()
            },
        )]),
    }
}

/// Reads a definition from the text of a file. `extends: standard` names a programme of this build,
/// `extends: ./other.yaml` a file beside it.
///
/// # Errors
/// All problems of the text that can be told apart, by place: of the YAML of the first file that has any, else of
/// `extends`, else of the model. What a definition that reads well still gets wrong is for [`lint`](super::lint).
pub fn parse(text: &str, file: &str, resolver: &Resolver<'_>) -> Result<Parsed, Vec<Problem>> {
    chain(Link::File(normal(file)), text, file, resolver)
}

fn chain(
    start: Link,
    text: &str,
    file: &str,
    resolver: &Resolver<'_>,
) -> Result<Parsed, Vec<Problem>> {
    let mut sources = vec![Source {
        name: start.name().to_owned(),
        file: file.to_owned(),
        text: text.to_owned(),
    }];
    let mut links = vec![start];
    let mut tree = yaml::load(text, file)?;
    let mut layers = Vec::new();
    while let Some((name, span)) = take_extends(&mut tree)? {
        layers.push(tree);
        let from = links.last().map_or("", Link::name);
        let link = if is_path(&name) {
            Link::File(join(from, &name).ok_or_else(|| vec![outside(&name, &span)])?)
        } else {
            Link::Builtin(name.clone())
        };
        if links.contains(&link) {
            return Err(vec![circle(&links, &link, &span)]);
        }
        if layers.len() > MAX_EXTENDS {
            return Err(vec![too_long(&links, &link, &span)]);
        }
        let (text, file) = match &link {
            Link::Builtin(name) => builtin(name)
                .map(|(text, file)| (text.to_owned(), file.to_owned()))
                .ok_or_else(|| vec![unknown_builtin(name, span.place())])?,
            Link::File(path) => resolver(path).ok_or_else(|| vec![no_file(path, &span)])??,
        };
        tree = yaml::load(&text, &file)?;
        links.push(link);
        sources.push(Source { name, file, text });
    }
    let mut problems = Vec::new();
    refuse_empty(&tree, &mut problems);
    while let Some(over) = layers.pop() {
        drop_facts_of_removed_stages(&mut tree, &over);
        tree = merge(tree, over, &mut problems);
    }
    if !problems.is_empty() {
        return Err(in_order(problems));
    }
    refuse_newer(&tree)?;
    let mut definition: Definition = read(&tree)?;
    definition.let_facts_name_a_lot();
    Ok(Parsed {
        definition,
        sources,
        locations: Locations::new(tree),
    })
}

/// Refuses a definition of a later version of the language at once: what this build would say of its keys would only
/// mislead.
fn refuse_newer(tree: &Node) -> Result<(), Vec<Problem>> {
    match tree.get("language") {
        Some(Node {
            kind: Kind::Int(version),
            span,
        }) if *version > i64::from(LANGUAGE_VERSION) => Err(vec![
            Problem::error(
                "language_version",
                span.place(),
                format!("语言版本为 {version}，本程序只懂到 {LANGUAGE_VERSION}"),
                format!(
                    "the language version is {version}; this build understands up to {LANGUAGE_VERSION}"
                ),
            )
            .expecting(LANGUAGE_VERSION.to_string())
            .hinting("请使用更新的 anju", "use a newer anju"),
        ]),
        _ => Ok(()),
    }
}

/// Takes `extends` off the top of a tree.
fn take_extends(tree: &mut Node) -> Result<Option<(String, Span)>, Vec<Problem>> {
    let Kind::Map(entries) = &mut tree.kind else {
        let (zh, en) = tree.describe();
        return Err(vec![Problem::error(
            "not_a_map",
            tree.span.place(),
            format!("定义应为映射，却是{zh}"),
            format!("a definition is a map, found {en}"),
        )]);
    };
    let Some(index) = entries.iter().position(|entry| entry.key == "extends") else {
        return Ok(None);
    };
    let entry = entries.remove(index);
    match entry.value.kind {
        Kind::Text(name) if !name.is_empty() => Ok(Some((name, entry.value.span))),
        _ => {
            let (zh, en) = entry.value.describe();
            Err(vec![
                Problem::error(
                    "bad_extends",
                    entry.value.span.place(),
                    format!("extends 应为一个名称或文件，却是{zh}"),
                    format!("`extends` names a programme or a file, found {en}"),
                )
                .expecting("standard, ./other.yaml"),
            ])
        }
    }
}

fn is_path(name: &str) -> bool {
    name.contains('/') || name.starts_with('.') || name.ends_with(".yaml") || name.ends_with(".yml")
}

/// The path `name` as seen from the file `from`. `None` for an absolute path: a plan names its neighbours.
fn join(from: &str, name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains('\\') {
        return None;
    }
    Some(normal(&match from.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }))
}

/// The same path without `.` and without `..` where something stands before it.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn trail(links: &[Link], next: &Link) -> String {
    let mut names: Vec<&str> = links.iter().map(Link::name).collect();
    names.push(next.name());
    names.join(" -> ")
}

fn circle(links: &[Link], next: &Link, span: &Span) -> Problem {
    let trail = trail(links, next);
    Problem::error(
        "extends_circle",
        span.place(),
        format!("extends 形成了环：{trail}"),
        format!("`extends` runs in a circle: {trail}"),
    )
}

fn too_long(links: &[Link], next: &Link, span: &Span) -> Problem {
    let trail = trail(links, next);
    Problem::error(
        "extends_too_long",
        span.place(),
        format!("extends 超过 {MAX_EXTENDS} 层：{trail}"),
        format!("`extends` is more than {MAX_EXTENDS} files long: {trail}"),
    )
}

fn unknown_builtin(name: &str, place: super::problem::Place) -> Problem {
    Problem::error(
        "unknown_programme",
        place,
        format!("没有内置的定义“{name}”"),
        format!("there is no built-in definition `{name}`"),
    )
    .expecting(BUILTIN_PROGRAMMES.join(", "))
    .suggesting(name, BUILTIN_PROGRAMMES.iter().copied())
}

fn no_file(path: &str, span: &Span) -> Problem {
    Problem::error(
        "no_such_file",
        span.place(),
        format!("找不到文件“{path}”"),
        format!("there is no file `{path}`"),
    )
}

fn outside(name: &str, span: &Span) -> Problem {
    Problem::error(
        "bad_extends",
        span.place(),
        format!("extends 的文件“{name}”应写相对路径"),
        format!("`extends` takes a relative path, not `{name}`"),
    )
    .expecting("./other.yaml")
}
