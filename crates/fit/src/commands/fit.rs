//! `fit SPEC`: parse, elaborate, check, lower, compile, fit, tabulate.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use spec_compiler::ast;
use tables::AtomicDir;
use vi_engine::{Covariance, DrawNoise, FamilyChoice, FitError, Gradient, Method, Optimizer, State, Verdict};

use crate::centring;
use crate::cli;
use crate::commands::{commit, compile, predict};
use crate::criticism;
use crate::outcome::{self, Problem};
use crate::progress::Watch;
use crate::results::{self, Run};
use crate::summary;

pub fn run(args: &cli::Fit) -> Result<u8, Problem> {
    let begun = Instant::now();
    let spec = args.spec.as_deref().ok_or_else(|| Problem::input("which spec? try `fit --help`"))?;
    let (source, mut compiled) = compile(spec, &args.overrides)?;
    let machine = args.machine.options();
    let options = options(&compiled.spec.inference, args.seed);
    let mut watch = Watch::new(args.quiet);
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&compiled.target.name));
    let saved = if args.resume { state(&folder, &source, &compiled)? } else { None };
    // Before the work: a folder that may not be replaced is told at once.
    let create = |place: &Path| AtomicDir::create(place, results::MARKER).map_err(Problem::input);
    let mut out = create(&folder)?;
    let compiled_at = begun.elapsed();
    let centring::Chosen { mut density, recentred, begun: trial, is_undecided } =
        centring::choose(&source, &mut compiled, &options, &machine, &mut watch)?;
    let target = &compiled.target;
    if is_undecided && saved.is_some() {
        // Its state is one of the coordinates that would have been chosen.
        return Err(Problem::interrupted("interrupted before the saved fit went on: it is still there"));
    }

    let fitted = match saved.or(trial) {
        None => vi_engine::fit(&mut density, &options, &mut watch),
        Some(state) => vi_engine::resume(&mut density, &options, state, &mut watch),
    };
    watch.finish();
    let fit = fitted.map_err(|e| match e {
        FitError::InterruptedAtStart => Problem::interrupted(format!("{e}: nothing was written")),
        FitError::Option(_) | FitError::NoCoordinates | FitError::State(_) => Problem::input(e),
        _ => Problem::failed(format!("{}: {e}{}", source.name(), where_not_finite(target))),
    })?;

    // An interrupted fit is no match for a finished one.
    let finished = folder.join(results::MARKER).exists() && !folder.join(results::STATE).exists();
    let mut place = folder.clone();
    if fit.interrupted && finished {
        place = interrupted_folder(&folder);
        out = create(&place)?;
    }
    let base = spec.parent().unwrap_or(Path::new(""));
    let run = Run {
        base,
        source: &source,
        compiled: &compiled,
        recentred: recentred.as_ref(),
        is_undecided,
        options: &options,
        machine: &machine,
        fit: &fit,
    };
    let timings = results::Timings {
        compile: compiled_at,
        fit: begun.elapsed() - compiled_at,
        answers: Duration::ZERO,
    };
    let (rows, said) = run.write(out.path(), &mut density, timings).map_err(Problem::failed)?;
    let had_predictions = place.join(predict::FOLDER).join(predict::MARKER).exists();
    commit(out.with_dependent(predict::FOLDER))?;
    if had_predictions && !args.quiet {
        let folder = place.join(predict::FOLDER);
        outcome::tell(format!(
            "note: the predictions in {} were of the earlier fit: they are gone",
            folder.display()
        ));
    }
    let from = interrupted_folder(&folder);
    if args.resume && !fit.interrupted && from.join(results::STATE).exists() {
        // What it went on from is part of the whole run now; its name says what it is if it stays.
        let _ = tables::remove_result(&from, results::MARKER);
    }
    if !args.quiet {
        let mut text = format!("{}\n\n{}\n\n{}", target.name, summary::table(&rows), verdict(&run));
        text.push_str(&criticism::lines(&said));
        text.push_str(&format!("results in {} ({:.2} s)\n", place.display(), begun.elapsed().as_secs_f64()));
        if fit.interrupted {
            text.push_str(&how_to_go_on(args, spec, options.method));
        }
        outcome::say(text)?;
    }
    Ok(match fit.verdict {
        _ if fit.interrupted => outcome::INTERRUPTED,
        Verdict::Ok | Verdict::Corrected => outcome::OK,
        Verdict::Unchecked if options.method != Method::Auto => outcome::OK,
        Verdict::Unchecked | Verdict::Unreliable => outcome::UNRELIABLE,
        Verdict::Failed => outcome::FAILED,
    })
}

