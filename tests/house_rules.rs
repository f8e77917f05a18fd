//! The rules that hold for the whole repository and that no compiler checks: sizes of files and functions, words that
//! may not stay in the code, which crate may know which, and that every dependency was chosen on purpose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MOST_LINES_OF_A_FILE: usize = 500;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// Functions that may be longer: (file, function, why it reads better in one piece).
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "crates/signaling/src/dialect/rooms/tests/decoding.rs",
        "requests_to_the_room",
        "a table of cases",
    ),
    (
        "crates/signaling/src/dialect/rooms/tests/decoding.rs",
        "mistakes_are_named",
        "a table of cases",
    ),
    (
        "crates/signaling/src/dialect/rooms/tests/rendering.rs",
        "updates_become_events",
        "a table of cases",
    ),
];

const TOP_LEVEL_FOLDERS: &[&str] = &[".cargo", ".ci", "benches", "crates", "deploy", "docs", "helm", "tests"];

/// Marks of unfinished work. Put together here, so that this file passes its own test.
const BANNED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!"),
    concat!("#[ign", "ore"),
    concat!("allow(dead", "_code"),
];

/// Endings of the files in which the banned words are looked for.
const TEXT: &[&str] = &[
    "rs", "ts", "js", "mjs", "css", "html", "toml", "cpp", "c", "h", "build", "sh", "yaml", "yml",
];

/// Which crates of ours each crate may use: the arrows of docs/ARCHITECTURE.md. Tests and benches may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("coordinator", &["model"]),
    ("room", &["model"]),
    ("signaling", &["model"]),
    ("bus", &["model"]),
    ("media", &["model"]),
    ("node", &["model", "coordinator", "room", "signaling", "bus", "media"]),
    ("loadtest", &["model", "signaling"]),
];

const PURE: &[&str] = &["model", "coordinator", "room", "signaling"];

/// What a pure crate may not have, at any depth: runtimes, networks, media and sources of random numbers.
const IMPURE: &[&str] = &[
    "tokio",
    "async-nats",
    "axum",
    "hyper",
    "mediasoup",
    "mio",
    "socketioxide",
    "rand",
    "rand_core",
    "getrandom",
];

/// Dependencies that every Rust project of this kind has, and that need no page of their own.
const TRIVIAL: &[&str] = &[
    "serde",
    "serde_json",
    "tempfile",
    "thiserror",
    "toml",
    "tracing",
    "tracing-subscriber",
    "uuid",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every file that is in git or about to be, relative to the root.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    let files: Vec<String> = names
        .split_terminator('\0')
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect();
    assert!(
        files.iter().any(|file| file == "tests/house_rules.rs"),
        "git lists too little: {files:?}"
    );
    files
}

fn rust_files() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|file| file.ends_with(".rs"));
    rust.map(|file| (file.clone(), fs::read_to_string(root().join(file)).unwrap()))
        .collect()
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(root().join(path))
        .unwrap()
        .parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in a manifest's `[dependencies]` and `[build-dependencies]`, and for `development` its `[dev-dependencies]`.
