//! From tokens to a tree, by the precedence of CEL.

use super::lex::{Kind, Token};
use super::names::Input;
use super::{MAX_DEPTH, MAX_PARTS, Problem};

/// A part of an expression with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr {
    pub(super) at: usize,
    pub(super) node: Node,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Int(i64),
    Bool(bool),
    Text(String),
    List(Vec<Expr>),
    /// `project.households`, before it is looked up.
    Path(Vec<String>),
    /// The name that a macro gives to each item: `m` in `list.all(m, …)`.
    Local(String),
    /// A name of the definition.
    Input(Input),
    /// Whether there is such an input.
    Has(Box<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Index(Box<Expr>, Box<Expr>),
    /// A function, or a method with its target as the first argument.
    Call(String, Vec<Expr>),
    /// `list.all(name, body)` and its like.
    Macro(Macro, Box<Expr>, String, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

pub(super) fn parse(tokens: &[Token]) -> Result<Expr, Problem> {
    let mut parser = Parser {
        tokens,
        next: 0,
        depth: 0,
        parts: 0,
    };
    let root = parser.expression()?;
    match parser.peek() {
        (_, Kind::End) => Ok(root),
        (at, _) => Err(unexpected(at)),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    parts: usize,
}

fn unexpected(at: usize) -> Problem {
    Problem::new(at, "表达式在这里写错了", "the expression is broken here")
}

/// The binary operators by precedence, the loosest first.
const LEVELS: [&[&str]; 5] = [
    &["||"],
    &["&&"],
    &["<", "<=", ">", ">=", "==", "!=", "in"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Parser<'_> {
    fn peek(&self) -> (usize, &Kind) {
        match self.tokens.get(self.next).or(self.tokens.last()) {
            Some(token) => (token.at, &token.kind),
            None => (0, &Kind::End),
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek().1, Kind::Sign(found) if *found == sign);
        if taken {
            self.next += 1;
        }
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        let at = self.peek().0;
        if self.take(sign) {
            return Ok(());
        }
        Err(Problem::new(
            at,
            format!("这里应有“{sign}”"),
            format!("expected `{sign}` here"),
        ))
    }

    fn part(&mut self, at: usize, node: Node) -> Result<Expr, Problem> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(Problem::new(
                at,
                format!("表达式超过 {MAX_PARTS} 个部分"),
                format!("the expression has more than {MAX_PARTS} parts"),
            ));
        }
        Ok(Expr { at, node })
    }

    /// Goes one level deeper, for everything that comes between brackets.
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::new(
                self.peek().0,
                format!("嵌套超过 {MAX_DEPTH} 层"),
                format!("nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn expression(&mut self) -> Result<Expr, Problem> {
        self.deeper(|parser| {
            let condition = parser.binary(0)?;
            let at = parser.peek().0;
            if !parser.take("?") {
                return Ok(condition);
            }
            let then = parser.binary(0)?;
            parser.expect(":")?;
            let otherwise = parser.expression()?;
            parser.part(
                at,
                Node::If(Box::new(condition), Box::new(then), Box::new(otherwise)),
            )
        })
    }

    fn binary(&mut self, level: usize) -> Result<Expr, Problem> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let (at, kind) = self.peek();
            let operator = operators.iter().find(|operator| match kind {
                Kind::Sign(sign) => sign == *operator,
                Kind::Word(word) => *operator == word,
                _ => false,
            });
            let Some(operator) = operator else {
                return Ok(left);
            };
            self.next += 1;
            let right = self.binary(level + 1)?;
            left = self.part(at, Node::Binary(operator, Box::new(left), Box::new(right)))?;
        }
    }

    fn unary(&mut self) -> Result<Expr, Problem> {
        let at = self.peek().0;
        if self.take("!") {
            let inner = self.deeper(Self::unary)?;
            return self.part(at, Node::Not(Box::new(inner)));
        }
        if self.take("-") {
            let inner = self.deeper(Self::unary)?;
            return self.part(at, Node::Minus(Box::new(inner)));
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Expr, Problem> {
        let mut found = self.primary()?;
        loop {
            let at = self.peek().0;
            if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                found = self.part(at, Node::Index(Box::new(found), Box::new(index)))?;
            } else if self.take(".") {
                let (word_at, word) = self.word()?;
                if self.take("(") {
                    found = self.method(word_at, found, &word)?;
                    continue;
                }
                match &mut found.node {
                    Node::Path(path) => path.push(word),
                    _ => {
                        return Err(Problem::new(
                            at,
                            "只有名称才能用“.”取内容",
                            "only a name has parts behind `.`",
                        ));
                    }
                }
            } else {
                return Ok(found);
            }
        }
    }

    fn word(&mut self) -> Result<(usize, String), Problem> {
        match self.peek() {
            (at, Kind::Word(word)) => {
                let found = (at, word.clone());
                self.next += 1;
                Ok(found)
            }
            (at, _) => Err(Problem::new(at, "这里应有名称", "expected a name here")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Problem> {
        self.items(")")
    }

    /// What stands between brackets, with commas, up to and including the closing one.
    fn items(&mut self, close: &str) -> Result<Vec<Expr>, Problem> {
        let mut items = Vec::new();
        if self.take(close) {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            if self.take(close) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    fn method(&mut self, at: usize, target: Expr, name: &str) -> Result<Expr, Problem> {
        let kind = match name {
            "all" => Macro::All,
            "exists" => Macro::Exists,
            "exists_one" => Macro::ExistsOne,
            "filter" => Macro::Filter,
            "map" => Macro::Map,
            _ => {
                let mut arguments = vec![target];
                arguments.extend(self.arguments()?);
                return self.part(at, Node::Call(name.to_owned(), arguments));
            }
        };
        let (_, variable) = self.word()?;
        self.expect(",")?;
        let body = self.expression()?;
        self.expect(")")?;
        self.part(
            at,
            Node::Macro(kind, Box::new(target), variable, Box::new(body)),
        )
    }

    fn primary(&mut self) -> Result<Expr, Problem> {
        let (at, kind) = self.peek();
        let kind = kind.clone();
        self.next += 1;
        match kind {
            Kind::Int(number) => self.part(at, Node::Int(number)),
            Kind::Text(text) => self.part(at, Node::Text(text)),
            Kind::Word(word) => match word.as_str() {
                "true" => self.part(at, Node::Bool(true)),
                "false" => self.part(at, Node::Bool(false)),
                "null" => Err(Problem::new(
                    at,
                    "没有 null；用 has(…) 判断有没有",
                    "there is no null; has(…) tells whether something is there",
                )),
                "in" => Err(unexpected(at)),
                _ if self.take("(") => {
                    let mut arguments = self.arguments()?;
                    match (word.as_str(), arguments.len()) {
                        ("has", 1) => {
                            let inner = arguments.remove(0);
                            self.part(at, Node::Has(Box::new(inner)))
                        }
                        _ => self.part(at, Node::Call(word, arguments)),
                    }
                }
                _ => self.part(at, Node::Path(vec![word])),
            },
            Kind::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Sign("[") => {
                let items = self.items("]")?;
                self.part(at, Node::List(items))
            }
            Kind::Sign("{") => Err(Problem::new(
                at,
                "没有映射：只有整数、布尔、文本和列表",
                "there are no maps: only whole numbers, booleans, texts and lists",
            )),
            Kind::Sign(_) | Kind::End => Err(unexpected(at)),
        }
    }
}
