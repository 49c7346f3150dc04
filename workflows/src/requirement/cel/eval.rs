//! Evaluation, with every step paid for.

use jiff::civil::Date;

use super::COST_LIMIT;
use super::names::Input;
use super::parse::{Expr, Macro, Node};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
}

impl Value {
    /// What it costs to copy it: one for each letter and item.
    fn size(&self) -> u64 {
        match self {
            Self::Int(_) | Self::Bool(_) => 1,
            Self::Text(text) => 1 + text.len() as u64,
            Self::List(items) => 1 + items.iter().map(Self::size).sum::<u64>(),
        }
    }
}

/// Where the inputs come from.
pub trait Inputs {
    /// The value of an input, of the type that its name has; `None` if nothing was recorded that gives it. Lists are
    /// never missing, only empty.
    fn get(&self, input: &Input) -> Option<Value>;
}

/// Why an evaluation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An input is not there.
    Missing(Input),
    /// A whole number left 64 bits.
    Overflow,
    /// A division by 0.
    DivisionByZero,
    /// A list has no such place.
    NoSuchItem,
    /// A text that should be a day is none.
    NotADay,
    /// It cost more than [`COST_LIMIT`].
    TooDear,
}

/// How an evaluation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its result.
    pub result: Result<bool, Failure>,
    /// What it cost.
    pub cost: u64,
}

pub(super) fn evaluate(root: &Expr, inputs: &impl Inputs) -> Outcome {
    let mut run = Run {
        inputs,
        read: Vec::new(),
        locals: Vec::new(),
        cost: 0,
    };
    let result = run.truth(root);
    Outcome {
        result,
        cost: run.cost.min(COST_LIMIT + 1),
    }
}

