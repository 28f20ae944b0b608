//! `fit explain --phase P SPEC`: what a phase of the compiler makes of a spec.

use std::path::Path;

use clap::ValueEnum;
use spec_compiler::{check, domains, parse_spec};
use vi_engine::{CompiledDensity, gradient_graph};

use crate::cli::{self, Phase};
use crate::commands::{compile, not_planned};
use crate::data::Files;
use crate::outcome::{self, Problem};

pub fn run(args: &cli::Explain) -> Result<u8, Problem> {
    let phase = args.phase.unwrap_or_else(|| {
        let all: Vec<String> = Phase::value_variants()
            .iter()
            .filter_map(|p| p.to_possible_value())
            .map(|p| p.get_name().to_string())
            .collect();
        outcome::tell(format!("note: the phase `model`; `--phase` takes {}", all.join(", ")));
        Phase::Model
    });
    let text = match phase {
        Phase::Ast | Phase::Core | Phase::Model => {
            let source = outcome::read_spec(&args.spec, &args.overrides)?;
            let mistakes = |m: Vec<_>| Problem::mistakes(&m, &source);
            let spec = parse_spec(&source).map_err(mistakes)?;
            let core = domains::elaborate(&spec);
            match phase {
                Phase::Ast => spec.to_string(),
                Phase::Core => core.to_string(),
                _ => {
                    let base = args.spec.parent().unwrap_or(Path::new(""));
                    check::check(&core, base, &Files).map_err(mistakes)?.to_string()
                }
            }
        }
        Phase::Graph | Phase::Grad | Phase::Program => {
            let (source, compiled) = compile(&args.spec, &args.overrides)?;
            let target = &compiled.target;
            match phase {
                Phase::Graph => target.graph.print(&[target.log_joint, target.log_det_jac]),
                Phase::Grad => {
                    let (graph, outputs) = gradient_graph(target).map_err(Problem::failed)?;
                    graph.print(&outputs)
                }
                _ => {
                    let density = CompiledDensity::new(target, &args.machine.options())
                        .map_err(|e| not_planned(&source, &compiled, e))?;
                    density.explain().to_string()
                }
            }
        }
    };
    outcome::say(text)?;
    Ok(outcome::OK)
}
