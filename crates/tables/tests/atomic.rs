//! Output folders appear whole, replace whole, and never eat a stranger's files.

mod common;

use std::fs;
use std::path::Path;

use common::Scratch;
use tables::{AtomicDir, TableError, remove_result};

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // The list of what was written is there in every result.
    names.retain(|name| name != ".written");
    names.sort();
    names
}

fn write_run(target: &Path, files: &[&str]) -> AtomicDir {
    let run = AtomicDir::create(target, "fit.json").unwrap();
    for file in files {
        fs::write(run.path().join(file), file).unwrap();
    }
    run
}

#[test]
fn nothing_is_seen_before_the_commit() {
    let scratch = Scratch::new("unseen");
    let target = scratch.path("runs/model");
    let run = write_run(&target, &["fit.json", "posterior.parquet"]);
    assert!(!target.exists());
    assert_eq!(run.path().parent(), target.parent());
    let committed = run.commit().unwrap();
    assert_eq!(committed.path, target);
    assert_eq!(committed.leftover, None);
    assert_eq!(names(&target), ["fit.json", "posterior.parquet"]);
    assert_eq!(names(&scratch.path("runs")), ["model"]);
}

#[test]
fn an_earlier_result_is_replaced_as_a_whole() {
    let scratch = Scratch::new("replaced");
    let target = scratch.path("model");
    write_run(&target, &["fit.json", "old.parquet"]).commit().unwrap();
    let run = write_run(&target, &["fit.json", "new.parquet"]);
    assert_eq!(names(&target), ["fit.json", "old.parquet"]);
    run.commit().unwrap();
    assert_eq!(names(&target), ["fit.json", "new.parquet"]);
    assert_eq!(names(&scratch.path("")), ["model"]);
}

#[test]
fn what_others_put_into_a_result_stays() {
    let scratch = Scratch::new("foreign");
    let target = scratch.path("model");
    let run = write_run(&target, &["fit.json", "old.parquet"]);
    fs::create_dir(run.path().join("1")).unwrap();
    fs::write(run.path().join("1/old"), "").unwrap();
    run.commit().unwrap();
    fs::write(target.join("notes.txt"), "mine").unwrap();
    fs::write(target.join("1/notes.txt"), "mine too").unwrap();
    fs::create_dir_all(target.join("plots/early")).unwrap();
    let inner = write_run(&target.join("inner"), &["fit.json"]).commit().unwrap();
    let committed = write_run(&target, &["fit.json", "new.parquet"]).commit().unwrap();
    assert_eq!(committed.leftover, None);
    assert_eq!(names(&target), ["1", "fit.json", "inner", "new.parquet", "notes.txt", "plots"]);
    assert_eq!(names(&target.join("1")), ["notes.txt"]);
    assert_eq!(names(&target.join("plots")), ["early"]);
    assert_eq!(names(&inner.path), ["fit.json"]);
    assert_eq!(fs::read_to_string(target.join("notes.txt")).unwrap(), "mine");
    assert_eq!(names(&scratch.path("")), ["model"]);
}

#[test]
fn a_file_of_others_is_not_replaced_by_a_new_one_of_its_name() {
    let scratch = Scratch::new("in-the-way");
    let target = scratch.path("model");
    write_run(&target, &["fit.json"]).commit().unwrap();
    fs::write(target.join("rows.parquet"), "mine").unwrap();
    let run = write_run(&target, &["fit.json", "rows.parquet"]);
    let temporary = run.path().to_path_buf();
    let error = run.commit().unwrap_err();
    assert!(matches!(&error, TableError::InTheWay { found, .. } if found == &["rows.parquet"]), "{error}");
    assert_eq!(fs::read_to_string(target.join("rows.parquet")).unwrap(), "mine");
    assert_eq!(names(&temporary), ["fit.json", "rows.parquet"]);
}

#[test]
fn what_depends_on_a_result_goes_with_it() {
    let scratch = Scratch::new("dependent");
    let target = scratch.path("model");
    let inner = target.join("predict");
    write_run(&target, &["fit.json"]).commit().unwrap();
    write_run(&inner, &["fit.json", "answer"]).commit().unwrap();
    write_run(&target, &["fit.json"]).with_dependent("predict").commit().unwrap();
    assert_eq!(names(&target), ["fit.json"]);
    // With a file of somebody else only the result goes, and the next one may come.
    write_run(&inner, &["fit.json", "answer"]).commit().unwrap();
    fs::write(inner.join("notes.txt"), "mine").unwrap();
    write_run(&target, &["fit.json"]).with_dependent("predict").commit().unwrap();
    assert_eq!(names(&inner), ["notes.txt"]);
    write_run(&inner, &["fit.json"]).commit().unwrap();
    assert_eq!(names(&inner), ["fit.json", "notes.txt"]);
}

#[test]
fn removing_a_result_leaves_what_is_not_of_it() {
    let scratch = Scratch::new("removed");
    let target = scratch.path("model");
    write_run(&target, &["fit.json"]).commit().unwrap();
    assert!(matches!(remove_result(&target, "truth.parquet"), Err(TableError::NotOurs { .. })));
    fs::write(target.join("notes.txt"), "mine").unwrap();
    remove_result(&target, "fit.json").unwrap();
    assert_eq!(names(&target), ["notes.txt"]);
    fs::remove_file(target.join("notes.txt")).unwrap();
    write_run(&target, &["fit.json"]).commit().unwrap();
    remove_result(&target, "fit.json").unwrap();
    assert!(!target.exists());
}

