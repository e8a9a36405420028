//! What differs: the first field of two records, and two texts beside each other, cut to where they part.
//!
//! Absent on purpose: what must be the same at all (`compare`).

use serde_json::Value;

/// Characters kept on each side of the first one that differs: both lines can be read at a glance.
const AROUND: usize = 80;

/// Where two values part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// As `jq` names it, without the first dot.
    pub path: String,
    /// What the one has there; `None`: nothing.
    pub left: Option<Value>,
    /// What the other has there.
    pub right: Option<Value>,
}

/// The first field that differs, as deep as can be told; `None`: they are the same.
pub(super) fn first_field(left: &Value, right: &Value) -> Option<Field> {
    differing(String::new(), Some(left), Some(right))
}

fn differing(path: String, left: Option<&Value>, right: Option<&Value>) -> Option<Field> {
    if left == right {
        return None;
    }
    match (left, right) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
            names.sort();
            let dot = if path.is_empty() { "" } else { "." };
            names.into_iter().find_map(|name| {
                let path = format!("{path}{dot}{name}");
                differing(path, one.get(name), other.get(name))
            })
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => (0..one.len().max(other.len()))
            .find_map(|index| {
                let path = format!("{path}[{index}]");
                differing(path, one.get(index), other.get(index))
            }),
        _ => Some(Field {
            path,
            left: left.cloned(),
            right: right.cloned(),
        }),
    }
}

/// Two lines, one below the other, cut around the first character in which they differ. `none` stands for what is not there.
pub(super) fn beside(recorded: Option<&str>, now: Option<&str>, none: &str) -> String {
    let (one, other) = (recorded.unwrap_or_default(), now.unwrap_or_default());
    let same = one.chars().zip(other.chars());
    let at = same.take_while(|(one, other)| one == other).count();
    let line = |text: Option<&str>| text.map_or_else(|| none.to_owned(), |text| cut(text, at));
    format!(
        "  recorded: {}\n  now:      {}\n",
        line(recorded),
        line(now)
    )
}

fn cut(text: &str, at: usize) -> String {
    let from = at.saturating_sub(AROUND);
    let mut rest = text.chars().skip(from);
    let kept: String = rest.by_ref().take(at - from + AROUND).collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if rest.next().is_some() { "…" } else { "" };
    format!("{before}{kept}{after}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_field_is_named_as_deep_as_can_be() {
        let one = json!({ "facts": { "faults": [{ "id": 1 }, { "id": 2 }] }, "why": "" });
        assert_eq!(first_field(&one, &one), None);
        for (pointer, to, path) in [
            ("/facts/faults", json!([]), "facts.faults[0]"),
            ("/facts/faults/1/id", json!(3), "facts.faults[1].id"),
            ("/facts", json!(null), "facts"),
            ("/why", json!("so"), "why"),
        ] {
            let mut other = one.clone();
            *other.pointer_mut(pointer).expect("a field") = to;
            let field = first_field(&one, &other).expect("they differ");
            assert_eq!(field.path, path);
            assert_eq!(
                first_field(&other, &one).expect("they differ").path,
                field.path
            );
        }
    }

    #[test]
    fn long_lines_are_cut_around_where_they_part() {
        let line = |middle: &str| format!("{}{middle}{}", "ä".repeat(300), "z".repeat(300));
        let (one, other) = (line("1"), line("2"));
        let kept = |middle: &str| format!("…{}{middle}{}…", "ä".repeat(80), "z".repeat(79));
        assert_eq!(
            beside(Some(&one), Some(&other), "-"),
            format!("  recorded: {}\n  now:      {}\n", kept("1"), kept("2"))
        );
        assert_eq!(
            beside(None, Some("b"), "-"),
            "  recorded: -\n  now:      b\n"
        );
    }
}
