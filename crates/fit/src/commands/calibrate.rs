//! `fit calibrate SPEC`: whether the posterior is right, over many data sets that the model makes itself.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use comfy_table::CellAlignment;
use numerics::simd::Isa;
use serde_json::{Value, json};
use tables::AtomicDir;

use crate::calibration::summary::{self, FEWEST, LEVEL, Row, Which};
use crate::calibration::{Generator, NOT_SIMULATED, Simulation, written};
use crate::cli;
use crate::commands::compile;
use crate::outcome::{self, Problem};
use crate::progress::{self, Count};
use crate::results;

/// The file that marks a folder as ours.
const MARKER: &str = "calibrate.json";
/// Rows shown on the screen.
const SHOWN: usize = 20;
/// Simulations after which what there is is written.
const SAVED_EVERY: usize = 100;

pub fn run(args: &cli::Calibrate) -> Result<u8, Problem> {
    let begun = Instant::now();
    let (source, compiled) = compile(&args.spec, &args.overrides)?;
    let fitted = fitted(args)?;
    let base = args.spec.parent().unwrap_or(Path::new("")).to_path_buf();
    let seed = args.seed.or(compiled.spec.inference.seed.as_ref().map(|s| s.value)).unwrap_or(1);
    let isa = args.machine.isa.unwrap_or_else(Isa::detect);
    let other = fitted.as_ref().map(|(source, spec)| (source, spec));
    let generator = Generator::new(&source, &compiled, other, &base, seed, isa)?;
    generator.check()?;
    for name in generator.uncensored.iter().filter(|_| !args.quiet) {
        outcome::tell(format!(
            "note: `{name}` is simulated and fitted uncensored: the model does not say how it comes to be censored"
        ));
    }
    let folder = args.out.clone().unwrap_or_else(|| Path::new("calibrations").join(&compiled.target.name));
    let mut digest = results::digest(&source, &compiled);
    digest.push_str(&args.fitted.join("\n"));
    let id = json!({"model": compiled.target.name, "digest": digest, "seed": seed, "isa": isa.to_string()});
    let before = if args.resume { saved(&folder, &id)? } else { Vec::new() };
    // Before the work: a folder that may not be replaced is told at once.
    drop(AtomicDir::create(&folder, MARKER).map_err(Problem::input)?);

    let threads = args.machine.options().threads;
    let save = |all: &[Simulation]| save(&folder, &id, u64::from(args.simulations), all);
    let (all, cancelled) = simulate(&generator, before, args, threads, &save)?;
    save(&all)?;
    if all.iter().all(|s| s.quantities.is_empty()) && !cancelled {
        let why = all.iter().find(|s| !s.reason.is_empty()).map_or("", |s| &s.reason);
        return Err(Problem::failed(format!("no simulation came to an answer: {why}")));
    }
    if !args.quiet {
        let time = begun.elapsed().as_secs_f64();
        outcome::say(format!(
            "{}results in {} ({time:.2} s)\n",
            text(&compiled.target.name, &all),
            folder.display()
        ))?;
    }
    if cancelled {
        outcome::tell(format!(
            "interrupted after {} of {} simulations; go on with --resume",
            all.len(),
            args.simulations
        ));
        return Ok(outcome::INTERRUPTED);
    }
    let judged = all.iter().filter(|s| s.is_trusted()).count() >= FEWEST;
    Ok(if judged && off(&all).is_empty() { outcome::OK } else { outcome::UNRELIABLE })
}

/// The spec that is fitted, where it is another.
fn fitted(
    args: &cli::Calibrate,
) -> Result<Option<(spec_compiler::Source, spec_compiler::ast::Spec)>, Problem> {
    if args.fitted.is_empty() {
        return Ok(None);
    }
    let set = args.overrides.set.iter().chain(&args.fitted).cloned().collect();
    let source = outcome::read_spec(&args.spec, &cli::Overrides { set })?;
    let spec = spec_compiler::parse_spec(&source).map_err(|found| Problem::mistakes(&found, &source))?;
    Ok(Some((source, spec)))
}

/// The simulations that are not there yet, each on a thread: what a number gives does not depend on which.
fn simulate(
    generator: &Generator,
    before: Vec<Simulation>,
    args: &cli::Calibrate,
    threads: usize,
    save: &(dyn Fn(&[Simulation]) -> Result<(), Problem> + Sync),
) -> Result<(Vec<Simulation>, bool), Problem> {
    let wanted: Vec<u64> = (1..=u64::from(args.simulations))
        .filter(|n| before.binary_search_by_key(n, |s| s.number).is_err())
        .collect();
    let bar = Count::new(args.quiet, "simulate", u64::from(args.simulations), before.len() as u64);
    let next = AtomicU64::new(0);
    let found = Mutex::new((before, Ok(())));
    let work = || {
        while let Some(&number) = wanted.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let Some(simulation) = generator.run(number, progress::cancelled()) else { return };
            let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let at = found.0.partition_point(|s| s.number < number);
            found.0.insert(at, simulation);
            bar.step();
            if found.0.len() % SAVED_EVERY == 0 && found.1.is_ok() {
                found.1 = save(&found.0);
            }
            if progress::cancelled().load(Ordering::Relaxed) || found.1.is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        (0..threads.min(wanted.len())).for_each(|_| {
            scope.spawn(work);
        });
    });
    bar.finish();
    let (all, written) = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    written?;
    let cancelled = all.len() < args.simulations as usize;
    Ok((all, cancelled))
}

