//! The expressions of rules: CEL over the metrics of one service or node, each a double under its name
//! (`arena_expression`). Texts have no place in a rule.

use arena_expression::{Kind, Scope};

pub(crate) use arena_expression::{Evaluator, Expression, Mistake};

/// Parses and checks; `known` are the metrics that it may name.
pub(crate) fn compile(source: &str, known: &[&str]) -> Result<Expression, Mistake> {
    let known: Vec<(&str, Kind)> = known.iter().map(|name| (*name, Kind::Number)).collect();
    Expression::compile(
        source,
        &Scope {
            known: &known,
            noun: "metric",
            example: "cpu_percent > 80.0",
            unknown_mend: "a service's own metric goes into `own_metrics` at the top of the file",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const KNOWN: &[&str] = &["cpu_percent", "latency_p95_ms", "request_rate_hz"];

    fn answer(source: &str, readings: &[(&str, f64)]) -> Option<bool> {
        let expression = compile(source, KNOWN).unwrap();
        let values: Vec<Option<f64>> = expression
            .names()
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
        let mistake = compile(source, KNOWN).unwrap_err();
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
