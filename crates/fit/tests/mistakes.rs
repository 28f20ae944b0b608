//! What a newcomer gets wrong, and what they are told: each spec in `mistakes/` with its message
//! beside it. Refresh with UPDATE_SNAPSHOTS=1.

mod common;

use common::workspace;

#[test]
fn every_mistake_has_its_message() {
    let folder = workspace().join("crates/fit/tests/mistakes");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 60, "{}", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let out = common::run(&folder, &["check", name]);
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{name}: {said}");
        assert!(out.stdout.is_empty(), "{name}: mistakes go to standard error");
        assert!(said.contains(&format!("{name}:")), "{name} says where: {said}");
        let (mistakes, helps) = (said.matches("  \u{d7} ").count(), said.matches("\n  help: ").count());
        assert_eq!(mistakes, helps, "{name}: every message says what to write instead\n{said}");
        let snapshot = folder.join(name.replace(".yaml", ".txt"));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&snapshot, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&snapshot).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{name}\n--- expected\n{expected}\n--- said\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
