//! The batch job: threads that compute without end, as a nightly report or a compiler would, at everybody else's cost.

use crate::work;

/// Starts so many threads; they end with the process.
pub(crate) fn start(threads: u64) -> std::io::Result<()> {
    for seed in 0..threads {
        let compute = move || loop {
            work::burn(seed);
        };
        std::thread::Builder::new()
            .name("batch".into())
            .spawn(compute)?;
    }
    Ok(())
}
