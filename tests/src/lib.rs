//! The tests that need more than one crate: the rules of the house, the running server, its dialects, browsers.
//! What a single crate promises is tested beside its code. `tests/run` runs all of them in stages.
