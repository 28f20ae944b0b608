//! Every op's program against the plain evaluator, streamed and not, on every instruction set.

mod common;

use common::op_examples::{Noise, op_examples};
use common::small_examples::{Numbers, small_examples};
use graph::interpret;
use graph::ir::{Graph, NodeId, Varies};
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use graph::vjp;
use numerics::lanes::Lanes;
use numerics::simd::Isa;

const LANES: usize = 20;

/// A graph to be run, and where its lane and shared inputs lie.
struct Case {
    name: String,
    graph: Graph,
    outputs: Vec<NodeId>,
    bindings: Bindings,
    near: Near,
}

enum Near {
    /// Anywhere in an interval.
    Interval((f64, f64)),
    /// Within 0.02 of the values in the bindings.
    Bindings,
}

impl Case {
    /// Packed inputs of one lane.
    fn draw(&self, varies: Varies, seed: u64) -> Vec<f64> {
        match self.near {
            Near::Interval(domain) => {
                let n = self.graph.inputs().iter().filter(|i| i.varies == varies).map(|i| self.len(&i.name));
                Noise::new(seed).vec(n.sum(), domain)
            }
            Near::Bindings => {
                let mut rng = Numbers(seed);
                let inputs = self.graph.inputs().iter().filter(|i| i.varies == varies);
                inputs
                    .flat_map(|i| match &self.bindings.data[&i.name] {
                        Value::Real(v) => v.clone(),
                        Value::Index(_) => panic!("an index that is no data"),
                    })
                    .map(|x| x + rng.uniform(-0.02, 0.02))
                    .collect()
            }
        }
    }

    fn len(&self, input: &str) -> usize {
        let input = self.graph.inputs().iter().find(|i| i.name == input).unwrap();
        let size = |d: &graph::ir::DimId| match self.graph.dim(*d).size {
            graph::ir::Size::Fixed(n) => n,
            _ => self.bindings.sizes[&self.graph.dim(*d).name],
        };
        input.ty.dims.iter().map(size).product()
    }
}

/// Both tables, and the gradients of what has them.
fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = op_examples()
        .into_iter()
        .map(|e| Case {
            name: e.name,
            graph: e.graph,
            outputs: e.outputs,
            bindings: e.bindings,
            near: Near::Interval(e.domain),
        })
        .collect();
    for e in small_examples() {
        let mut g = e.graph.clone();
        let mut total = g.constant(0.0);
        for &o in &e.outputs {
            let s = g.square(o);
            let s = g.sum_all(s);
            total = g.add(total, s);
        }
        if let Ok(v) = vjp::value_and_grad(&g, total, &e.lane_inputs(), &[]) {
            let outputs = [vec![v.value], v.grads].concat();
            let name = format!("gradient of {}", e.name);
            all.push(Case {
                name,
                graph: v.graph,
                outputs,
                bindings: e.bindings.clone(),
                near: Near::Bindings,
            });
        }
        all.push(Case {
            name: e.name,
            graph: e.graph,
            outputs: e.outputs,
            bindings: e.bindings,
            near: Near::Bindings,
        });
    }
    all
}

fn options(isa: Isa, block_rows: usize, threads: usize) -> Options {
    Options { isa, block_rows, threads, ..Options::default() }
}

/// Inputs for `lanes` draws; lane `l` of any number of lanes is the same.
fn draws(e: &Case, p: &Program, lanes: usize) -> (Vec<f64>, Lanes) {
    let shared = e.draw(Varies::Shared, 99);
    let mut z = Lanes::zeros(p.n_in(), lanes);
    for lane in 0..lanes {
        z.set_lane(lane, &e.draw(Varies::Lane, 1 + lane as u64));
    }
    (shared, z)
}

fn run(p: &Program, shared: &[f64], z: &Lanes) -> Lanes {
    let mut out = Lanes::zeros(p.n_out(), z.lanes());
    let mut failures = Vec::new();
    p.eval(&mut p.workspace(), shared, z, &mut out, &mut failures);
    assert!(failures.is_empty());
    out
}

fn compile(e: &Case, o: &Options) -> Program {
    Program::compile(&e.graph, &e.outputs, &e.bindings, o).unwrap_or_else(|err| panic!("{}: {err}", e.name))
}

