//! `fd-leak`: files that are opened and never closed.

use std::fs::File;
use std::io;

use super::leak::Hoard;

/// Descriptors that stay free when the process's limit is reached before the fault's ceiling: enough to be asked on the control
/// socket to end it, and for a few requests, too few to serve as usual.
const SPARE: usize = 32;

/// The open files.
#[derive(Default)]
pub(super) struct Files(Vec<File>);

impl Hoard for Files {
    fn take(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            match File::open("/dev/null") {
                Ok(file) => self.0.push(file),
                Err(error) => {
                    self.0.truncate(self.0.len().saturating_sub(SPARE));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