/// Where a density that is finite nowhere first is not, in the model's words; empty if it is not known.
fn where_not_finite(target: &model::Target) -> String {
    let origin = vec![0.0; target.coordinates().len()];
    vi_engine::first_not_finite(target, &origin).map_or(String::new(), |place| {
        format!("\n  first, where all unconstrained values are zero, in the {place}")
    })
}

fn how_to_go_on(args: &cli::Fit, spec: &Path, method: Method) -> String {
    let out = args.out.as_ref().map_or(String::new(), |o| format!(" --out {}", o.display()));
    let seed = args.seed.map_or(String::new(), |s| format!(" --seed {s}"));
    let quoted = |text: &String| format!(" --set '{}'", text.replace('\'', "'\\''"));
    let set: String = args.overrides.set.iter().map(quoted).collect();
    // Chains have no state that is kept: they begin again from where the search for a start ended.
    let what = if method == Method::Nuts { "begin the chains again" } else { "go on" };
    format!("{what} with: fit {}{set}{out}{seed} --resume\n", spec.display())
}

/// What the spec and the command line choose, the rest by default.
pub fn options(inference: &ast::Inference, seed: Option<u64>) -> vi_engine::Options {
    let d = vi_engine::Options::default();
    vi_engine::Options {
        method: inference.method.as_ref().map_or(d.method, |m| match m.value {
            ast::Method::Auto => Method::Auto,
            ast::Method::Vi => Method::Vi,
            ast::Method::Laplace => Method::Laplace,
            ast::Method::Pathfinder => Method::Pathfinder,
            ast::Method::Nuts => Method::Nuts,
            ast::Method::Map => Method::Map,
        }),
        family: inference.family.as_ref().map(|f| match f.value {
            ast::Family::MeanField => FamilyChoice::MeanField,
            ast::Family::FullRank => FamilyChoice::FullRank,
            ast::Family::LowRank(k) => FamilyChoice::LowRank(k as usize),
            ast::Family::Structured => FamilyChoice::Structured,
            ast::Family::Mixture(k) => FamilyChoice::Mixture(k as usize),
            ast::Family::Flow(k) => FamilyChoice::Flow(k as usize),
        }),
        gradient: inference.gradient.as_ref().map_or(d.gradient, |g| match g.value {
            ast::Gradient::Reparameterized => Gradient::Reparameterized,
            ast::Gradient::StickingTheLanding => Gradient::StickingTheLanding,
            ast::Gradient::DoublyReparameterized => Gradient::DoublyReparameterized,
            ast::Gradient::ScoreFunction => Gradient::ScoreFunction,
        }),
        noise: inference.noise.as_ref().map_or(d.noise, |n| match n.value {
            ast::DrawNoise::Independent => DrawNoise::Independent,
            ast::DrawNoise::Antithetic => DrawNoise::Antithetic,
            ast::DrawNoise::Sobol => DrawNoise::Sobol,
        }),
        draws: inference.draws.as_ref().map(|n| n.value as usize),
        posterior_draws: inference.posterior_draws.as_ref().map_or(d.posterior_draws, |n| n.value as usize),
        seed: seed.or(inference.seed.as_ref().map(|s| s.value)).unwrap_or(d.seed),
        steps: inference.steps.as_ref().map(|n| n.value),
        optimizer: inference.optimizer.as_ref().map(|o| match o.value {
            ast::Optimizer::Adam => Optimizer::Adam,
            ast::Optimizer::BatchAndMatch => Optimizer::BatchAndMatch,
            ast::Optimizer::NaturalGradient => Optimizer::NaturalGradient,
            ast::Optimizer::FixedDraws => Optimizer::FixedDraws,
            ast::Optimizer::NewtonCg => Optimizer::NewtonCg,
        }),
        covariance: inference.covariance.as_ref().map_or(d.covariance, |c| match c.value {
            ast::Covariance::Family => Covariance::Family,
            ast::Covariance::LinearResponse => Covariance::LinearResponse,
        }),
        paths: inference.paths.as_ref().map_or(d.paths, |n| n.value as usize),
    }
}

