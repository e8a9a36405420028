//! CEL over readings and facts: parsed, type-checked and bound once, evaluated often. The detector's rules and the
//! remediator's playbooks are written in it.
//!
//! A variable is a number (a double), a text or a truth, as its [`Scope`] says. What an expression may say is kept to
//! comparisons, `&&`, `||`, `!`, `?:`, arithmetic and literals. Functions, macros and lists are refused at load, so that
//! an expression that loads cannot fail for its types later.
//!
//! A variable without a value (missing, or NaN) is an error to CEL, and CEL's own rule for errors holds: `a || b` is true
//! when either side is true, `a && b` false when either is false, whatever the other side lacks; everything else that
//! touches the missing variable has no answer.

mod check;
mod metrics;
mod plain;

use std::ops::Range;
use std::sync::Arc;

use cel::common::types::{CelBool, CelDouble, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, Program, Value};

use check::{Checker, Type};

pub use metrics::{NODE_METRICS, SERVICE_METRICS};
pub use plain::{Comparison, Plain, Term};

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A double.
    Number,
    /// A text, to be compared with another.
    Text,
    /// True or false.
    Truth,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A reading; NaN is as good as missing.
    Number(f64),
    /// A word.
    Text(String),
    /// A truth.
    Truth(bool),
}

/// What an expression may name, and how its mistakes are worded.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The variables.
    pub known: &'a [(&'a str, Kind)],
    /// What a variable is called here: "metric", "fact".
    pub noun: &'a str,
    /// A good expression, as a mend shows it.
    pub example: &'a str,
    /// What a person does who needs a name that is not known.
    pub unknown_mend: &'a str,
}

/// One compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    program: Program,
    names: Vec<String>,
    plain: Option<Plain>,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// At which bytes of it.
    pub range: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// Runs expressions.
#[derive(Clone)]
pub struct Evaluator {
    env: Arc<Env>,
    by_cel: bool,
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Evaluator")
    }
}

impl Default for Evaluator {
    fn default() -> Self {
        Self::new()
    }
}

impl Evaluator {
    /// One for any number of expressions.
    #[must_use]
    pub fn new() -> Self {
        Self {
            env: Arc::new(Env::stdlib()),
            by_cel: false,
        }
    }

    /// One that asks CEL even where a plain form gives the same answer sooner: for what compares the two.
    #[must_use]
    pub fn by_cel() -> Self {
        Self {
            by_cel: true,
            ..Self::new()
        }
    }

    /// `values` are those of [`Expression::names`], in that order. `None`: no answer without what is missing.
    #[must_use]
    pub fn holds<V>(&self, expression: &Expression, values: &[Option<V>]) -> Option<bool>
    where
        V: Clone + Into<Fact> + Send + Sync,
    {
        if let Some(plain) = expression.plain().filter(|_| !self.by_cel) {
            return plain.holds(&|place| match values.get(place)?.clone()?.into() {
                Fact::Number(number) if !number.is_nan() => Some(number),
                _ => None,
            });
        }
        let bound = Bound {
            names: &expression.names,
            values,
        };
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(&bound);
        match expression.program.execute(&context) {
            Ok(Value::Bool(answer)) => Some(answer),
            _ => None,
        }
    }
}

struct Bound<'a, V> {
    names: &'a [String],
    values: &'a [Option<V>],
}

impl<V: Clone + Into<Fact> + Send + Sync> VariableResolver for Bound<'_, V> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let index = self.names.iter().position(|name| name == variable)?;
        let value = self.values.get(index)?.clone()?;
        Some(match value.into() {
            Fact::Number(number) if number.is_nan() => return None,
            Fact::Number(number) => CowVal::owned(CelDouble::from(number)),
            Fact::Text(text) => CowVal::owned(CelString::from(text)),
            Fact::Truth(truth) => CowVal::owned(CelBool::from(truth)),
        })
    }
}

