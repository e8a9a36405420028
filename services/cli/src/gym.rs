//! `arena gym`: the stepped mode over stdin and stdout, one JSON object a line. What the lines mean is `arena_sim::stepped`'s.
//!
//! Absent on purpose: a runtime; this reads, thinks and writes, one after the other. It ends with its input, so that it never outlives who
//! started it. Invariant: stdout has nothing but answers, one for each line.

use std::io::{BufRead, BufReader, BufWriter, Read as _, Write};

use arena_sim::stepped::{
    FelixPlayer, Form, LINE_BYTES_MAX, Options, Reply, Session, VillainPlayer, too_long,
};
use clap::{Args, ValueEnum};

use crate::exit::{Exit, Failure};
use crate::run::source;

/// `arena gym`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena gym --scenario cpu-spike-orders --villain scenario --seed 7
  printf '%s\\n' '{\"type\":\"reset\",\"seed\":1}' '{\"type\":\"step\"}' | arena gym | jq .
  arena gym --schema > gym-schema.json              the JSON Schema of every line

One JSON object a line in, one out: docs/gym.md. The Python package in sim/gym speaks it:
`arena_gym.parallel_env()` (PettingZoo) and `arena_gym.FelixEnv()` (Gymnasium).")]
pub(crate) struct GymArgs {
    /// A curated scenario, or a file; free play in the shop when left out
    #[arg(long)]
    scenario: Option<String>,
    /// Of an episode whose reset names none
    #[arg(long)]
    seed: Option<u64>,
    /// How long a step is
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = arena_config::duration::parse)]
    step: std::time::Duration,
    /// Who heals: agent (who talks here), rules (the remediator), nobody or reference
    #[arg(long, value_enum, default_value = "agent")]
    felix: Felix,
    /// Who hurts: agent (who talks here), scenario, random, adaptive or nobody
    #[arg(long, value_enum, default_value = "agent")]
    villain: Villain,
    /// How observations are written
    #[arg(long, value_enum, default_value = "full")]
    form: Written,
    /// Print the JSON Schema of the lines instead
    #[arg(long)]
    schema: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Felix {
    Agent,
    Rules,
    Nobody,
    Reference,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Villain {
    Agent,
    Scenario,
    Random,
    Adaptive,
    Nobody,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    Full,
    Vectors,
    Both,
}

impl GymArgs {
    /// What holds where a request's options say nothing.
    fn options(&self) -> Result<Options, Failure> {
        let scenario = self.scenario.iter().cloned().collect::<Vec<_>>();
        let sources = source::find(&scenario)?;
        if sources.len() > 1 {
            return Err(
                Exit::Usage.because("a folder is no scenario\n  mend: name one of its files")
            );
        }
        Ok(Options {
            scenario_text: sources.into_iter().next().map(|source| source.text),
            seed: self.seed,
            step_ms: Some(u64::try_from(self.step.as_millis()).unwrap_or(u64::MAX)),
            felix: Some(match self.felix {
                Felix::Agent => FelixPlayer::Agent,
                Felix::Rules => FelixPlayer::Rules,
                Felix::Nobody => FelixPlayer::Nobody,
                Felix::Reference => FelixPlayer::Reference,
            }),
            villain: Some(match self.villain {
                Villain::Agent => VillainPlayer::Agent,
                Villain::Scenario => VillainPlayer::Scenario,
                Villain::Random => VillainPlayer::Random,
                Villain::Adaptive => VillainPlayer::Adaptive,
                Villain::Nobody => VillainPlayer::Nobody,
            }),
            form: Some(match self.form {
                Written::Full => Form::Full,
                Written::Vectors => Form::Vectors,
                Written::Both => Form::Both,
            }),
            ..Options::default()
        })
    }
}

/// Runs it, until its input ends.
pub(crate) fn run(args: &GymArgs) -> Result<(), Failure> {
    if args.schema {
        return Ok(crate::screen::print_json(&arena_sim::stepped::schema())?);
    }
    let options = args.options()?;
    options.check(None).map_err(|wrong| {
        Exit::Usage.because(format!(
            "{} ({})\n  mend: {}",
            wrong.what, wrong.place, wrong.mend
        ))
    })?;
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut session = Session::new(options);
    write(&mut output, &Session::hello())?;
    let mut line = Vec::new();
    while let Some(is_whole) = read(&mut input, &mut line)? {
        let reply = if is_whole {
            session.answer(line.trim_ascii_end())
        } else {
            Reply::Error(too_long())
        };
        write(&mut output, &reply)?;
        if session.is_closed() {
            break;
        }
    }
    Ok(())
}

/// The next line, with its newline; `false`: it was too long, and is gone. `None`: the input has ended.
fn read(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    line.clear();
    input.by_ref().take(most).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let is_whole = line.len() <= LINE_BYTES_MAX || line.last() == Some(&b'\n');
    if !is_whole {
        line.clear();
        input.skip_until(b'\n')?;
    }
    Ok(Some(is_whole))
}

fn write(output: &mut impl Write, reply: &Reply) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *output, reply)?;
    output.write_all(b"\n")?;
    output.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_is_read() {
        let long = vec![b'x'; LINE_BYTES_MAX + 5];
        let text = [b"\na\n".as_slice(), &long, b"\nb"].concat();
        let mut input = BufReader::new(text.as_slice());
        let mut line = Vec::new();
        let mut next = || {
            let whole = read(&mut input, &mut line).expect("it is memory");
            (whole, line.trim_ascii().to_vec())
        };
        assert_eq!(next(), (Some(true), Vec::new()), "an empty line is one");
        assert_eq!(next(), (Some(true), b"a".to_vec()));
        assert_eq!(next(), (Some(false), Vec::new()));
        assert_eq!(next(), (Some(true), b"b".to_vec()));
        assert_eq!(next().0, None);
    }
}
