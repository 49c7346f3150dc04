//! Every part has one type, and the whole is true or false.

use std::fmt;

use super::names::{Input, look_up};
use super::parse::{Expr, Macro, Node};
use super::{Problem, Program};
use crate::definition::Definition;

/// What a part of an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A whole number of 64 bits.
    Int,
    /// True or false.
    Bool,
    /// A text; a day is one, written `2021-01-20`.
    Text,
    /// A list of one type.
    List(Box<Type>),
    /// The items of an empty list.
    Any,
}

impl Type {
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(a), Self::List(b)) => a.fits(b),
            _ => self == other,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int => f.write_str("int"),
            Self::Bool => f.write_str("bool"),
            Self::Text => f.write_str("string"),
            Self::List(of) => write!(f, "list({of})"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// The functions, with their arguments and results; a method's target is its first argument.
const FUNCTIONS: [&str; 6] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "days_between",
    "sum",
];

pub(super) fn check(root: Expr, definition: &Definition) -> Result<Program, Problem> {
    let mut checker = Checker {
        definition,
        locals: Vec::new(),
        inputs: Vec::new(),
    };
    let at = root.at;
    let (root, found) = checker.typed(root)?;
    if found != Type::Bool {
        return Err(Problem::new(
            at,
            format!("表达式的结果应是真或假，这里是 {found}"),
            format!("the expression must be true or false; this is {found}"),
        ));
    }
    Ok(Program {
        root,
        inputs: checker.inputs,
    })
}

struct Checker<'a> {
    definition: &'a Definition,
    locals: Vec<(String, Type)>,
    inputs: Vec<Input>,
}

