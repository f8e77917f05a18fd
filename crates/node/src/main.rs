//! The `ringcast` binary.

fn main() {}
