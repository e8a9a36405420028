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
        // Without a cure a run is never met; what counts is that it is ill to the end.
        Expect::Heal if is_well_at_the_end(nobody) => {
            Err("all is well at the end when nobody acts".to_owned())
        }
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

fn is_well_at_the_end(verdict: &Verdict) -> bool {
    let settled = verdict.criterion("settled_ms");
    settled.is_none_or(|criterion| criterion.passed)
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

    fn verdict([injected, detected, rest, settled]: [bool; 4]) -> Verdict {
        Verdict::of(vec![
            Criterion::new("injected", injected, "it was refused"),
            Criterion::new("detected_ms", detected, "nothing was seen"),
            Criterion::new("rest", rest, "it is ill"),
            Criterion::new("settled_ms", settled, "it is ill at the end").required(false),
        ])
    }

    #[test]
    fn only_what_is_ill_alone_and_healed_by_its_cure_is_certified() {
        let ill = verdict([true, true, false, false]);
        let well = verdict([true, true, true, true]);
        let refused = verdict([false, true, false, false]);
        let unseen = verdict([true, false, false, false]);
        // Nobody cured it, and it hurts nobody.
        let harmless = verdict([true, true, false, true]);
        let cases = [
            (Expect::Heal, &ill, Some(&well), true),
            (Expect::Heal, &ill, Some(&ill), false),
            (Expect::Heal, &ill, None, false),
            (Expect::Heal, &well, Some(&well), false),
            (Expect::Heal, &harmless, Some(&well), false),
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