impl Checker<'_> {
    fn of(&mut self, expr: Expr, wanted: &Type) -> Result<Box<Expr>, Problem> {
        let at = expr.at;
        let (expr, found) = self.typed(expr)?;
        if found.fits(wanted) {
            return Ok(Box::new(expr));
        }
        Err(mismatch(at, &found, wanted))
    }

    fn typed(&mut self, expr: Expr) -> Result<(Expr, Type), Problem> {
        let at = expr.at;
        let (node, found) = match expr.node {
            Node::Int(number) => (Node::Int(number), Type::Int),
            Node::Bool(value) => (Node::Bool(value), Type::Bool),
            Node::Text(text) => (Node::Text(text), Type::Text),
            Node::List(items) => {
                let mut of = Type::Any;
                let mut typed = Vec::with_capacity(items.len());
                for item in items {
                    let item_at = item.at;
                    let (item, found) = self.typed(item)?;
                    if !found.fits(&of) {
                        return Err(mismatch(item_at, &found, &of));
                    }
                    if of == Type::Any {
                        of = found;
                    }
                    typed.push(item);
                }
                (Node::List(typed), Type::List(Box::new(of)))
            }
            Node::Path(path) => self.path(at, path)?,
            Node::Has(inner) => match inner.node {
                Node::Path(path) => {
                    let (inner, _) = self.path(inner.at, path)?;
                    match inner {
                        Node::Input(_) => {
                            (Node::Has(Box::new(Expr { at, node: inner })), Type::Bool)
                        }
                        _ => return Err(has_takes_a_name(at)),
                    }
                }
                _ => return Err(has_takes_a_name(at)),
            },
            Node::Not(inner) => (Node::Not(self.of(*inner, &Type::Bool)?), Type::Bool),
            Node::Minus(inner) => (Node::Minus(self.of(*inner, &Type::Int)?), Type::Int),
            Node::Binary(sign, left, right) => self.binary(at, sign, *left, *right)?,
            Node::If(condition, then, otherwise) => {
                let condition = self.of(*condition, &Type::Bool)?;
                let (then, found) = self.typed(*then)?;
                let otherwise = self.of(*otherwise, &found)?;
                (Node::If(condition, Box::new(then), otherwise), found)
            }
            Node::Index(list, index) => {
                let list_at = list.at;
                let (list, found) = self.typed(*list)?;
                let Type::List(of) = found else {
                    return Err(mismatch(list_at, &found, &Type::List(Box::new(Type::Any))));
                };
                let index = self.of(*index, &Type::Int)?;
                (Node::Index(Box::new(list), index), *of)
            }
            Node::Call(name, arguments) => self.call(at, name, arguments)?,
            Node::Macro(kind, list, variable, body) => {
                self.comprehension(at, kind, *list, variable, *body)?
            }
            node @ (Node::Local(_) | Node::Input(_)) => (node, Type::Any),
        };
        Ok((Expr { at, node }, found))
    }

    fn path(&mut self, at: usize, path: Vec<String>) -> Result<(Node, Type), Problem> {
        if let Some(first) = path.first()
            && let Some((name, found)) = self.locals.iter().rev().find(|(name, _)| name == first)
        {
            if path.len() > 1 {
                return Err(Problem::new(
                    at,
                    format!("“{name}”是 {found}，没有内容可取"),
                    format!("`{name}` is {found} and has no parts"),
                ));
            }
            return Ok((Node::Local(name.clone()), found.clone()));
        }
        let (input, found) = look_up(at, &path, self.definition)?;
        if !self.inputs.contains(&input) {
            self.inputs.push(input.clone());
        }
        Ok((Node::Input(input), found))
    }

    fn binary(
        &mut self,
        at: usize,
        sign: &'static str,
        left: Expr,
        right: Expr,
    ) -> Result<(Node, Type), Problem> {
        let boxed = |left, right, found| Ok((Node::Binary(sign, left, right), found));
        match sign {
            "||" | "&&" => {
                let left = self.of(left, &Type::Bool)?;
                let right = self.of(right, &Type::Bool)?;
                boxed(left, right, Type::Bool)
            }
            "-" | "*" | "/" | "%" => {
                let left = self.of(left, &Type::Int)?;
                let right = self.of(right, &Type::Int)?;
                boxed(left, right, Type::Int)
            }
            "in" => {
                let (left, found) = self.typed(left)?;
                let right = self.of(right, &Type::List(Box::new(found)))?;
                boxed(Box::new(left), right, Type::Bool)
            }
            _ => {
                let left_at = left.at;
                let (left, found) = self.typed(left)?;
                let right = self.of(right, &found)?;
                let fits = match sign {
                    "==" | "!=" => true,
                    "+" => !matches!(found, Type::Bool),
                    _ => matches!(found, Type::Int | Type::Text | Type::Bool | Type::Any),
                };
                if !fits {
                    return Err(Problem::new(
                        left_at.max(at),
                        format!("{found} 不能用“{sign}”"),
                        format!("`{sign}` does not take {found}"),
                    ));
                }
                let result = if sign == "+" { found } else { Type::Bool };
                boxed(Box::new(left), right, result)
            }
        }
    }

    fn call(
        &mut self,
        at: usize,
        name: String,
        arguments: Vec<Expr>,
    ) -> Result<(Node, Type), Problem> {
        let (wanted, result) = match name.as_str() {
            "contains" | "startsWith" | "endsWith" => (vec![Type::Text, Type::Text], Type::Bool),
            "days_between" => (vec![Type::Text, Type::Text], Type::Int),
            "sum" => (vec![Type::List(Box::new(Type::Int))], Type::Int),
            "size" => (vec![Type::Any], Type::Int),
            "matches" => {
                return Err(Problem::new(
                    at,
                    "不能用正则表达式（matches）：用 contains、startsWith、endsWith 或 in",
                    "no patterns (matches): use contains, startsWith, endsWith or `in`",
                ));
            }
            "timestamp" | "duration" | "now" | "getFullYear" | "getMonth" | "getDate" => {
                return Err(Problem::new(
                    at,
                    "没有时钟和时刻：日期是文本，用 < 比较，用 days_between 计日",
                    "no clock and no instants: days are texts, compared with `<`, counted with days_between",
                ));
            }
            "double" | "uint" | "bytes" | "int" | "string" | "type" | "dyn" => {
                return Err(Problem::new(
                    at,
                    format!("没有类型转换（{name}）：只有整数、布尔、文本和列表"),
                    format!(
                        "no conversions ({name}): only whole numbers, booleans, texts and lists"
                    ),
                ));
            }
            _ => {
                return Err(Problem {
                    unknown: Some((
                        name.clone(),
                        FUNCTIONS
                            .iter()
                            .chain(&["has", "all", "exists", "exists_one", "filter", "map"])
                            .map(ToString::to_string)
                            .collect(),
                    )),
                    ..Problem::new(
                        at,
                        format!("没有函数“{name}”"),
                        format!("there is no function `{name}`"),
                    )
                });
            }
        };
        if arguments.len() != wanted.len() {
            let (found, wanted) = (arguments.len(), wanted.len());
            return Err(Problem::new(
                at,
                format!("“{name}”要 {wanted} 个参数，这里有 {found} 个"),
                format!("`{name}` takes {wanted} arguments, not {found}"),
            ));
        }
        let mut typed = Vec::with_capacity(arguments.len());
        for (argument, wanted) in arguments.into_iter().zip(&wanted) {
            let argument_at = argument.at;
            let (argument, found) = self.typed(argument)?;
            if !found.fits(wanted) {
                return Err(mismatch(argument_at, &found, wanted));
            }
            if name == "size" && !matches!(found, Type::Text | Type::List(_)) {
                return Err(Problem::new(
                    argument_at,
                    format!("size 只用于文本和列表，这里是 {found}"),
                    format!("`size` takes a text or a list; this is {found}"),
                ));
            }
            typed.push(argument);
        }
        Ok((Node::Call(name, typed), result))
    }

    fn comprehension(
        &mut self,
        at: usize,
        kind: Macro,
        list: Expr,
        variable: String,
        body: Expr,
    ) -> Result<(Node, Type), Problem> {
        let list_at = list.at;
        let (list, found) = self.typed(list)?;
        let Type::List(of) = found else {
            return Err(mismatch(list_at, &found, &Type::List(Box::new(Type::Any))));
        };
        /// Lists in lists in lists: what one walks costs the product.
        const MAX_NESTED: usize = 2;
        if self.locals.len() >= MAX_NESTED {
            return Err(Problem::new(
                at,
                format!("列表的遍历最多嵌套 {MAX_NESTED} 层"),
                format!("at most {MAX_NESTED} walks through lists inside each other"),
            ));
        }
        self.locals.push((variable.clone(), (*of).clone()));
        let body_at = body.at;
        let typed = self.typed(body);
        self.locals.pop();
        let (body, found) = typed?;
        let result = match kind {
            Macro::Map => Type::List(Box::new(found)),
            _ if !found.fits(&Type::Bool) => return Err(mismatch(body_at, &found, &Type::Bool)),
            Macro::Filter => Type::List(of),
            Macro::All | Macro::Exists | Macro::ExistsOne => Type::Bool,
        };
        Ok((
            Node::Macro(kind, Box::new(list), variable, Box::new(body)),
            result,
        ))
    }
}

fn has_takes_a_name(at: usize) -> Problem {
    Problem::new(
        at,
        "has(…) 里应写名称，如 has(latest.事实.字段)",
        "has(…) takes a name, such as has(latest.fact.field)",
    )
}

fn mismatch(at: usize, found: &Type, wanted: &Type) -> Problem {
    Problem::new(
        at,
        format!("这里应是 {wanted}，却是 {found}"),
        format!("expected {wanted} here, found {found}"),
    )
}
