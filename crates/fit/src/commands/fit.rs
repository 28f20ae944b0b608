//! `fit SPEC`: parse, elaborate, check, lower, compile, fit, tabulate.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use spec_compiler::ast;
use tables::AtomicDir;
use vi_engine::{Covariance, DrawNoise, FamilyChoice, FitError, Gradient, Method, Optimizer, Verdict};

use crate::centring;
use crate::cli;
use crate::commands::{commit, compile, predict};
use crate::criticism;
use crate::journal::{self, Journal};
use crate::outcome::{self, Problem};
use crate::progress::{self, Watch};
use crate::results::{self, Run};
use crate::summary;

pub fn run(args: &cli::Fit) -> Result<u8, Problem> {
    let begun = Instant::now();
    let spec = args.spec.as_deref().ok_or_else(|| Problem::input("which spec? try `fit --help`"))?;
    let (source, mut compiled) = compile(spec, &args.overrides)?;
    let machine = args.machine.options();
    let options = options(&compiled.spec.inference, args.seed);
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&compiled.target.name));
    // Before the work: a folder that may not be replaced is told at once.
    let create = |place: &Path| AtomicDir::create(place, results::MARKER).map_err(Problem::input);
    create(&folder)?;
    let digest = results::digest(&source, &compiled);
    let journal = match journal(args, &folder, &digest, &options, &machine)? {
        Work::Left(journal) => journal,
        Work::Done(code) => return Ok(code),
    };
    let mut watch = Watch::new(args.quiet, journal);
    let compiled_at = begun.elapsed();
    let chosen = centring::choose(&source, &mut compiled, &options, &machine, &mut watch);
    let target = &compiled.target;
    let fitted = chosen.and_then(|mut chosen| {
        let fitted = match chosen.begun.take() {
            None => vi_engine::fit(&mut chosen.density, &options, &mut watch),
            Some(state) => vi_engine::resume(&mut chosen.density, &options, state, &mut watch),
        };
        let problem = |e| match e {
            FitError::InterruptedAtStart => Problem::interrupted(e),
            FitError::Option(_) | FitError::NoCoordinates | FitError::State(_) => Problem::input(e),
            _ => Problem::failed(format!("{}: {e}{}", source.name(), where_not_finite(target))),
        };
        Ok((fitted.map_err(problem)?, chosen))
    });
    let journal = watch.finish();
    let (fit, centring::Chosen { mut density, recentred, .. }) = match fitted {
        Ok(fitted) => fitted,
        Err(problem) if problem.code == outcome::INTERRUPTED => {
            return Err(Problem::interrupted(format!("{problem}\n{}", how_to_go_on(args, spec))));
        }
        Err(problem) => {
            // It would end so again.
            journal.remove();
            return Err(problem);
        }
    };

    // An interrupted fit is no match for a finished one.
    let mut place = folder.clone();
    if fit.interrupted && results::is_finished(&folder) {
        place = interrupted_folder(&folder);
    }
    let out = create(&place)?;
    let base = spec.parent().unwrap_or(Path::new(""));
    let run = Run {
        base,
        source: &source,
        compiled: &compiled,
        recentred: recentred.as_ref(),
        options: &options,
        machine: &machine,
        fit: &fit,
    };
    let timings = results::Timings {
        compile: compiled_at,
        fit: begun.elapsed() - compiled_at,
        answers: Duration::ZERO,
    };
    let write = || run.write(out.path(), &mut density, timings);
    let (rows, said) = progress::interruptible(out.path(), write).map_err(Problem::failed)?;
    let had_predictions = place.join(predict::FOLDER).join(predict::MARKER).exists();
    commit(out.with_dependent(predict::FOLDER))?;
    if had_predictions && !args.quiet {
        let folder = place.join(predict::FOLDER);
        outcome::tell(format!(
            "note: the predictions in {} were of the earlier fit: they are gone",
            folder.display()
        ));
    }
    if !fit.interrupted {
        journal.remove();
        let part = interrupted_folder(&folder);
        if results::verdict_of(&part, &digest, options.seed).is_some() {
            // It is part of the whole run now; its name says what it is if it stays.
            let _ = tables::remove_result(&part, results::MARKER);
        }
    }
    if !args.quiet {
        let mut text = format!("{}\n\n{}\n\n{}", target.name, summary::table(&rows), verdict(&run));
        text.push_str(&criticism::lines(&said));
        text.push_str(&format!("results in {} ({:.2} s)\n", place.display(), begun.elapsed().as_secs_f64()));
        if fit.interrupted {
            text.push_str(&how_to_go_on(args, spec));
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

fn how_to_go_on(args: &cli::Fit, spec: &Path) -> String {
    let out = args.out.as_ref().map_or(String::new(), |o| format!(" --out {}", o.display()));
    let seed = args.seed.map_or(String::new(), |s| format!(" --seed {s}"));
    let quoted = |text: &String| format!(" --set '{}'", text.replace('\'', "'\\''"));
    let set: String = args.overrides.set.iter().map(quoted).collect();
    format!("go on with: fit {}{set}{out}{seed} --resume\n", spec.display())
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

/// What there is to do.
enum Work {
    Left(Journal),
    /// Nothing: the exit code of the run that is there.
    Done(u8),
}

/// The journal of the fit, with whatever an earlier run of it has done.
///
/// # Errors
/// `--resume` where only other fits have begun.
fn journal(
    args: &cli::Fit,
    folder: &Path,
    digest: &str,
    options: &vi_engine::Options,
    machine: &graph::program::Options,
) -> Result<Work, Problem> {
    let tell = |text: String| {
        if !args.quiet {
            outcome::tell(text)
        }
    };
    // What the bits of a fit are a function of.
    let (version, seed) = (env!("CARGO_PKG_VERSION"), options.seed);
    let key = format!("fit {version}, {}, seed {seed}, spec and data {}", machine.isa, &digest[..16]);
    let others = journal::others(folder);
    let journal = Journal::open(folder, &key);
    if journal.is_begun() {
        tell(format!(
            "note: goes on from what an earlier run of this fit has done ({})",
            journal.path().display()
        ));
    } else if args.resume {
        if let Some(verdict) =
            results::verdict_of(folder, digest, seed).filter(|_| results::is_finished(folder))
        {
            journal.remove();
            tell(format!("{} has this fit, finished: {verdict}", folder.display()));
            return Ok(Work::Done(if verdict == "unreliable" { outcome::UNRELIABLE } else { outcome::OK }));
        }
        let others: Vec<String> = others
            .iter()
            .filter(|(_, of)| *of != key)
            .map(|(path, of)| format!("\n  {}: {of}", path.display()))
            .collect();
        if !others.is_empty() {
            journal.remove();
            return Err(Problem::input(format!(
                "no part of this fit is there: {key}\nbut of others:{}\nwithout --resume it begins",
                others.concat()
            )));
        }
        tell("note: no part of this fit is there: it begins".into());
    }
    Ok(Work::Left(journal))
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
        out.push_str("  all importance weights are equal: where it draws, the approximation is exact\n");
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
