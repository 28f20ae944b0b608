//! `fit logdensity SPEC --at FILE`: the compiled density at given points, with no inference between.

use graph::ir::NodeId;
use graph::program::{Options, Program};
use model::Target;
use numerics::lanes::Lanes;
use tables::{ReadOptions, Table};
use vi_engine::{CompiledDensity, LogDensity};

use crate::cli;
use crate::commands::compile;
use crate::outcome::{self, Problem};

pub fn run(args: &cli::Logdensity) -> Result<u8, Problem> {
    let (_, compiled) = compile(&args.spec, &args.overrides)?;
    let target = &compiled.target;
    let coordinates = target.coordinates();
    let names: Vec<String> = target.sites.iter().flat_map(model::Site::columns).collect();
    let points = Table::read(&args.at, &ReadOptions::default()).map_err(Problem::input)?;
    let file = args.at.display();
    let others: Vec<&str> =
        points.columns.iter().map(|c| c.name.as_str()).filter(|c| !names.iter().any(|n| n == c)).collect();
    if !others.is_empty() {
        outcome::tell(format!("note: {file}: ignoring {}", others.join(", ")));
    }
    let mut values = Lanes::zeros(names.len(), points.n_rows);
    let mut columns = Vec::new();
    for (k, name) in names.iter().enumerate() {
        let column = points.columns.iter().find(|c| c.name == *name).ok_or_else(|| {
            let have: Vec<&str> = points.columns.iter().map(|c| c.name.as_str()).collect();
            let near = spec_compiler::nearest::nearest(name, have.iter().copied());
            let help = near.first().map_or(String::new(), |n| format!(" (there is `{n}`)"));
            Problem::input(format!("{file} has no column `{name}`{help}; it needs {}", names.join(", ")))
        })?;
        column.require_complete().map_err(Problem::input)?;
        for (row, &x) in column.as_real().map_err(Problem::input)?.iter().enumerate() {
            values.set(k, row, x);
        }
        columns.push(column);
    }
    values.pad();
    let options = args.machine.options();
    let z = vi_engine::unconstrain(target, &values, &options).map_err(Problem::failed)?;
    let settled = settled(target, &z, &options)?;
    let (mut first, mut coordinate) = (0, 0);
    for site in &target.sites {
        for row in 0..points.n_rows {
            let is_finite = (0..site.coordinates.len()).all(|k| z.get(coordinate + k, row).is_finite());
            let mut elements = first..first + site.labels.len();
            if is_finite && elements.all(|k| model::is_kept(values.get(k, row), settled.get(k, row))) {
                continue;
            }
            // Of a vector no one element need be wrong.
            let place = columns[first].place(row);
            return Err(Problem::input(match site.labels.len() {
                1 => {
                    let x = values.get(first, row);
                    format!("{file}: `{}` is {x} in {place}; it must be {}", names[first], site.support)
                }
                _ => format!("{file}: `{}` in {place} must be {}", site.name, site.support),
            }));
        }
        first += site.labels.len();
        coordinate += site.coordinates.len();
    }
    let program = Program::compile(&target.graph, &[target.log_joint], &target.bindings, &options)
        .map_err(Problem::failed)?;
    let mut joint = Lanes::zeros(1, points.n_rows);
    let mut failures = Vec::new();
    program.eval(&mut program.workspace(), &[], &z, &mut joint, &mut failures);
    for f in &failures {
        outcome::tell(format!("note: row {}: {}: {}", f.lane + 1, f.op, f.why));
    }
    let mut header = vec!["row".to_string(), "log_joint".to_string()];
    let mut grad = Lanes::zeros(coordinates.len(), points.n_rows);
    if args.gradient {
        header.extend(coordinates.iter().map(|n| quoted(&format!("u:{n}"))));
        header.extend(coordinates.iter().map(|n| quoted(&format!("g:{n}"))));
        let mut density = CompiledDensity::new(target, &options).map_err(Problem::failed)?;
        let mut value = vec![0.0; points.n_rows];
        let mut failed = Vec::new();
        density.eval(&z, &mut value, Some(&mut grad), &mut failed);
        for f in &failed {
            outcome::tell(format!("note: row {}: {}", f.lane + 1, f.reason));
            (0..coordinates.len()).for_each(|k| grad.set(k, f.lane, f64::NAN));
        }
        // Where there is no density there is no gradient either.
        for lane in (0..points.n_rows).filter(|&lane| value[lane] == f64::NEG_INFINITY) {
            (0..coordinates.len()).for_each(|k| grad.set(k, lane, f64::NAN));
        }
    }
    let mut out = header.join(",");
    for row in 0..points.n_rows {
        out.push_str(&format!("\n{},{}", row + 1, number(joint.get(0, row))));
        if args.gradient {
            for x in z.lane(row).iter().chain(&grad.lane(row)) {
                out.push_str(&format!(",{}", number(*x)));
            }
        }
    }
    outcome::say(out + "\n")?;
    Ok(outcome::OK)
}

/// The values of the sites at unconstrained points: what lies outside its support is moved by the map onto it.
fn settled(target: &Target, z: &Lanes, options: &Options) -> Result<Lanes, Problem> {
    let mut g = target.graph.clone();
    let nodes: Vec<NodeId> = target.sites.iter().map(|site| g.expand(site.value, &site.dims)).collect();
    let program = Program::compile(&g, &nodes, &target.bindings, options).map_err(Problem::failed)?;
    let mut out = Lanes::zeros(program.n_out(), z.lanes());
    program.eval(&mut program.workspace(), &[], z, &mut out, &mut Vec::new());
    Ok(out)
}

/// Every digit, by powers of ten where there would be many zeros; -0 is 0.
fn number(x: f64) -> String {
    let x = x + 0.0;
    if x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

/// A CSV field; names such as `L[2,1]` hold commas.
fn quoted(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_string() }
}
