//! Text in, text out: what each pass makes of a small graph. And that no pass changes a random one.

mod common;

use common::expressions::expression;
use common::pass::{agrees, values};
use graph::ir::{Binary, NodeId, Op, Reduction};
use graph::passes::{PASSES, optimise, optimise_with};
use graph::text::{check, parse};

/// Runs one pass and compares texts.
fn becomes(pass: &str, input: &str, expected: &str) {
    let (g, outputs) = parse(input).unwrap_or_else(|e| panic!("{e}"));
    let o = optimise_with(&g, &outputs, None, &[pass]);
    check(&o.graph).unwrap_or_else(|e| panic!("{e}"));
    let found = o.graph.print(&o.outputs);
    let (found, expected) = (found.trim(), expected.trim());
    assert!(found == expected, "{pass} makes\n{found}\nnot\n{expected}");
}

#[test]
fn a_scalar_factor_leaves_the_sum() {
    becomes(
        "simplify",
        "dim home: row = ?
         input y: data [home]
         input s: lane []
         input unused: lane []
         %0 = input y : [home]
         %1 = input s : []
         %2 = input unused : []
         %3 = mul %0, %1 : [home]
         %4 = exp %3 : [home]
         %5 = ln %4 : [home]
         %6 = sum(home) %5 : []
         return %6",
        "dim home: row = ?
input y: data [home]
input s: lane []
input unused: lane []

%0 = input y : [home]
%1 = input s : []
%2 = input unused : []
%3 = sum(home) %0 : []
%4 = mul %3, %1 : []
return %4",
    );
}

#[test]
fn a_gathered_mean_is_made_by_group() {
    becomes(
        "group_level",
        "dim home: row = ?
         dim county: plain = ?
         input z: lane [county]
         input mu: lane []
         input of: data index(county)[home]
         %0 = input z : [county]
         %1 = input mu : []
         %2 = input of : index(county)[home]
         %3 = gather %0, %2 : [home]
         %4 = add %1, %3 : [home]
         %5 = exp %4 : [home]
         return %5",
        "dim home: row = ?
dim county: plain = ?
input z: lane [county]
input mu: lane []
input of: data index(county)[home]

%0 = input z : [county]
%1 = input mu : []
%2 = input of : index(county)[home]
%3 = add %1, %0 : [county]
%4 = exp %3 : [county]
%5 = gather %4, %2 : [home]
return %5",
    );
}

#[test]
fn a_censored_sum_is_split() {
    becomes(
        "split_rows",
        "dim home: row = ?
         input t: data [home]
         input seen: data [home]
         input mu: lane []
         %0 = input t : [home]
         %1 = input seen : [home]
         %2 = input mu : []
         %3 = sub %0, %2 : [home]
         %4 = log_ndtr %3 : [home]
         %5 = square %3 : [home]
         %6 = select %1, %5, %4 : [home]
         %7 = sum(home) %6 : []
         return %7",
        "dim home: row = ?
dim home.1: row = count %1
dim home.2: row = count %4
input t: data [home]
input seen: data [home]
input mu: lane []

%0 = input t : [home]
%1 = input seen : [home]
%2 = input mu : []
%3 = const 0.0 : []
%4 = eq %1, %3 : [home]
%5 = filter(home, home.2) %0, %4 : [home.2]
%6 = sub %5, %2 : [home.2]
%7 = log_ndtr %6 : [home.2]
%8 = sum(home.2) %7 : []
%9 = filter(home, home.1) %0, %1 : [home.1]
%10 = sub %9, %2 : [home.1]
%11 = square %10 : [home.1]
%12 = sum(home.1) %11 : []
%13 = add %8, %12 : []
return %13",
    );
}

