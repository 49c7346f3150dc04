//! From parser events to a tree.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::scalar::{self, Refused};
use super::{
    Entry, Kind, MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_NODES, MAX_SCALAR, Node, Span, decode,
};
use crate::definition::problem::{Problem, in_order};

/// The most problems of one file that are worth telling.
const MAX_PROBLEMS: usize = 100;

pub(super) fn load(text: &str, file: &str) -> Result<Node, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(vec![decode::too_large(text.len(), file)]);
    }
    let mut builder = Builder::new(file);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if builder.event(event, span.start) == Flow::Stop {
                    break;
                }
            }
            Err(error) => {
                let span = builder.span(*error.marker());
                builder.problems.push(match error.info() {
                    // The scanner reads ahead, and has a limit of its own for `[[[[…`.
                    "recursion limit exceeded" => too_deep(&span),
                    info => Problem::error(
                        "yaml_syntax",
                        span.place(),
                        format!("YAML 语法错误：{info}"),
                        format!("this is not YAML: {info}"),
                    )
                    .hinting(
                        "请检查缩进、冒号和引号",
                        "check indentation, colons and quotes",
                    ),
                });
                break;
            }
        }
    }
    builder.finish()
}

#[derive(PartialEq, Eq)]
enum Flow {
    Go,
    Stop,
}

struct Builder {
    file: Arc<str>,
    problems: Vec<Problem>,
    nodes: usize,
    documents: usize,
    open: Vec<Open>,
    root: Option<Node>,
}

/// A list or map whose end has not been read.
enum Open {
    List {
        span: Span,
        items: Vec<Node>,
    },
    Map {
        span: Span,
        entries: Vec<Entry>,
        places: HashMap<String, Span>,
        key: Key,
    },
}

/// What a map waits for.
enum Key {
    /// A key.
    Awaited,
    /// The value of this key.
    Read(String, Span),
    /// A value that nobody will look up, because its key was refused.
    Refused,
}

