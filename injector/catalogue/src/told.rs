//! What a text tells of the truth. Who detects and who heals is to see what a real incident would show: tests search all that reaches them.

use crate::CATALOGUE;

/// Words beside the names of the faults that say that somebody hurts on purpose.
const WORDS: [&str; 6] = [
    "fault", "faults", "villain", "injected", "injector", "chaos",
];

/// The names of faults and the words of their making that stand in this text, and which of these ids.
#[must_use]
pub fn told(text: &str, ids: &[String]) -> Vec<String> {
    let names = CATALOGUE.iter().map(|name| name.as_str());
    let words = names.chain(WORDS).filter(|word| has_word(text, word));
    let ids = ids.iter().filter(|id| text.contains(id.as_str()));
    words.map(ToOwned::to_owned).chain(ids.cloned()).collect()
}

/// It stands there as a word of its own: `crash` is not found in `crashed`, nor `node-silent` in `node_silent`.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_is_told_is_found() {
        let ids = ["flt-1".to_owned()];
        assert_eq!(
            told(r#"{"message":"made by port-squat"}"#, &ids),
            ["port-squat"]
        );
        assert_eq!(told(r#"{"makes":["gray","hang"]}"#, &ids), ["hang", "gray"]);
        assert_eq!(told("helper of flt-1", &ids), ["flt-1"]);
        assert_eq!(told("it crashed, node_silent", &ids), Vec::<String>::new());
    }
}