/// Writes everything there is.
fn save(folder: &Path, id: &Value, asked: u64, all: &[Simulation]) -> Result<(), Problem> {
    let out = AtomicDir::create(folder, MARKER).map_err(Problem::failed)?;
    written::write(out.path(), all).map_err(Problem::failed)?;
    let mut rows = summary::rows(all, Which::All);
    rows.extend(summary::rows(all, Which::Trusted));
    summary::write(out.path(), &rows).map_err(Problem::failed)?;
    let mut text = id.clone();
    if let Some(json) = text.as_object_mut() {
        json.insert("asked".into(), asked.into());
        json.insert("simulations".into(), all.len().into());
        json.insert("verdicts".into(), json!(summary::verdicts(all)));
        json.insert("not_calibrated".into(), json!(off(all)));
        json.insert("versions".into(), json!({"fit": env!("CARGO_PKG_VERSION")}));
    }
    let file = out.path().join(MARKER);
    std::fs::write(&file, format!("{text:#}\n"))
        .map_err(|e| Problem::failed(format!("{}: {e}", file.display())))?;
    out.commit().map_err(Problem::failed)?;
    Ok(())
}

/// The simulations of an earlier run of the same.
fn saved(folder: &Path, id: &Value) -> Result<Vec<Simulation>, Problem> {
    let file: PathBuf = folder.join(MARKER);
    let text = std::fs::read_to_string(&file)
        .map_err(|_| Problem::input(format!("{} has no calibration to resume", folder.display())))?;
    let old: Value = serde_json::from_str(&text).unwrap_or_default();
    let same = ["digest", "seed", "isa"].iter().all(|k| old[*k] == id[*k]);
    let version = old["versions"]["fit"].as_str() == Some(env!("CARGO_PKG_VERSION"));
    if !(same && version) {
        return Err(Problem::input(format!(
            "{} holds a calibration of another spec, other data, or another seed; begin again without --resume",
            folder.display()
        )));
    }
    let all = written::read(folder).map_err(Problem::input)?;
    all.ok_or_else(|| {
        Problem::input(format!("{}: its tables are not as they were written", folder.display()))
    })
}

/// The quantities whose ranks are not uniform, in the fits that are trusted.
fn off(all: &[Simulation]) -> Vec<String> {
    let rows = summary::rows(all, Which::Trusted);
    rows.into_iter().filter(is_off).map(|r| r.name).collect()
}

fn is_off(row: &Row) -> bool {
    row.adjusted_p < LEVEL
}

fn text(model: &str, all: &[Simulation]) -> String {
    let verdicts: Vec<String> =
        summary::verdicts(all).iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    let mut out = format!("{model}: {} simulations ({})\n\n", all.len(), verdicts.join(", "));
    let trusted = summary::rows(all, Which::Trusted);
    let n = all.iter().filter(|s| s.is_trusted()).count();
    let lost = all.iter().filter(|s| s.verdict == NOT_SIMULATED).count();
    let (of, rows) = match n {
        0 => ("all", summary::rows(all, Which::All)),
        _ => ("trusted", trusted),
    };
    // The worst first.
    let mut shown: Vec<&Row> = rows.iter().collect();
    shown.sort_by(|a, b| a.p.total_cmp(&b.p));
    let mut t = comfy_table::Table::new();
    t.load_preset(comfy_table::presets::NOTHING);
    t.set_header(["", "uniform p", "in 50 %", "in 90 %", "mean z", "sd z", "shrinkage"]);
    for r in shown.iter().take(SHOWN) {
        let mut row = vec![r.name.clone(), format!("{:.3}", r.p)];
        row.extend([r.in_50, r.in_90].map(|x| format!("{:.0} %", 100.0 * x)));
        row.extend([r.mean_z, r.sd_z, r.shrinkage].map(|x| format!("{x:.2}")));
        t.add_row(row);
    }
    t.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    t.lines().for_each(|line| out.push_str(&format!("{}\n", line.trim_end())));
    if rows.len() > SHOWN {
        out.push_str(&format!(" ... and {} more in {}\n", rows.len() - SHOWN, summary::FILE));
    }
    let bad: Vec<&str> = rows.iter().filter(|r| is_off(r)).map(|r| r.name.as_str()).collect();
    out.push('\n');
    if lost > 0 {
        out.push_str(&format!(
            "no data set that a fit takes could be drawn in {lost} simulations: see {}\n",
            written::FITS
        ));
    }
    out.push_str(&match (n, &bad[..]) {
        (n, _) if n < FEWEST => format!("too few trusted fits to judge by: {n}\n"),
        (n, []) => {
            format!("calibrated: no quantity has ranks that are not uniform, as far as {n} {of} fits tell\n")
        }
        (_, bad) => format!("not calibrated: the ranks of {} are not uniform\n", bad.join(", ")),
    });
    out
}