fn dependencies(manifest: &toml::Table, development: bool) -> BTreeSet<String> {
    let tables = if development {
        &["dev-dependencies"][..]
    } else {
        &["dependencies", "build-dependencies"][..]
    };
    tables
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

/// The functions of formatted code as (name, lines): one ends at the first closing brace of its own indentation.
fn functions(source: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end = lines[start..]
            .iter()
            .position(|line| *line == format!("{indentation}}}"));
        let one_liner = line.ends_with(['}', ';']);
        if let Some(length) = end.filter(|_| !one_liner) {
            found.push((name, length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let modifiers = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
        "extern",
        "\"C\"",
    ];
    words
        .find(|word| !modifiers.contains(word))
        .filter(|word| *word == "fn")?;
    Some(words.next()?.split(['(', '<']).next()?.to_owned())
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_rust_file_says_what_lives_in_it_and_is_short() {
    let mut problems = Vec::new();
    for (file, source) in rust_files() {
        if !["crates/", "tests/", "benches/"]
            .iter()
            .any(|folder| file.starts_with(folder))
        {
            problems.push(format!("{file}: Rust code lives in crates, tests or benches"));
        }
        if !source.starts_with("//! ") {
            problems.push(format!("{file}: its first line has to be `//! what lives here`"));
        }
        let lines = source.lines().count();
        if lines > MOST_LINES_OF_A_FILE {
            problems.push(format!("{file}: {lines} lines, {MOST_LINES_OF_A_FILE} may be"));
        }
    }
    assert_none(&problems);
}

#[test]
fn functions_are_short() {
    let mut problems = Vec::new();
    let mut excused = BTreeSet::new();
    for (file, source) in rust_files() {
        for (name, lines) in functions(&source) {
            if lines <= MOST_LINES_OF_A_FUNCTION {
                continue;
            }
            let excuse = LONG_FUNCTIONS
                .iter()
                .find(|(at, function, _)| *at == file && *function == name);
            match excuse {
                Some(excuse) => _ = excused.insert(*excuse),
                None => problems.push(format!(
                    "{file}: {name} has {lines} lines, {MOST_LINES_OF_A_FUNCTION} may be"
                )),
            }
        }
    }
    let stale = LONG_FUNCTIONS.iter().filter(|excuse| !excused.contains(*excuse));
    problems.extend(stale.map(|(file, name, _)| format!("{file}: {name} is no longer long: take it off the list")));
    assert_none(&problems);
}

#[test]
fn the_measure_of_functions_sees_them() {
    let source = "impl Room {\n    pub(crate) async fn join(&self) {\n        if true {\n        }\n    }\n}\n\nfn main() {\n}\n";
    assert_eq!(functions(source), [("join".to_owned(), 4), ("main".to_owned(), 2)]);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut problems = Vec::new();
    let is_text = |file: &String| {
        Path::new(file)
            .extension()
            .is_some_and(|end| TEXT.iter().any(|text| end == *text))
    };
    for file in files().into_iter().filter(is_text) {
        let content = fs::read_to_string(root().join(&file)).unwrap();
        for (number, line) in content.lines().enumerate() {
            let found = BANNED.iter().filter(|word| line.contains(**word));
            problems.extend(found.map(|word| format!("{file}:{}: {word}", number + 1)));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_file_has_its_place() {
    let stray = |file: &String| {
        let folder = file.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| !TOP_LEVEL_FOLDERS.contains(&folder))
    };
    let problems: Vec<String> = files()
        .into_iter()
        .filter(stray)
        .map(|file| format!("{file}: no such top-level folder"))
        .collect();
    assert_none(&problems);
}

#[test]
fn every_test_file_is_run() {
    let manifest = manifest("tests/Cargo.toml");
    let registered: BTreeSet<&str> = manifest["test"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|test| test["path"].as_str())
        .collect();
    let forgotten = |file: &String| {
        let name = file
            .strip_prefix("tests/")
            .filter(|name| name.ends_with(".rs") && !name.contains('/'));
        name.is_some_and(|name| !registered.contains(name))
    };
    let problems: Vec<String> = files()
        .into_iter()
        .filter(forgotten)
        .map(|file| format!("{file} is not in tests/Cargo.toml"))
        .collect();
    assert_none(&problems);
}

#[test]
fn arrows_between_crates_point_one_way() {
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let mut problems = Vec::new();
    for (name, allowed) in ARROWS {
        let manifest = manifest(&format!("crates/{name}/Cargo.toml"));
        for used in dependencies(&manifest, false)
            .iter()
            .filter(|used| ours.contains(used.as_str()))
        {
            if !allowed.contains(&used.as_str()) {
                problems.push(format!("{name} may not depend on {used}"));
            }
        }
        let tests_may = |used: &str| allowed.contains(&used) || used == "loadtest";
        for used in dependencies(&manifest, true)
            .iter()
            .filter(|used| ours.contains(used.as_str()))
        {
            if !tests_may(used) {
                problems.push(format!("{name}: not even its tests may depend on {used}"));
            }
        }
        if *name != "media" && dependencies(&manifest, false).contains("mediasoup") {
            problems.push(format!("{name} may not depend on mediasoup: only media does"));
        }
    }
    let folders: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| root().join("crates").join(name).join("Cargo.toml").exists())
        .collect();
    let unknown = folders.iter().filter(|name| !ours.contains(name.as_str()));
    problems.extend(unknown.map(|name| format!("crates/{name} has no place in the list of arrows")));
    assert_none(&problems);
}

#[test]
fn pure_crates_know_no_runtime_network_or_randomness() {
    let mut problems = Vec::new();
    for name in PURE {
        // Cargo resolves the features for this crate alone, as a user of it would get them.
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--package",
                name,
                "--edges",
                "normal",
                "--prefix",
                "none",
            ])
            .current_dir(root())
            .output()
            .expect("cargo prints the tree");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).unwrap();
        let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert!(packages.contains(name), "cargo tree of {name} does not name it: {tree}");
        let found = IMPURE.iter().filter(|impure| packages.contains(*impure));
        problems.extend(found.map(|impure| format!("{name} has {impure} (cargo tree -p {name} -i {impure})")));
    }
    assert_none(&problems);
}

#[test]
fn every_dependency_was_chosen_on_purpose() {
    let manifest = manifest("Cargo.toml");
    let shared = manifest["workspace"]["dependencies"].as_table().unwrap();
    let is_ours = |value: &toml::Value| value.get("path").is_some();
    let mut problems = Vec::new();
    for (name, _) in shared.iter().filter(|(_, value)| !is_ours(value)) {
        let page = format!("docs/decisions/{name}.md");
        if !TRIVIAL.contains(&name.as_str()) && !root().join(&page).exists() {
            problems.push(format!(
                "{name}: {page} is missing: what for, why this one, what else was looked at"
            ));
        }
    }
    let unused = TRIVIAL.iter().filter(|name| !shared.contains_key(**name));
    problems.extend(unused.map(|name| format!("{name} is in the list of trivial dependencies, but is none")));
    for file in files()
        .into_iter()
        .filter(|file| file.ends_with("Cargo.toml") && file != "Cargo.toml")
    {
        let manifest = self::manifest(&file);
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(kind).and_then(toml::Value::as_table).into_iter().flatten();
            let own = table.filter(|(_, value)| value.get("workspace").is_none());
            problems.extend(own.map(|(name, _)| format!("{file}: {name} belongs into the workspace's dependencies")));
        }
    }
    assert_none(&problems);
}