impl Builder {
    fn new(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            problems: Vec::new(),
            nodes: 0,
            documents: 0,
            open: Vec::new(),
            root: None,
        }
    }

    fn span(&self, marker: Marker) -> Span {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span {
            file: Arc::clone(&self.file),
            line: number(marker.line()).max(1),
            column: number(marker.col()).saturating_add(1),
        }
    }

    fn refuse(&mut self, problem: Problem) -> Flow {
        self.problems.push(problem);
        if self.problems.len() >= MAX_PROBLEMS {
            Flow::Stop
        } else {
            Flow::Go
        }
    }

    fn event(&mut self, event: Event<'_>, at: Marker) -> Flow {
        let span = self.span(at);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Flow::Go,
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 1 {
                    return Flow::Go;
                }
                self.refuse(
                    Problem::error(
                        "several_documents",
                        span.place(),
                        "文件里有第二个 YAML 文档",
                        "a second YAML document begins here",
                    )
                    .hinting(
                        "一个文件只写一个文档，删去“---”",
                        "write one document per file, without `---`",
                    ),
                );
                Flow::Stop
            }
            Event::Alias(_) => {
                let problem = Problem::error(
                    "alias",
                    span.place(),
                    "不支持引用（*名称）",
                    "aliases (`*name`) are not supported",
                )
                .hinting(
                    "请把内容写出来，或用 extends",
                    "write the value out, or use `extends`",
                );
                self.refused_node(problem, span)
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.node(&span, anchor, tag.as_deref()) == Flow::Stop {
                    return Flow::Stop;
                }
                self.scalar(&text, style, span)
            }
            Event::SequenceStart(anchor, tag) => {
                if self.node(&span, anchor, tag.as_deref()) == Flow::Stop {
                    return Flow::Stop;
                }
                self.key_is_no_collection(&span);
                self.push(Open::List {
                    span,
                    items: Vec::new(),
                })
            }
            Event::MappingStart(anchor, tag) => {
                if self.node(&span, anchor, tag.as_deref()) == Flow::Stop {
                    return Flow::Stop;
                }
                self.key_is_no_collection(&span);
                self.push(Open::Map {
                    span,
                    entries: Vec::new(),
                    places: HashMap::new(),
                    key: Key::Awaited,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List { span, items }) => Node {
                        span,
                        kind: Kind::List(items),
                    },
                    Some(Open::Map { span, entries, .. }) => Node {
                        span,
                        kind: Kind::Map(entries),
                    },
                    None => return Flow::Stop,
                };
                self.place(node);
                Flow::Go
            }
        }
    }

    /// What holds for every node: it is counted, and has neither anchor nor tag.
    fn node(&mut self, span: &Span, anchor: usize, tag: Option<&saphyr_parser::Tag>) -> Flow {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.refuse(Problem::error(
                "too_many_nodes",
                span.place(),
                format!("文件的节点超过 {MAX_NODES} 个"),
                format!("the file has more than {MAX_NODES} values"),
            ));
            return Flow::Stop;
        }
        if anchor != 0 {
            let problem = Problem::error(
                "anchor",
                span.place(),
                "不支持锚点（&名称）",
                "anchors (`&name`) are not supported",
            )
            .hinting("删去锚点", "remove the anchor");
            if self.refuse(problem) == Flow::Stop {
                return Flow::Stop;
            }
        }
        if let Some(tag) = tag {
            let written = format!("{}{}", tag.handle, tag.suffix);
            let problem = Problem::error(
                "tag",
                span.place(),
                format!("不支持标签（{written}）"),
                format!("tags are not supported (`{written}`)"),
            )
            .hinting(
                "删去标签；文本请加引号",
                "remove the tag; quote what is a text",
            );
            return self.refuse(problem);
        }
        Flow::Go
    }

    fn push(&mut self, open: Open) -> Flow {
        if self.open.len() >= MAX_DEPTH {
            let (Open::List { span, .. } | Open::Map { span, .. }) = &open;
            let problem = too_deep(span);
            self.refuse(problem);
            return Flow::Stop;
        }
        self.open.push(open);
        Flow::Go
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Flow {
        if text.len() > MAX_SCALAR {
            let problem = Problem::error(
                "scalar_too_long",
                span.place(),
                format!("这段文本有 {} 字节，上限是 {MAX_SCALAR} 字节", text.len()),
                format!(
                    "this text has {} bytes; the limit is {MAX_SCALAR}",
                    text.len()
                ),
            );
            return self.refused_node(problem, span);
        }
        if self.awaits_key() {
            return self.key(text, style, span);
        }
        let kind = if style == ScalarStyle::Plain {
            match scalar::plain(text) {
                Ok(kind) => kind,
                Err(refused) => {
                    return self.refused_node(number_problem(text, refused, &span), span);
                }
            }
        } else {
            Kind::Text(text.to_owned())
        };
        self.place(Node { span, kind });
        Flow::Go
    }

    fn awaits_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open::Map {
                key: Key::Awaited,
                ..
            })
        )
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = new;
        }
    }

    fn key(&mut self, text: &str, style: ScalarStyle, span: Span) -> Flow {
        if style == ScalarStyle::Plain && text == "<<" {
            self.set_key(Key::Refused);
            return self.refuse(
                Problem::error(
                    "merge_key",
                    span.place(),
                    "不支持合并键（<<）",
                    "merge keys (`<<`) are not supported",
                )
                .hinting("请用 extends", "use `extends`"),
            );
        }
        if style == ScalarStyle::Plain && text.is_empty() {
            self.set_key(Key::Refused);
            return self.refuse(Problem::error(
                "empty_key",
                span.place(),
                "键是空的",
                "the key is empty",
            ));
        }
        let Some(Open::Map { places, key, .. }) = self.open.last_mut() else {
            return Flow::Stop;
        };
        if let Some(first) = places.get(text) {
            let (line, column) = (first.line, first.column);
            *key = Key::Refused;
            return self.refuse(
                Problem::error(
                    "duplicate_key",
                    span.place(),
                    format!("键“{text}”重复，第一次出现在第 {line} 行第 {column} 列"),
                    format!("the key `{text}` stands twice; first at {line}:{column}"),
                )
                .hinting("删去其中一个", "remove one of the two"),
            );
        }
        places.insert(text.to_owned(), span.clone());
        *key = Key::Read(text.to_owned(), span);
        Flow::Go
    }

    fn key_is_no_collection(&mut self, span: &Span) {
        if self.awaits_key() {
            self.problems.push(Problem::error(
                "key_not_text",
                span.place(),
                "键不能是列表或映射",
                "a list or map cannot be a key",
            ));
        }
    }

    /// Reports, and puts an empty value where the refused one stood, so that the rest can be read.
    fn refused_node(&mut self, problem: Problem, span: Span) -> Flow {
        if self.awaits_key() {
            self.set_key(Key::Refused);
        } else {
            self.place(Node {
                span,
                kind: Kind::Null,
            });
        }
        self.refuse(problem)
    }

    /// Puts a value where the innermost open list or map waits for one.
    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                match std::mem::replace(key, Key::Awaited) {
                    Key::Read(name, key_span) => entries.push(Entry {
                        key: name,
                        key_span,
                        value: node,
                    }),
                    // A collection stood where a key belongs: what follows is its value.
                    Key::Awaited => *key = Key::Refused,
                    Key::Refused => {}
                }
            }
        }
    }

    fn finish(mut self) -> Result<Node, Vec<Problem>> {
        if self.problems.is_empty() {
            let start = self.span(Marker::new(0, 1, 0));
            match self.root.take() {
                Some(Node {
                    kind: Kind::Null,
                    span,
                }) => self.problems.push(Problem::error(
                    "empty_file",
                    span.place(),
                    "文件是空的",
                    "the file is empty",
                )),
                Some(root) => return Ok(root),
                None => self.problems.push(Problem::error(
                    "empty_file",
                    start.place(),
                    "文件是空的",
                    "the file is empty",
                )),
            }
        }
        Err(in_order(self.problems))
    }
}

fn too_deep(span: &Span) -> Problem {
    Problem::error(
        "too_deep",
        span.place(),
        format!("嵌套超过 {MAX_DEPTH} 层"),
        format!("lists and maps are nested deeper than {MAX_DEPTH}"),
    )
}

fn number_problem(text: &str, refused: Refused, span: &Span) -> Problem {
    let short: String = text.chars().take(40).collect();
    match refused {
        Refused::Float => Problem::error(
            "float",
            span.place(),
            format!("不支持小数（{short}）"),
            format!("numbers with a point are not supported ({short})"),
        )
        .hinting(
            format!("请加引号：\"{short}\"；比例请写成 \"80%\" 或 \"2/3\""),
            format!("quote it: \"{short}\"; write a share as \"80%\" or \"2/3\""),
        ),
        Refused::TooLarge => Problem::error(
            "number_too_large",
            span.place(),
            format!("整数超出 ±{MAX_INTEGER}"),
            format!("the whole number is beyond ±{MAX_INTEGER}"),
        )
        .hinting("若是编号，请加引号", "quote it if it is a code"),
        Refused::LeadingZero => Problem::error(
            "leading_zero",
            span.place(),
            format!("以 0 开头的数字（{short}）"),
            format!("a number with a leading zero ({short})"),
        )
        .hinting(
            format!("若是编号，请加引号：\"{short}\""),
            format!("quote it if it is a code: \"{short}\""),
        ),
    }
}
