//! CEL over metrics: parsed, type-checked and bound once, evaluated against the columns of telemetry.
//!
//! A metric is a double under its name. What a rule may say is kept to numbers and truth: comparisons, `&&`, `||`,
//! `!`, `?:`, arithmetic, literals. Functions, macros, lists and texts are refused at load, so that an expression
//! that loads cannot fail for its types later.
//!
//! A metric without a reading (no column, or NaN) is an error to CEL, and CEL's own rule for errors holds: `a || b`
//! is true when either side is true, `a && b` false when either is false, whatever the other side lacks; everything
//! else that touches the missing metric has no answer.

use std::ops::Range;
use std::sync::Arc;

use arena_config::closest;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, LiteralValue};
use cel::common::types::CelDouble;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, IdedExpr, Program, Value};

/// One compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    program: Program,
    metrics: Vec<String>,
}

/// What is wrong with an expression, at which bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) range: Range<usize>,
    pub(crate) what: String,
    pub(crate) mend: String,
}

/// Runs expressions.
#[derive(Clone)]
pub(crate) struct Evaluator {
    env: Arc<Env>,
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Evaluator")
    }
}

impl Evaluator {
    pub(crate) fn new() -> Self {
        Self {
            env: Arc::new(Env::stdlib()),
        }
    }

    /// `values` are the readings of [`Expression::metrics`], in that order. `None`: no answer without what is missing.
    pub(crate) fn holds(&self, expression: &Expression, values: &[Option<f64>]) -> Option<bool> {
        let readings = Readings {
            metrics: &expression.metrics,
            values,
        };
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(&readings);
        match expression.program.execute(&context) {
            Ok(Value::Bool(answer)) => Some(answer),
            _ => None,
        }
    }
}

struct Readings<'a> {
    metrics: &'a [String],
    values: &'a [Option<f64>],
}

impl VariableResolver for Readings<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let index = self.metrics.iter().position(|metric| metric == variable)?;
        let value = self.values.get(index).copied().flatten()?;
        Some(CowVal::owned(CelDouble::from(value)))
    }
}

impl Expression {
    /// Parses and checks; `known` are the metrics that it may name.
    pub(crate) fn compile(source: &str, known: &[&str]) -> Result<Self, Mistake> {
        let program = Program::compile(source).map_err(|errors| parse_mistake(source, &errors))?;
        let mut checker = Checker {
            source,
            program: &program,
            known,
            metrics: Vec::new(),
        };
        let root = program.expression();
        if checker.type_of(root)? != Type::Truth {
            return Err(Mistake {
                range: 0..source.len(),
                what: "this is a number, not a condition".to_owned(),
                mend: "compare it, as in `cpu_percent > 80.0`".to_owned(),
            });
        }
        let metrics = checker.metrics;
        if metrics.is_empty() {
            return Err(Mistake {
                range: 0..source.len(),
                what: "this names no metric, so it is always the same".to_owned(),
                mend: format!("name one of {}", known.join(", ")),
            });
        }
        Ok(Self {
            source: source.to_owned(),
            program,
            metrics,
        })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The metrics that it names, each once.
    pub(crate) fn metrics(&self) -> &[String] {
        &self.metrics
    }
}

fn parse_mistake(source: &str, errors: &cel::ParseErrors) -> Mistake {
    let first = errors.errors.first();
    // Columns count from 1; an error at the end points behind the last character.
    let at = first.map_or(0, |error| usize::try_from(error.pos.1 - 1).unwrap_or(0));
    Mistake {
        range: at.min(source.len())..(at + 1).min(source.len()),
        what: first.map_or_else(
            || "not an expression".to_owned(),
            |error| format!("not an expression: {}", in_short(&error.msg)),
        ),
        mend: "write a comparison, as in `cpu_percent > 80.0`; `&&` and `||` join several"
            .to_owned(),
    }
}

/// The parser's words without its list of every token that could have stood there.
fn in_short(message: &str) -> String {
    let message = message.trim().trim_start_matches("Syntax error: ");
    let end = message.find(" expecting ").unwrap_or(message.len());
    message[..end].replace("'<EOF>'", "the end")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// A metric, or a number with a point.
    Number,
    /// A literal without a point: comparable with a number, but CEL does not calculate with both.
    Integer,
    Truth,
}

struct Checker<'a> {
    source: &'a str,
    program: &'a Program,
    known: &'a [&'a str],
    metrics: Vec<String>,
}

