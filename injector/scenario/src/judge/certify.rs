//! Is a scenario worth being played? By a run in which nobody acts, and one by the reference.

use super::verdict::Verdict;
use crate::model::Expect;

/// What the two runs show; `Err` with why the scenario is to be dropped. `reference` is only asked for where something is to be
/// healed: elsewhere it does nothing, as nobody does.
pub fn certify(
    expect: Expect,
    nobody: &Verdict,
    reference: Option<&Verdict>,
) -> Result<&'static str, String> {
    need(nobody, "injected")?;
    match expect {
        Expect::Heal if nobody.met => Err("it heals when nobody acts".to_owned()),
        Expect::Heal => match reference {
            Some(verdict) if verdict.met => {
                Ok("it stays ill when nobody acts, and its reference cure heals it")
            }
            Some(verdict) => Err(format!("its reference cure fails: {}", verdict.why_not())),
            None => Err("its reference cure was not tried".to_owned()),
        },
        Expect::NoAction if nobody.met => Ok("users are well at the end when nobody acts"),
        Expect::NoAction => Err(format!("doing nothing fails: {}", nobody.why_not())),
        Expect::Escalate => {
            need(nobody, "detected_ms")?;
            if nobody.met {
                return Err("a person is called when nobody may act".to_owned());
            }
            Ok("there is something to call a person for, and doing nothing does not pass for it")
        }
    }
}

fn need(verdict: &Verdict, name: &str) -> Result<(), String> {
    match verdict.criterion(name) {
        Some(criterion) if !criterion.passed => Err(criterion.reason.clone()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Criterion;

    fn verdict(injected: bool, detected: bool, rest: bool) -> Verdict {
        Verdict::of(vec![
            Criterion::new("injected", injected, "it was refused"),
            Criterion::new("detected_ms", detected, "nothing was seen"),
            Criterion::new("rest", rest, "it is ill"),
        ])
    }

    #[test]
    fn only_what_is_ill_alone_and_healed_by_its_cure_is_certified() {
        let (ill, well) = (verdict(true, true, false), verdict(true, true, true));
        let refused = verdict(false, true, false);
        let unseen = verdict(true, false, false);
        let cases = [
            (Expect::Heal, &ill, Some(&well), true),
            (Expect::Heal, &ill, Some(&ill), false),
            (Expect::Heal, &ill, None, false),
            (Expect::Heal, &well, Some(&well), false),
            (Expect::Heal, &refused, Some(&well), false),
            (Expect::NoAction, &well, None, true),
            (Expect::NoAction, &ill, None, false),
            (Expect::Escalate, &ill, None, true),
            (Expect::Escalate, &unseen, None, false),
            (Expect::Escalate, &well, None, false),
        ];
        for (expect, nobody, reference, certified) in cases {
            let answer = certify(expect, nobody, reference);
            assert_eq!(answer.is_ok(), certified, "{expect:?} {answer:?}");
        }
    }
}
