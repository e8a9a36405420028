//! The core on plain data: transcripts of what follows from what, and properties over many histories.

mod carriers;
mod common;
mod faults;
mod healing;
mod histories;
mod services;
