//! Do the types of an expression fit? Asked once, when it is loaded.

use arena_config::closest;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, LiteralValue};
use cel::{IdedExpr, Program};

use crate::{Kind, Mistake, Scope};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// A variable, or a number with a point.
    Number,
    /// A literal without a point: comparable with a number, but CEL does not calculate with both.
    Integer,
    Text,
    Truth,
}

impl Type {
    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            Self::Number | Self::Integer => "a number",
            Self::Text => "a text",
            Self::Truth => "a condition",
        }
    }
}

const ALLOWED: &str = "comparisons, `&&`, `||`, `!` and `?:`";

pub(crate) struct Checker<'a> {
    pub(crate) source: &'a str,
    pub(crate) program: &'a Program,
    pub(crate) scope: &'a Scope<'a>,
    /// What it names, each once, in the order of appearance.
    pub(crate) names: Vec<String>,
}

impl Checker<'_> {
    pub(crate) fn type_of(&mut self, node: &IdedExpr) -> Result<Type, Mistake> {
        match &node.expr {
            Expr::Ident(name) => self.variable(node, name),
            Expr::Literal(LiteralValue::Boolean(_)) => Ok(Type::Truth),
            Expr::Literal(LiteralValue::Double(_)) => Ok(Type::Number),
            Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_)) => Ok(Type::Integer),
            Expr::Literal(LiteralValue::String(_)) if self.knows_texts() => Ok(Type::Text),
            Expr::Call(call) => self.call(node, call),
            _ => {
                let what = if self.knows_texts() {
                    "a condition knows numbers, texts and truth only"
                } else {
                    "a rule knows numbers and truth only"
                };
                Err(self.mistake(node, what, &self.allowed()))
            }
        }
    }

    fn knows_texts(&self) -> bool {
        self.scope.known.iter().any(|(_, kind)| *kind == Kind::Text)
    }

    fn allowed(&self) -> String {
        format!("use {}s, numbers, {ALLOWED}", self.scope.noun)
    }

    fn variable(&mut self, node: &IdedExpr, name: &str) -> Result<Type, Mistake> {
        let known = self.scope.known.iter();
        let Some((_, kind)) = known.clone().find(|(known, _)| *known == name) else {
            let mend = match closest(name, known.map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`"),
                None => format!("use one of {}", self.scope.list()),
            };
            let noun = self.scope.noun;
            return Err(self.mistake(
                node,
                &format!("unknown {noun} `{name}`"),
                &format!("{mend}; {}", self.scope.unknown_mend),
            ));
        };
        if !self.names.iter().any(|other| other == name) {
            self.names.push(name.to_owned());
        }
        Ok(match kind {
            Kind::Number => Type::Number,
            Kind::Text => Type::Text,
            Kind::Truth => Type::Truth,
        })
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Result<Type, Mistake> {
        let arguments: Vec<Type> = call
            .args
            .iter()
            .map(|argument| self.type_of(argument))
            .collect::<Result<_, _>>()?;
        let number = |kind: &Type| matches!(kind, Type::Number | Type::Integer);
        match (call.func_name.as_str(), arguments.as_slice()) {
            (
                op::LOGICAL_AND | op::LOGICAL_OR | op::EQUALS | op::NOT_EQUALS,
                [Type::Truth, Type::Truth],
            )
            | (op::EQUALS | op::NOT_EQUALS, [Type::Text, Type::Text])
            | (op::LOGICAL_NOT, [Type::Truth]) => Ok(Type::Truth),
            (
                op::GREATER
                | op::GREATER_EQUALS
                | op::LESS
                | op::LESS_EQUALS
                | op::EQUALS
                | op::NOT_EQUALS,
                [left, right],
            ) if number(left) && number(right) => Ok(Type::Truth),
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, [Type::Number, Type::Number])
            | (op::NEGATE, [Type::Number]) => Ok(Type::Number),
            (op::NEGATE, [Type::Integer]) => Ok(Type::Integer),
            (op::CONDITIONAL, [Type::Truth, left, right]) if left == right => Ok(*left),
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, arguments)
                if arguments.iter().all(number) =>
            {
                let noun = self.scope.noun;
                Err(self.mistake(
                    node,
                    &format!("CEL does not calculate with whole numbers and {noun}s together"),
                    "write the number with a point, as in `2.0`",
                ))
            }
            (name, _) if name.contains('_') => Err(self.mistake(
                node,
                "this operator does not fit what is on its sides",
                "compare numbers with numbers, and join conditions with `&&` and `||`",
            )),
            (name, _) => Err(self.mistake(
                node,
                &format!("`{name}` cannot be used here"),
                &self.allowed(),
            )),
        }
    }

    fn mistake(&self, node: &IdedExpr, what: &str, mend: &str) -> Mistake {
        let offset = self.program.source_info().offset_for(node.id);
        let range = offset.map_or(0..self.source.len(), |(start, stop)| {
            let start = usize::try_from(start).unwrap_or(0).min(self.source.len());
            let stop = usize::try_from(stop).unwrap_or(0);
            start..(stop + 1).clamp(start, self.source.len())
        });
        Mistake {
            range,
            what: what.to_owned(),
            mend: mend.to_owned(),
        }
    }
}