#[test]
fn a_sum_of_squares_becomes_a_factor() {
    becomes(
        "sufficient_statistics",
        "dim home: row = ?
         input y: data [home]
         input mu: lane []
         %0 = input y : [home]
         %1 = input mu : []
         %2 = sub %0, %1 : [home]
         %3 = square %2 : [home]
         %4 = sum(home) %3 : []
         return %4",
        "dim home: row = ?
dim factor.1: plain = 2
dim factor.1': plain = 2
input y: data [home]
input mu: lane []

%0 = input y : [home]
%1 = input mu : []
%2 = const 1.0 : []
%3 = const -1.0 : []
%4 = mul %3, %1 : []
%5 = concat(factor.1'; _, _) %4, %2 : [factor.1']
%6 = gram_factor(home, factor.1, factor.1') %2, %0 : [factor.1, factor.1']
%7 = contract(factor.1') %5, %6 : [factor.1]
%8 = square %7 : [factor.1]
%9 = sum(factor.1) %8 : []
return %9",
    );
}

#[test]
fn groups_keep_the_rows_of_the_factor_they_meet() {
    becomes(
        "sufficient_statistics",
        "dim home: row = ?
         dim county: plain = ?
         input y: data [home]
         input of: data index(county)[home]
         input a: lane [county]
         %0 = input y : [home]
         %1 = input of : index(county)[home]
         %2 = input a : [county]
         %3 = gather %2, %1 : [home]
         %4 = sub %0, %3 : [home]
         %5 = square %4 : [home]
         %6 = sum(home) %5 : []
         return %6",
        "dim home: row = ?
dim county: plain = ?
dim factor.1: plain = 2
dim factor.1': plain = 2
dim factor.2: plain = 1
dim factor.2': plain = 1
dim stack.1: plain = 1
input y: data [home]
input of: data index(county)[home]
input a: lane [county]

%0 = input y : [home]
%1 = input of : index(county)[home]
%2 = input a : [county]
%3 = const 1.0 : []
%4 = gram_factor(home, factor.1, factor.1', grouped) %3, %0, %1 : [county, factor.1, factor.1']
%5 = element(factor.1, 0) %4 : [county, factor.1']
%6 = element(factor.1', 0) %5 : [county]
%7 = mul %2, %6 : [county]
%8 = element(factor.1', 1) %5 : [county]
%9 = sub %8, %7 : [county]
%10 = square %9 : [county]
%11 = sum(county) %10 : []
%12 = concat(factor.2'; _) %3 : [factor.2']
%13 = element(factor.1, 1) %4 : [county, factor.1']
%14 = element(factor.1', 1) %13 : [county]
%15 = gram_factor(county, factor.2, factor.2') %14 : [factor.2, factor.2']
%16 = concat(stack.1; factor.2) %15 : [factor.2', stack.1]
%17 = element(factor.2', 0) %16 : [stack.1]
%18 = gram_factor(stack.1, factor.2, factor.2') %17 : [factor.2, factor.2']
%19 = contract(factor.2') %12, %18 : [factor.2]
%20 = square %19 : [factor.2]
%21 = sum(factor.2) %20 : []
%22 = add %21, %11 : []
return %22",
    );
}

#[test]
fn random_graphs_stay_what_they_are() {
    for seed in 0..1500 {
        let e = expression(seed, 14);
        let Some(&last) = e.outputs.first() else { continue };
        let mut m = e.make;
        let dims = m.g.ty(last).dims.clone();
        let sum = if dims.is_empty() { last } else { m.push(Op::Reduce(Reduction::Sum, dims), &[last]) };
        let square = m.push(Op::Binary(Binary::Mul), &[sum, sum]);
        let raw = graph::vjp::value_and_grad(&m.g, square, &common::small_examples::lane_inputs(&m.g), &[]);
        let grads = raw.map(|v| values(&v.graph, &v.grads, &m.b)).unwrap_or_else(|e| panic!("{e}"));
        // Where the gradient of the graph as it is is huge or undefined nothing is to be compared.
        if grads.iter().flatten().any(|x| !x.is_finite() || x.abs() > 1e3) {
            continue;
        }
        let mut outputs: Vec<NodeId> = vec![square];
        outputs.extend(&e.outputs);
        for bindings in [None, Some(&m.b)] {
            let o = optimise(&m.g, &outputs, bindings);
            check(&o.graph).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            for (a, b) in outputs.iter().zip(&o.outputs) {
                assert_eq!(m.g.ty(*a), o.graph.ty(*b), "seed {seed}: types stay");
            }
            agrees(&format!("seed {seed}"), &m, square, &o.graph, o.outputs[0], 1e-11);
        }
    }
}

#[test]
fn every_pass_has_a_name_and_a_line() {
    let names: Vec<&str> = PASSES.iter().map(|p| p.name).collect();
    assert_eq!(names, ["simplify", "split_rows", "group_level", "sufficient_statistics"]);
    assert!(PASSES.iter().all(|p| !p.what.is_empty()));
}