struct Run<'a, I> {
    inputs: &'a I,
    /// What was read so far: an input inside a walk is looked for once.
    read: Vec<(&'a Input, Option<Value>)>,
    locals: Vec<(&'a str, Value)>,
    cost: u64,
}

impl<'a, I: Inputs> Run<'a, I> {
    fn pay(&mut self, cost: u64) -> Result<(), Failure> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > COST_LIMIT {
            return Err(Failure::TooDear);
        }
        Ok(())
    }

    fn input(&mut self, input: &'a Input) -> &Option<Value> {
        let at = self.read.iter().position(|(read, _)| *read == input);
        let at = at.unwrap_or_else(|| {
            self.read.push((input, self.inputs.get(input)));
            self.read.len() - 1
        });
        &self.read[at].1
    }

    fn truth(&mut self, expr: &'a Expr) -> Result<bool, Failure> {
        Ok(matches!(self.value(expr)?, Value::Bool(true)))
    }

    fn int(&mut self, expr: &'a Expr) -> Result<i64, Failure> {
        match self.value(expr)? {
            Value::Int(number) => Ok(number),
            // The types are checked before: another value cannot come.
            _ => Ok(0),
        }
    }

    fn text(&mut self, expr: &'a Expr) -> Result<String, Failure> {
        match self.value(expr)? {
            Value::Text(text) => Ok(text),
            _ => Ok(String::new()),
        }
    }

    fn list(&mut self, expr: &'a Expr) -> Result<Vec<Value>, Failure> {
        match self.value(expr)? {
            Value::List(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    fn value(&mut self, expr: &'a Expr) -> Result<Value, Failure> {
        self.pay(1)?;
        match &expr.node {
            Node::Int(number) => Ok(Value::Int(*number)),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Text(text) => {
                self.pay(text.len() as u64)?;
                Ok(Value::Text(text.clone()))
            }
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(item)?);
                }
                Ok(Value::List(values))
            }
            Node::Input(input) => {
                let value = self
                    .input(input)
                    .clone()
                    .ok_or_else(|| Failure::Missing(input.clone()))?;
                self.pay(value.size())?;
                Ok(value)
            }
            Node::Has(inner) => match &inner.node {
                Node::Input(input) => Ok(Value::Bool(self.input(input).is_some())),
                _ => Ok(Value::Bool(false)),
            },
            Node::Local(name) => {
                let value = self
                    .locals
                    .iter()
                    .rev()
                    .find(|(local, _)| local == name)
                    .map_or(Value::Bool(false), |(_, value)| value.clone());
                self.pay(value.size())?;
                Ok(value)
            }
            Node::Not(inner) => Ok(Value::Bool(!self.truth(inner)?)),
            Node::Minus(inner) => {
                let number = self.int(inner)?;
                number
                    .checked_neg()
                    .map(Value::Int)
                    .ok_or(Failure::Overflow)
            }
            Node::Binary(sign, left, right) => self.binary(sign, left, right),
            Node::If(condition, then, otherwise) => {
                if self.truth(condition)? {
                    self.value(then)
                } else {
                    self.value(otherwise)
                }
            }
            Node::Index(list, index) => {
                let items = self.list(list)?;
                let index = self.int(index)?;
                usize::try_from(index)
                    .ok()
                    .and_then(|index| items.into_iter().nth(index))
                    .ok_or(Failure::NoSuchItem)
            }
            Node::Call(name, arguments) => self.call(name, arguments),
            Node::Macro(kind, list, variable, body) => self.walk(*kind, list, variable, body),
            // Every path was looked up.
            Node::Path(_) => Ok(Value::Bool(false)),
        }
    }

    fn binary(&mut self, sign: &str, left: &'a Expr, right: &'a Expr) -> Result<Value, Failure> {
        match sign {
            "&&" => self.decided_by(false, left, right),
            "||" => self.decided_by(true, left, right),
            "in" => {
                let left = self.value(left)?;
                let items = self.list(right)?;
                for item in &items {
                    self.pay(item.size())?;
                    if *item == left {
                        return Ok(Value::Bool(true));
                    }
                }
                Ok(Value::Bool(false))
            }
            "==" | "!=" => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.pay(left.size().min(right.size()))?;
                Ok(Value::Bool((left == right) == (sign == "==")))
            }
            "<" | "<=" | ">" | ">=" => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.pay(left.size().min(right.size()))?;
                let order = match (&left, &right) {
                    (Value::Int(a), Value::Int(b)) => a.cmp(b),
                    (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
                    (Value::Text(a), Value::Text(b)) => a.cmp(b),
                    _ => std::cmp::Ordering::Equal,
                };
                Ok(Value::Bool(match sign {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            "+" => match (self.value(left)?, self.value(right)?) {
                (Value::Int(a), Value::Int(b)) => {
                    a.checked_add(b).map(Value::Int).ok_or(Failure::Overflow)
                }
                (Value::Text(a), Value::Text(b)) => {
                    self.pay((a.len() + b.len()) as u64)?;
                    Ok(Value::Text(a + &b))
                }
                (Value::List(mut a), Value::List(b)) => {
                    self.pay((a.len() + b.len()) as u64)?;
                    a.extend(b);
                    Ok(Value::List(a))
                }
                (other, _) => Ok(other),
            },
            _ => {
                let (a, b) = (self.int(left)?, self.int(right)?);
                let number = match sign {
                    "-" => a.checked_sub(b),
                    "*" => a.checked_mul(b),
                    _ if b == 0 => return Err(Failure::DivisionByZero),
                    "/" => a.checked_div(b),
                    _ => a.checked_rem(b),
                };
                number.map(Value::Int).ok_or(Failure::Overflow)
            }
        }
    }

    /// `&&` is decided by one false side and `||` by one true side, also where the other side has no result.
    fn decided_by(
        &mut self,
        deciding: bool,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<Value, Failure> {
        let left = self.truth(left);
        match left {
            Ok(found) if found == deciding => return Ok(Value::Bool(deciding)),
            Err(Failure::TooDear) => return Err(Failure::TooDear),
            _ => {}
        }
        let right = self.truth(right)?;
        if right == deciding {
            return Ok(Value::Bool(deciding));
        }
        left.map(Value::Bool)
    }

    fn call(&mut self, name: &str, arguments: &'a [Expr]) -> Result<Value, Failure> {
        match (name, arguments) {
            ("size", [of]) => {
                let size = match self.value(of)? {
                    Value::Text(text) => text.chars().count(),
                    Value::List(items) => items.len(),
                    Value::Int(_) | Value::Bool(_) => 0,
                };
                i64::try_from(size)
                    .map(Value::Int)
                    .map_err(|_| Failure::Overflow)
            }
            ("sum", [of]) => {
                let mut total: i64 = 0;
                for item in self.list(of)? {
                    if let Value::Int(number) = item {
                        total = total.checked_add(number).ok_or(Failure::Overflow)?;
                    }
                }
                Ok(Value::Int(total))
            }
            ("days_between", [from, to]) => {
                let day = |text: &str| text.parse::<Date>().map_err(|_| Failure::NotADay);
                let (from, to) = (day(&self.text(from)?)?, day(&self.text(to)?)?);
                Ok(Value::Int(crate::project::deadline::days_between(from, to)))
            }
            ("contains" | "startsWith" | "endsWith", [text, part]) => {
                let (text, part) = (self.text(text)?, self.text(part)?);
                self.pay((text.len() + part.len()) as u64)?;
                Ok(Value::Bool(match name {
                    "contains" => text.contains(&part),
                    "startsWith" => text.starts_with(&part),
                    _ => text.ends_with(&part),
                }))
            }
            // The names are checked before.
            _ => Ok(Value::Bool(false)),
        }
    }

    fn walk(
        &mut self,
        kind: Macro,
        list: &'a Expr,
        variable: &'a str,
        body: &'a Expr,
    ) -> Result<Value, Failure> {
        let items = self.list(list)?;
        let mut kept = Vec::new();
        let mut found: i64 = 0;
        let mut failed = None;
        for item in items {
            self.pay(item.size())?;
            self.locals.push((variable, item.clone()));
            let body = self.value(body);
            self.locals.pop();
            let body = match (body, kind) {
                // One item that decides hides the failure of another, as with `&&` and `||`.
                (Err(failure), Macro::All | Macro::Exists) if failure != Failure::TooDear => {
                    failed = Some(failure);
                    continue;
                }
                (body, _) => body?,
            };
            let holds = body == Value::Bool(true);
            match kind {
                Macro::All if !holds => return Ok(Value::Bool(false)),
                Macro::Exists if holds => return Ok(Value::Bool(true)),
                Macro::ExistsOne if holds => found += 1,
                Macro::Filter if holds => kept.push(item),
                Macro::Map => kept.push(body),
                _ => {}
            }
        }
        match (kind, failed) {
            (Macro::All | Macro::Exists, Some(failure)) => Err(failure),
            (Macro::All, None) => Ok(Value::Bool(true)),
            (Macro::Exists, None) => Ok(Value::Bool(false)),
            (Macro::ExistsOne, _) => Ok(Value::Bool(found == 1)),
            (Macro::Filter | Macro::Map, _) => Ok(Value::List(kept)),
        }
    }
}