/// Where an interrupted fit goes while a finished one is in its place: `x.interrupted` beside `x`.
fn interrupted_folder(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".interrupted");
    folder.with_file_name(name)
}

/// The state of an interrupted fit of this very spec and data; `None` where that has to begin again.
fn state(
    folder: &Path,
    source: &spec_compiler::Source,
    compiled: &spec_compiler::Compiled,
) -> Result<Option<State>, Problem> {
    let places = [interrupted_folder(folder), folder.to_path_buf()];
    let Some(folder) = places.iter().find(|place| place.join(results::STATE).exists()) else {
        return Err(Problem::input(format!("{} has no interrupted fit to resume", folder.display())));
    };
    let file = folder.join(results::STATE);
    let bytes = std::fs::read(&file).map_err(|e| Problem::input(format!("{}: {e}", file.display())))?;
    let digest = results::digest(source, compiled);
    let old = std::fs::read_to_string(folder.join(results::MARKER)).unwrap_or_default();
    let old: serde_json::Value = serde_json::from_str(&old).unwrap_or_default();
    if old["digest"].as_str() != Some(&digest) {
        return Err(Problem::input(format!(
            "{} holds a fit of another spec or other data; fit again without --resume",
            folder.display()
        )));
    }
    if old[results::UNDECIDED] == true {
        return Ok(None);
    }
    State::from_bytes(&bytes).map(Some).map_err(|e| Problem::input(format!("{}: {e}", file.display())))
}

/// The verdict in words.
fn verdict(run: &Run) -> String {
    let fit = run.fit;
    let said = match fit.verdict {
        Verdict::Ok if fit.chains.is_some() => "ok: the chains agree, and their draws suffice",
        Verdict::Ok => "ok: the approximation passed its checks",
        Verdict::Corrected if fit.chains.is_some() => {
            "corrected: draws moved by short chains passed the checks"
        }
        Verdict::Corrected => "corrected: reweighted draws passed the checks",
        Verdict::Unreliable => "unreliable: do not use these numbers as they are",
        Verdict::Failed => "failed",
        Verdict::Unchecked => "unchecked",
    };
    let mut out = format!("verdict {said}\n");
    if run.is_point() {
        // It has neither weights nor draws.
    } else if let Some(chains) = &fit.chains {
        out.push_str(&format!(
            "  {} chains, R-hat at most {:.3}, effective draws at least {:.0}, {} divergences, {} trajectories cut short\n",
            chains.draws.len(),
            chains.worst_r_hat(),
            fit.ess,
            chains.divergences,
            chains.saturated
        ));
    } else if fit.k_hat == f64::NEG_INFINITY {
        out.push_str("  all importance weights are equal: the approximation is exact\n");
    } else {
        out.push_str(&format!("  k-hat {:.2}, effective draws {:.0}\n", fit.k_hat, fit.ess));
    }
    for r in fit.reasons.iter().take(8) {
        out.push_str(&format!("  {r}\n"));
    }
    if fit.reasons.len() > 8 {
        out.push_str(&format!("  ... and {} more in fit.json\n", fit.reasons.len() - 8));
    }
    if fit.verdict == Verdict::Unreliable && !fit.interrupted && fit.chains.is_none() && !run.is_point() {
        if fit.state.family == "mean_field" {
            out.push_str(
                "  mean_field knows no correlations; try `inference: {family: structured}` for groups, `low_rank(8)` or `full_rank`\n",
            );
        }
        out.push_str("  chains need no family: try `--set inference.method=nuts`\n");
    }
    out
}
