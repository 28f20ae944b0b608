//! `fit check` as a user meets it: the prior is tried.

mod common;

use std::fs;

use common::{ends, folder, spec};

#[test]
fn check_tries_the_prior() {
    let part = "model: m\nlatent:\n  x: normal(0, 1)\n  w: normal(log(1 - x), 1)\n";
    let all = part.replace("log(1 - x)", "log(-1 - x^2)");
    let flat = "model: m\nlatent:\n  x: flat()\n";
    let files = [("part.yaml", part), ("all.yaml", &all), ("flat.yaml", flat)];
    let dir = folder("check", &files);
    let said = ends(&dir, 0, &["check", "part.yaml"]);
    assert!(said.contains("in order") && said.contains("of 64 draws cannot be evaluated"), "{said}");
    assert!(said.contains("in the prior of w (part.yaml:4:3): log1p(-") && said.contains("is NaN"), "{said}");
    assert!(said.contains("at x = "), "{said}");
    let said = ends(&dir, 1, &["check", "all.yaml"]);
    assert!(said.contains("64 of 64 draws cannot be evaluated") && !said.contains("in order"), "{said}");
    assert!(said.contains("all.yaml: no draw from the prior has a density"), "{said}");
    let tiny = "model: m\nlatent:\n  x: lognormal(-690, 1)\n  w: normal(log(-x), 1)\n";
    fs::write(dir.path().join("tiny.yaml"), tiny).unwrap();
    let said = ends(&dir, 1, &["check", "tiny.yaml"]);
    assert!(said.contains("at x = ") && said.contains("e-") && !said.contains("0000"), "{said}");
    let said = ends(&dir, 0, &["check", "flat.yaml"]);
    assert!(said.contains("not tried: `x` cannot be drawn: flat"), "{said}");
    let said = ends(&dir, 0, &["check", &spec("eight_schools")]);
    assert!(said.contains("finite at 64 of 64 draws"), "{said}");
    let uniform = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  top: gamma(2, 1)\nobserve:\n  y: uniform(0, top)\n";
    fs::write(dir.path().join("u.yaml"), uniform).unwrap();
    fs::write(dir.path().join("t.csv"), "y\n2\n0.1\n").unwrap();
    let said = ends(&dir, 0, &["check", "u.yaml"]);
    assert!(said.contains("of 64 draws the data are impossible"), "{said}");
}