/// One lane by the plain evaluator, outputs packed.
fn expected(e: &Case, p: &Program, shared: &[f64], z: &[f64]) -> Vec<f64> {
    let mut bindings: Bindings = e.bindings.clone();
    for input in e.graph.inputs() {
        let (from, range) = match input.varies {
            Varies::Lane => (z, p.input_range(&input.name)),
            Varies::Shared => (shared, p.shared_range(&input.name)),
            Varies::Data => continue,
        };
        bindings.data.insert(input.name.clone(), Value::Real(from[range.unwrap()].to_vec()));
    }
    let values = interpret::evaluate(&e.graph, &e.outputs, &bindings).unwrap();
    values
        .into_iter()
        .flat_map(|v| match v {
            Value::Real(v) => v,
            Value::Index(_) => panic!("outputs are real"),
        })
        .collect()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn programs_compute_what_the_evaluator_says() {
    for e in cases() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for block_rows in [128, 16, 8, 2] {
                let p = compile(&e, &options(isa, block_rows, 1));
                let (shared, z) = draws(&e, &p, 3);
                let out = run(&p, &shared, &z);
                for lane in 0..3 {
                    let want = expected(&e, &p, &shared, &z.lane(lane));
                    for (k, (got, want)) in out.lane(lane).iter().zip(&want).enumerate() {
                        assert!(
                            close(*got, *want, 2e-13),
                            "{} {isa} blocks of {block_rows}, lane {lane}, element {k}: {got} not {want}\n{}",
                            e.name,
                            p.explain()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_lane_has_the_same_bits_alone_among_eight_and_among_twenty() {
    for e in cases() {
        for block_rows in [128, 8, 2] {
            let p = compile(&e, &options(Isa::detect(), block_rows, 1));
            let (shared, z) = draws(&e, &p, LANES);
            let all = run(&p, &shared, &z);
            for lane in [0, 7, 11, 19] {
                let mut one = Lanes::zeros(p.n_in(), 1);
                one.set_lane(0, &z.lane(lane));
                let alone = run(&p, &shared, &one);
                assert!(same_bits(&alone.lane(0), &all.lane(lane)), "{} lane {lane}", e.name);
            }
        }
    }
}

#[test]
fn one_thread_and_three_give_the_same_bits() {
    for e in cases() {
        let [one, three] = [1, 3].map(|threads| {
            let p = compile(&e, &options(Isa::detect(), 8, threads));
            let (shared, z) = draws(&e, &p, LANES);
            run(&p, &shared, &z)
        });
        for lane in 0..LANES {
            assert!(same_bits(&one.lane(lane), &three.lane(lane)), "{} lane {lane}", e.name);
        }
    }
}

#[test]
fn a_tile_gives_the_bits_of_an_evaluation() {
    for e in cases() {
        let p = compile(&e, &options(Isa::detect(), 128, 1));
        let (shared, z) = draws(&e, &p, 8);
        let all = run(&p, &shared, &z);
        let mut out = vec![0.0; 8 * p.n_out()];
        p.eval_tile(&mut p.workspace(), &shared, z.tile(0), &mut out);
        assert!(same_bits(&out, all.tile(0)), "{}", e.name);
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn a_lane_of_nan_leaves_its_neighbours_alone() {
    for e in cases() {
        for block_rows in [128, 8] {
            let p = compile(&e, &options(Isa::detect(), block_rows, 1));
            let (shared, mut z) = draws(&e, &p, 8);
            let good = run(&p, &shared, &z);
            z.set_lane(3, &vec![f64::NAN; p.n_in()]);
            let bad = run_whatever_fails(&p, &shared, &z);
            for lane in (0..8).filter(|&l| l != 3) {
                assert!(same_bits(&good.lane(lane), &bad.lane(lane)), "{} lane {lane}", e.name);
            }
        }
    }
}

fn run_whatever_fails(p: &Program, shared: &[f64], z: &Lanes) -> Lanes {
    let mut out = Lanes::zeros(p.n_out(), z.lanes());
    p.eval(&mut p.workspace(), shared, z, &mut out, &mut Vec::new());
    out
}
