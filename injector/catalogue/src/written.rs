//! Parameters as they are written in a TOML file, with mistakes that have their place.

use std::collections::BTreeMap;

use arena_config::Diagnostic;
use toml::{Spanned, Value};

use crate::error::CatalogueError;
use crate::fault::Fault;
use crate::param::Params;

impl Fault {
    /// Reads `params = { latency = "400ms", jitter = 0 }` of the file `name` with this `text`. `fault` is where the fault is named: what is wrong with a
    /// parameter that is not written is told there.
    pub fn read_params(
        &self,
        (name, text): (&str, &str),
        fault: &Spanned<String>,
        written: &BTreeMap<Spanned<String>, Spanned<Value>>,
    ) -> Result<Params, Diagnostic> {
        let mut given = BTreeMap::new();
        for (param, value) in written {
            let as_text = match value.get_ref() {
                Value::String(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                _ => {
                    let what = "a parameter is a text or a whole number";
                    let mend = "write it as in latency = \"400ms\"";
                    return Err(Diagnostic::at(
                        name,
                        text,
                        value.span(),
                        what.to_owned(),
                        mend,
                    ));
                }
            };
            given.insert(param.get_ref().clone(), as_text);
        }
        self.fill(&given).map_err(|error| {
            let (guilty, is_name) = match &error {
                CatalogueError::UnknownParam { name, .. } => (name.as_str(), true),
                CatalogueError::NotAllowed { name, .. } => (*name, false),
                CatalogueError::UnknownFault { .. } => ("", false),
            };
            // A name that is told back may be cut.
            let mut names = written.iter();
            let found = names.find(|(param, _)| param.get_ref().starts_with(guilty));
            let span = match found {
                Some((param, _)) if is_name => param.span(),
                Some((_, value)) => value.span(),
                None => fault.span(),
            };
            let mend = "docs/faults.md tells what each fault takes";
            Diagnostic::at(name, text, span, error.to_string(), mend)
        })
    }
}