impl From<f64> for Fact {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Fact {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

/// As a reason shows it: `97.3`, `"RUNNING"`, `true`.
impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) if number.fract() == 0.0 => write!(f, "{number:.0}"),
            Self::Number(number) => write!(f, "{number:.1}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}

/// Bytes of an expression: a condition that is longer is a program, and each of its operators is a step down for who reads it.
const LENGTH_MAX: usize = 500;
/// Parentheses in parentheses. The parser goes as deep as they do, by so much a step that 16 are too many for a thread's stack in a
/// debug build.
const DEPTH_MAX: u32 = 8;

fn check_depth(source: &str) -> Result<(), Mistake> {
    if source.len() > LENGTH_MAX {
        return Err(Mistake {
            range: 0..source.len(),
            what: format!("{} bytes long, at most {LENGTH_MAX}", source.len()),
            mend: "write two conditions, or a simpler one".to_owned(),
        });
    }
    let mut depth = 0_u32;
    let mut prefixes = 0_u32;
    for (at, sign) in source.char_indices() {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        prefixes = if matches!(sign, '!' | '-') {
            prefixes + 1
        } else {
            0
        };
        if depth > DEPTH_MAX || prefixes > DEPTH_MAX {
            return Err(Mistake {
                range: at..at + sign.len_utf8(),
                what: format!("more than {DEPTH_MAX} deep"),
                mend: "write it flatter".to_owned(),
            });
        }
    }
    Ok(())
}

impl Expression {
    /// Parses and checks.
    pub fn compile(source: &str, scope: &Scope<'_>) -> Result<Self, Mistake> {
        check_depth(source)?;
        let program = Program::compile(source).map_err(|errors| broken(source, scope, &errors))?;
        let mut checker = Checker {
            source,
            program: &program,
            scope,
            names: Vec::new(),
        };
        let whole = |what: String, mend: String| Mistake {
            range: 0..source.len(),
            what,
            mend,
        };
        let kind = checker.type_of(program.expression())?;
        if kind != Type::Truth {
            return Err(whole(
                format!("this is {}, not a condition", kind.with_article()),
                format!("compare it, as in `{}`", scope.example),
            ));
        }
        let names = checker.names;
        if names.is_empty() {
            return Err(whole(
                format!("this names no {}, so it is always the same", scope.noun),
                format!("name one of {}", scope.list()),
            ));
        }
        Ok(Self {
            source: source.to_owned(),
            plain: Plain::of(&program, &names).filter(|_| scope.is_of_numbers(&names)),
            program,
            names,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The same condition without CEL, where it only compares numbers.
    #[must_use]
    pub fn plain(&self) -> Option<&Plain> {
        self.plain.as_ref()
    }

    /// The variables that it names, each once.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Scope<'_> {
    fn is_of_numbers(&self, names: &[String]) -> bool {
        let number = |name: &String| self.known.contains(&(name.as_str(), Kind::Number));
        names.iter().all(number)
    }

    fn list(&self) -> String {
        let names: Vec<&str> = self.known.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

fn broken(source: &str, scope: &Scope<'_>, errors: &cel::ParseErrors) -> Mistake {
    let first = errors.errors.first();
    // Columns count from 1; an error at the end points behind the last character.
    let at = first.map_or(0, |error| usize::try_from(error.pos.1 - 1).unwrap_or(0));
    Mistake {
        range: at.min(source.len())..(at + 1).min(source.len()),
        what: first.map_or_else(
            || "not an expression".to_owned(),
            |error| format!("not an expression: {}", in_short(&error.msg)),
        ),
        mend: format!(
            "write a comparison, as in `{}`; `&&` and `||` join several",
            scope.example
        ),
    }
}

/// The parser's words without its list of every token that could have stood there.
fn in_short(message: &str) -> String {
    let message = message.trim().trim_start_matches("Syntax error: ");
    let end = message.find(" expecting ").unwrap_or(message.len());
    message[..end].replace("'<EOF>'", "the end")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const SCOPE: Scope<'_> = Scope {
        known: &[
            ("cpu_percent", Kind::Number),
            ("state", Kind::Text),
            ("port_held", Kind::Truth),
        ],
        noun: "fact",
        example: "replicas_up > 0",
        unknown_mend: "your own go into `own_facts`",
    };

    fn answer(source: &str, facts: &[(&str, Fact)]) -> Option<bool> {
        let expression = Expression::compile(source, &SCOPE).unwrap();
        let values: Vec<Option<Fact>> = expression
            .names()
            .iter()
            .map(|name| {
                let found = facts.iter().find(|(known, _)| known == name);
                found.map(|(_, fact)| fact.clone())
            })
            .collect();
        Evaluator::new().holds(&expression, &values)
    }

    #[test]
    fn what_is_too_deep_is_refused_where_it_is() {
        let nested = |open: &str, close: &str, times| {
            format!(
                "{}cpu_percent > 1.0{}",
                open.repeat(times),
                close.repeat(times)
            )
        };
        assert!(Expression::compile(&nested("(", ")", 8), &SCOPE).is_ok());
        for (open, close) in [("(", ")"), ("!", ""), ("[", "]")] {
            let mistake = Expression::compile(&nested(open, close, 200), &SCOPE).unwrap_err();
            assert_eq!(mistake.range, 8..9, "{open}");
        }
        let chain = |times| format!("cpu_percent{} > 1.0", " + 1.0".repeat(times));
        assert!(Expression::compile(&chain(80), &SCOPE).is_ok());
        assert!(Expression::compile(&chain(5000), &SCOPE).is_err());
    }

    #[test]
    fn texts_and_truths_are_compared() {
        let facts = [
            ("state", Fact::Text("EXITED".to_owned())),
            ("port_held", Fact::Truth(true)),
        ];
        assert_eq!(answer("state == 'EXITED' && port_held", &facts), Some(true));
        assert_eq!(answer("state != \"EXITED\"", &facts), Some(false));
        assert_eq!(answer("!port_held", &facts), Some(false));
        assert_eq!(
            answer("port_held && cpu_percent > 1.0", &facts),
            None,
            "no reading"
        );
        assert_eq!(answer("port_held || cpu_percent > 1.0", &facts), Some(true));
        let nan = [("cpu_percent", Fact::Number(f64::NAN))];
        assert_eq!(answer("cpu_percent != 0.0", &nan), None, "NaN is no value");
    }

    fn check(source: &str, expected: &Expect) {
        let mistake = Expression::compile(source, &SCOPE).unwrap_err();
        let place = &source[mistake.range.clone()];
        expected.assert_eq(&format!("{place:?}: {}; {}", mistake.what, mistake.mend));
    }

    #[test]
    fn mistakes_name_their_place() {
        check(
            "state > 'A'",
            &expect![[
                r#"">": this operator does not fit what is on its sides; compare numbers with numbers, and join conditions with `&&` and `||`"#
            ]],
        );
        check(
            "state == 1.0",
            &expect![[
                r#""==": this operator does not fit what is on its sides; compare numbers with numbers, and join conditions with `&&` and `||`"#
            ]],
        );
        check(
            "sate == 'EXITED'",
            &expect![[
                r#""sate": unknown fact `sate`; did you mean `state`; your own go into `own_facts`"#
            ]],
        );
        check(
            "state",
            &expect![[
                r#""state": this is a text, not a condition; compare it, as in `replicas_up > 0`"#
            ]],
        );
        check(
            "size(state) > 1",
            &expect![[
                r#""(": `size` cannot be used here; use facts, numbers, comparisons, `&&`, `||`, `!` and `?:`"#
            ]],
        );
    }
}
