//! Expressions that are nothing but comparisons of numbers, joined by `&&`, `||` and `!`: nearly every rule. They are asked of each
//! service each second, so they are answered without CEL, and without a copy of anything.
//!
//! Invariant: the answer is CEL's own for every reading, present or missing; a test compares them. What is not of this shape has
//! no plain form, and is for CEL.

use cel::common::ast::operators as op;
use cel::common::ast::{Expr, LiteralValue};
use cel::{IdedExpr, Program};

/// A condition on numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    /// One number against another; a literal stands on the right.
    Compare(Term, Comparison, Term),
    /// The opposite.
    Not(Box<Plain>),
    /// Both.
    And(Box<[Plain; 2]>),
    /// Either.
    Or(Box<[Plain; 2]>),
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Term {
    /// The variable at this place of [`crate::Expression::names`].
    Variable(usize),
    /// A number that is written there.
    Literal(f64),
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Plain {
    /// `names`: the variables, in the order of their places.
    pub(crate) fn of(program: &Program, names: &[String]) -> Option<Self> {
        condition(program.expression(), names)
    }

    /// `read` gives the variable at a place, and never NaN. `None`: no answer without what is missing.
    pub fn holds(&self, read: &impl Fn(usize) -> Option<f64>) -> Option<bool> {
        match self {
            Self::Compare(left, comparison, right) => {
                Some(comparison.holds(left.value(read)?, right.value(read)?))
            }
            Self::Not(inner) => inner.holds(read).map(|holds| !holds),
            Self::And(sides) => joined(sides, false, read),
            Self::Or(sides) => joined(sides, true, read),
        }
    }
}

/// One side that is `decisive` decides alone, whatever the other one lacks.
fn joined(
    [left, right]: &[Plain; 2],
    decisive: bool,
    read: &impl Fn(usize) -> Option<f64>,
) -> Option<bool> {
    let left = left.holds(read);
    if left == Some(decisive) {
        return left;
    }
    let right = right.holds(read);
    if right == Some(decisive) {
        return right;
    }
    left.and(right)
}

impl Term {
    fn value(self, read: &impl Fn(usize) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Variable(place) => read(place),
            Self::Literal(number) => Some(number),
        }
    }
}

impl Comparison {
    fn of(function: &str) -> Option<Self> {
        Some(match function {
            op::LESS => Self::Less,
            op::LESS_EQUALS => Self::LessOrEqual,
            op::GREATER => Self::Greater,
            op::GREATER_EQUALS => Self::GreaterOrEqual,
            op::EQUALS => Self::Equal,
            op::NOT_EQUALS => Self::NotEqual,
            _ => return None,
        })
    }

    /// The same with its sides exchanged.
    fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }

    #[expect(
        clippy::float_cmp,
        reason = "a rule that asks whether two numbers are the same means it"
    )]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

fn condition(node: &IdedExpr, names: &[String]) -> Option<Plain> {
    let Expr::Call(call) = &node.expr else {
        return None;
    };
    let both = |left, right| {
        let sides = [condition(left, names)?, condition(right, names)?];
        Some(Box::new(sides))
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_NOT, [inner]) => Some(Plain::Not(Box::new(condition(inner, names)?))),
        (op::LOGICAL_AND, [left, right]) => both(left, right).map(Plain::And),
        (op::LOGICAL_OR, [left, right]) => both(left, right).map(Plain::Or),
        (function, [left, right]) => {
            let comparison = Comparison::of(function)?;
            Some(match (term(left, names)?, term(right, names)?) {
                (left @ Term::Literal(_), right) => {
                    Plain::Compare(right, comparison.mirrored(), left)
                }
                (left, right) => Plain::Compare(left, comparison, right),
            })
        }
        _ => None,
    }
}

fn term(node: &IdedExpr, names: &[String]) -> Option<Term> {
    match &node.expr {
        Expr::Ident(name) => {
            let place = names.iter().position(|known| known == name)?;
            Some(Term::Variable(place))
        }
        Expr::Literal(literal) => number(literal).map(Term::Literal),
        Expr::Call(call) if call.func_name == op::NEGATE => match call.args.as_slice() {
            [inner] => match &inner.expr {
                Expr::Literal(literal) => number(literal).map(|number| Term::Literal(-number)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CEL compares a whole number with a double in the same way"
)]
fn number(literal: &LiteralValue) -> Option<f64> {
    match literal {
        LiteralValue::Double(number) => Some(*number.inner()),
        LiteralValue::Int(number) => Some(*number.inner() as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Evaluator, Expression, Kind, Scope};
    use proptest::prelude::*;

    const SCOPE: Scope<'_> = Scope {
        known: &[("a", Kind::Number), ("b", Kind::Number)],
        noun: "metric",
        example: "a > 1.0",
        unknown_mend: "",
    };

    fn term() -> impl Strategy<Value = String> {
        const WORDS: &[&str] = &["a", "b", "0.0", "1", "-1", "-1.5", "1.5", "80.0"];
        proptest::sample::select(WORDS).prop_map(str::to_owned)
    }

    fn condition() -> impl Strategy<Value = String> {
        let comparison = proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
        let leaf = (term(), comparison, term())
            .prop_map(|(left, sign, right)| format!("{left} {sign} {right}"));
        leaf.prop_recursive(4, 16, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l}) && ({r})")),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l}) || ({r})")),
                inner.prop_map(|inner| format!("!({inner})")),
            ]
        })
    }

    fn reading() -> impl Strategy<Value = Option<f64>> {
        proptest::option::of(proptest::sample::select(
            &[-1.5, -1.0, -0.0, 0.0, 1.0, 1.5, 80.0, f64::INFINITY][..],
        ))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn plain_answers_are_those_of_cel(
            source in condition(),
            readings in (reading(), reading()),
        ) {
            // What names nothing, or is too deep, is refused.
            let Ok(expression) = Expression::compile(&source, &SCOPE) else {
                return Ok(());
            };
            let value = |name: &String| if name == "a" { readings.0 } else { readings.1 };
            let values: Vec<Option<f64>> = expression.names().iter().map(value).collect();
            let cel = Evaluator::by_cel().holds(&expression, &values);
            let plain = expression.plain().expect("comparisons only");
            prop_assert_eq!(plain.holds(&|place| values[place]), cel, "{}", source);
        }
    }

    #[test]
    fn what_calculates_or_chooses_is_left_to_cel() {
        for (source, is_plain) in [
            ("a > 80", true),
            ("!(a < 1.0) && 2 >= b", true),
            ("a + 1.0 > 2.0", false),
            ("a > 1.0 ? b > 1.0 : b > 2.0", false),
            ("(a > 1.0) == (b > 1.0)", false),
            ("-a > 1.0", false),
            ("a > 1.0 || true", false),
        ] {
            let expression = Expression::compile(source, &SCOPE).unwrap();
            assert_eq!(expression.plain().is_some(), is_plain, "{source}");
        }
    }
}
