//! What the bus does, from outside.