impl Checker<'_> {
    fn type_of(&mut self, node: &IdedExpr) -> Result<Type, Mistake> {
        match &node.expr {
            Expr::Ident(name) => self.metric(node, name),
            Expr::Literal(LiteralValue::Boolean(_)) => Ok(Type::Truth),
            Expr::Literal(LiteralValue::Double(_)) => Ok(Type::Number),
            Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_)) => Ok(Type::Integer),
            Expr::Call(call) => self.call(node, call),
            _ => Err(self.mistake(
                node,
                "a rule knows numbers and truth only",
                "use metrics, numbers, comparisons, `&&`, `||`, `!` and `?:`",
            )),
        }
    }

    fn metric(&mut self, node: &IdedExpr, name: &str) -> Result<Type, Mistake> {
        if !self.known.contains(&name) {
            let near = closest(name, self.known.iter().copied());
            let mend = match near {
                Some(near) => format!("did you mean `{near}`"),
                None => format!("use one of {}", self.known.join(", ")),
            };
            return Err(self.mistake(
                node,
                &format!("unknown metric `{name}`"),
                &format!(
                    "{mend}; a service's own metric goes into `own_metrics` at the top of the file"
                ),
            ));
        }
        if !self.metrics.iter().any(|metric| metric == name) {
            self.metrics.push(name.to_owned());
        }
        Ok(Type::Number)
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
                Err(self.mistake(
                    node,
                    "CEL does not calculate with whole numbers and metrics together",
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
                "use metrics, numbers, comparisons, `&&`, `||`, `!` and `?:`",
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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const KNOWN: &[&str] = &["cpu_percent", "latency_p95_ms", "request_rate_hz"];

    fn answer(source: &str, readings: &[(&str, f64)]) -> Option<bool> {
        let expression = Expression::compile(source, KNOWN).unwrap();
        let values: Vec<Option<f64>> = expression
            .metrics()
            .iter()
            .map(|metric| {
                let found = readings.iter().find(|(name, _)| name == metric);
                found.map(|(_, value)| *value)
            })
            .collect();
        Evaluator::new().holds(&expression, &values)
    }

    #[test]
    fn compares_and_joins() {
        assert_eq!(
            answer("cpu_percent > 80.0", &[("cpu_percent", 81.0)]),
            Some(true)
        );
        assert_eq!(
            answer("cpu_percent > 80", &[("cpu_percent", 80.0)]),
            Some(false)
        );
        assert_eq!(
            answer("80 >= cpu_percent", &[("cpu_percent", 80.0)]),
            Some(true)
        );
        let both = "cpu_percent * 2.0 > 80.0 && !(latency_p95_ms < 10.0)";
        let readings = [("cpu_percent", 41.0), ("latency_p95_ms", 10.0)];
        assert_eq!(answer(both, &readings), Some(true));
        let chosen = "request_rate_hz > 0.0 ? latency_p95_ms > 5.0 : false";
        assert_eq!(answer(chosen, &[("request_rate_hz", 0.0)]), Some(false));
        assert_eq!(
            answer("cpu_percent == -1", &[("cpu_percent", -1.0)]),
            Some(true)
        );
    }

    #[test]
    fn without_a_reading_there_is_no_answer() {
        for source in [
            "cpu_percent > 80.0",
            "cpu_percent == 0.0",
            "cpu_percent != 0.0",
            "!(cpu_percent < 1.0)",
            "cpu_percent + 1.0 < 5.0",
            "cpu_percent > 80.0 || latency_p95_ms > 5.0",
        ] {
            assert_eq!(answer(source, &[]), None, "{source}");
        }
        // CEL's rule for errors: one side may decide alone.
        let either = "request_rate_hz == 0.0 || latency_p95_ms < 100.0";
        assert_eq!(answer(either, &[("request_rate_hz", 0.0)]), Some(true));
        assert_eq!(answer(either, &[("request_rate_hz", 3.0)]), None);
        let readings = [("cpu_percent", 0.0)];
        assert_eq!(
            answer("cpu_percent / cpu_percent > 1.0", &readings),
            None,
            "NaN on the way"
        );
    }

    fn check(source: &str, expected: &Expect) {
        let mistake = Expression::compile(source, KNOWN).unwrap_err();
        let place = &source[mistake.range.clone()];
        expected.assert_eq(&format!("{place:?}: {}; {}", mistake.what, mistake.mend));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        check(
            "cpu_percnt > 80.0",
            &expect![[
                r#""cpu_percnt": unknown metric `cpu_percnt`; did you mean `cpu_percent`; a service's own metric goes into `own_metrics` at the top of the file"#
            ]],
        );
        check(
            "latency_p95_ms > 1.0 || disk_bytes > 80.0",
            &expect![[
                r#""disk_bytes": unknown metric `disk_bytes`; use one of cpu_percent, latency_p95_ms, request_rate_hz; a service's own metric goes into `own_metrics` at the top of the file"#
            ]],
        );
        check(
            "cpu_percent >",
            &expect![[
                r#""": not an expression: mismatched input the end; write a comparison, as in `cpu_percent > 80.0`; `&&` and `||` join several"#
            ]],
        );
        check(
            "cpu_percent + 1.0",
            &expect![[
                r#""cpu_percent + 1.0": this is a number, not a condition; compare it, as in `cpu_percent > 80.0`"#
            ]],
        );
        check(
            "cpu_percent * 2 > 80",
            &expect![[
                r#""*": CEL does not calculate with whole numbers and metrics together; write the number with a point, as in `2.0`"#
            ]],
        );
        check(
            "cpu_percent && latency_p95_ms > 2.0",
            &expect![[
                r#""&&": this operator does not fit what is on its sides; compare numbers with numbers, and join conditions with `&&` and `||`"#
            ]],
        );
        check(
            "size(cpu_percent) > 1",
            &expect![[
                r#""(": `size` cannot be used here; use metrics, numbers, comparisons, `&&`, `||`, `!` and `?:`"#
            ]],
        );
        check(
            "[cpu_percent].exists(x, x > 1.0)",
            &expect![[
                r#""(": a rule knows numbers and truth only; use metrics, numbers, comparisons, `&&`, `||`, `!` and `?:`"#
            ]],
        );
        check(
            "cpu_percent > 'high'",
            &expect![[
                r#""'high'": a rule knows numbers and truth only; use metrics, numbers, comparisons, `&&`, `||`, `!` and `?:`"#
            ]],
        );
        check(
            "1.0 < 2.0",
            &expect![[
                r#""1.0 < 2.0": this names no metric, so it is always the same; name one of cpu_percent, latency_p95_ms, request_rate_hz"#
            ]],
        );
        check(
            "",
            &expect![[
                r#""": not an expression: mismatched input the end; write a comparison, as in `cpu_percent > 80.0`; `&&` and `||` join several"#
            ]],
        );
    }
}