#[test]
fn dropped_without_commit_nothing_remains() {
    let scratch = Scratch::new("dropped");
    let target = scratch.path("model");
    write_run(&target, &["fit.json", "old.parquet"]).commit().unwrap();
    let run = write_run(&target, &["fit.json"]);
    fs::create_dir(run.path().join("folder")).unwrap();
    drop(run);
    assert_eq!(names(&scratch.path("")), ["model"]);
    assert_eq!(names(&target), ["fit.json", "old.parquet"]);
}

#[test]
fn two_writers_do_not_meet() {
    let scratch = Scratch::new("two");
    let target = scratch.path("model");
    let first = write_run(&target, &["fit.json", "first"]);
    let second = write_run(&target, &["fit.json", "second"]);
    assert_ne!(first.path(), second.path());
    second.commit().unwrap();
    first.commit().unwrap();
    assert_eq!(names(&target), ["first", "fit.json"]);
    assert_eq!(names(&scratch.path("")), ["model"]);
}

#[test]
fn a_leftover_of_a_crash_is_not_taken_for_a_result() {
    let scratch = Scratch::new("leftover");
    let target = scratch.path("model");
    let crashed = write_run(&target, &["half.parquet"]);
    let leftover = crashed.path().to_path_buf();
    std::mem::forget(crashed);
    assert!(!target.exists());
    write_run(&target, &["fit.json"]).commit().unwrap();
    assert_eq!(names(&target), ["fit.json"]);
    assert_eq!(names(&leftover), ["half.parquet"]);
    assert!(leftover.file_name().unwrap().to_str().unwrap().starts_with(".model.tmp-"));
}

#[test]
fn an_empty_folder_may_be_replaced() {
    let scratch = Scratch::new("empty");
    let target = scratch.path("model");
    fs::create_dir(&target).unwrap();
    write_run(&target, &["fit.json"]).commit().unwrap();
    assert_eq!(names(&target), ["fit.json"]);
}

#[test]
fn a_strangers_folder_is_refused() {
    let scratch = Scratch::new("stranger");
    let target = scratch.path("thesis");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("chapter.tex"), "").unwrap();
    // A folder called like the marker is not the marker.
    fs::create_dir(target.join("fit.json")).unwrap();
    let error = AtomicDir::create(&target, "fit.json").unwrap_err();
    assert_eq!(
        scratch.message(error),
        "thesis: this folder is not empty and has no list, `.written`, of an earlier result with \
         fit.json (it holds `chapter.tex`, `fit.json`), so nothing is written into it; choose a new folder"
    );
    assert_eq!(names(&scratch.path("")), ["thesis"]);

    let file = scratch.file("notes", "");
    assert!(matches!(AtomicDir::create(&file, "fit.json"), Err(TableError::NotAFolder { .. })));
}

#[test]
fn the_working_and_home_folders_are_refused_even_with_a_marker() {
    let working = std::env::current_dir().unwrap();
    // This crate's folder holds a Cargo.toml, so with that marker it looks like a result.
    assert!(working.join("Cargo.toml").is_file());
    for target in [Path::new("."), &working, working.parent().unwrap(), Path::new("/")] {
        let error = AtomicDir::create(target, "Cargo.toml").unwrap_err();
        assert!(matches!(error, TableError::Protected { .. }), "{error}");
    }
    if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
        assert!(matches!(AtomicDir::create(home, "fit.json"), Err(TableError::Protected { .. })));
    }
}

#[test]
fn a_refused_commit_keeps_both_results() {
    let scratch = Scratch::new("refused-commit");
    let target = scratch.path("model");
    let run = write_run(&target, &["fit.json", "posterior.parquet"]);
    // Meanwhile somebody uses the name for something else.
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine.txt"), "").unwrap();
    let temporary = run.path().to_path_buf();
    let error = run.commit().unwrap_err();
    assert!(matches!(error, TableError::NotOurs { .. }), "{error}");
    assert_eq!(names(&target), ["mine.txt"]);
    assert_eq!(names(&temporary), ["fit.json", "posterior.parquet"]);
}

#[test]
fn a_failed_rename_brings_the_earlier_result_back() {
    let scratch = Scratch::new("failed");
    let target = scratch.path("model");
    write_run(&target, &["fit.json", "old.parquet"]).commit().unwrap();
    let run = write_run(&target, &["fit.json"]);
    // What is not there cannot be renamed.
    fs::remove_dir_all(run.path()).unwrap();
    let error = run.commit().unwrap_err();
    assert!(matches!(error, TableError::NotCommitted { .. }), "{error}");
    assert_eq!(names(&target), ["fit.json", "old.parquet"]);
    assert_eq!(names(&scratch.path("")), ["model"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_stays() {
    let scratch = Scratch::new("link");
    fs::create_dir(scratch.path("disk")).unwrap();
    std::os::unix::fs::symlink(scratch.path("disk"), scratch.path("model")).unwrap();
    let run = write_run(&scratch.path("model"), &["fit.json"]);
    let committed = run.commit().unwrap();
    assert_eq!(committed.path, scratch.path("disk"));
    assert!(scratch.path("model").is_symlink());
    assert_eq!(names(&scratch.path("model")), ["fit.json"]);

    std::os::unix::fs::symlink(scratch.path("nowhere"), scratch.path("broken")).unwrap();
    assert!(matches!(
        AtomicDir::create(scratch.path("broken"), "fit.json"),
        Err(TableError::NotAFolder { .. })
    ));
}
