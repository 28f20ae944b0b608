//! The text form: printing, parsing and checking graphs.

mod common;

use std::sync::Arc;

use common::expressions::expression;
use common::op_examples::op_examples;
use common::small_examples::{lane_inputs, small_examples};
use common::test_op::TestOp;
use graph::foreign::Foreign;
use graph::interpret::evaluate;
use graph::ir::{Graph, NodeId};
use graph::text::{ParseError, check, parse, parse_with};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;

fn resolve(name: &str) -> Option<Arc<dyn Foreign>> {
    let plain = TestOp::shared();
    let residuals = plain.with_residuals()?;
    [plain, residuals].into_iter().find(|f| f.name() == name)
}

/// Prints, parses, prints again; the two texts and the values are the same.
fn round_trip(name: &str, g: &Graph, outputs: &[NodeId], b: Option<&Bindings>) {
    check(g).unwrap_or_else(|e| panic!("{name}: {e}"));
    let text = g.print(outputs);
    let (again, outs) = parse_with(&text, &resolve).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
    check(&again).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(text, again.print(&outs), "{name}");
    let Some(b) = b else { return };
    let value = |g: &Graph, n: &[NodeId]| -> Vec<Vec<u64>> {
        let values = evaluate(g, n, b).unwrap_or_else(|e| panic!("{name}: {e}"));
        values
            .into_iter()
            .map(|v| match v {
                Value::Real(v) => v.into_iter().map(f64::to_bits).collect(),
                Value::Index(v) => v.into_iter().map(u64::from).collect(),
            })
            .collect()
    };
    assert_eq!(value(g, outputs), value(&again, &outs), "{name}");
}

#[test]
fn what_is_printed_parses_to_the_same() {
    for e in small_examples() {
        round_trip(&e.name, &e.graph, &e.outputs, Some(&e.bindings));
    }
    for e in op_examples() {
        round_trip(&e.name, &e.graph, &e.outputs, None);
    }
    for seed in 0..200 {
        let e = expression(seed, 12);
        round_trip(&format!("expression {seed}"), &e.make.g, &e.outputs, Some(&e.make.b));
    }
}

#[test]
fn gradients_print_and_parse_too() {
    for e in small_examples() {
        let mut g = e.graph.clone();
        let sums: Vec<NodeId> = e.outputs.iter().map(|&o| g.sum_all(o)).collect();
        let total = sums.into_iter().reduce(|a, b| g.add(a, b)).expect("has outputs");
        let v = value_and_grad(&g, total, &lane_inputs(&g), &[])
            .unwrap_or_else(|err| panic!("{}: {err}", e.name));
        let mut outputs = v.grads.clone();
        outputs.push(v.value);
        round_trip(&e.name, &v.graph, &outputs, Some(&e.bindings));
    }
}

const ALL: &str = r#"dim home: row = ?
dim county: plain = 3
dim "log income": plain = 2
dim kept: row = count %3
input alpha: lane [county]
input tau: shared []
input of: data index(county)[home]
input "is seen": data [home]

%0 = input alpha : [county]
%1 = input tau : []
%2 = input of : index(county)[home]
%3 = input "is seen" : [home]
%4 = filter(home, kept) %2, %3 : index(county)[kept]
%5 = gather %0, %4 : [kept]
%6 = const -0.5 : []
%7 = mul %6, %5 : [kept]
%8 = concat("log income"; _, _) %6, %7 : [kept, "log income"]
%9 = sum(kept, "log income") %8 : []
%10 = scan(county, 1, 1, reverse) %9, %0, %1 : tuple {
  input c: lane []
  input x: lane []
  input t: shared []
  %0 = input c : []
  %1 = input x : []
  %2 = input t : []
  %3 = mul %0, %2 : []
  %4 = add %1, %3 : []
  return %4, %3
}
%11 = output(1) %10 : [county]
return %11, %9
"#;

#[test]
fn the_text_form_is_stable() {
    let (g, outputs) = parse(ALL).unwrap_or_else(|e| panic!("{e}"));
    check(&g).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(g.print(&outputs), ALL);
    // What nothing needs is left out, inputs stay.
    let less = g.print(&outputs[1..]);
    assert!(less.ends_with("return %9\n") && !less.contains("scan") && less.contains("input tau"), "{less}");
}

fn error(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("parsed: {text}"),
        Err(ParseError { line, column, message }) => format!("{line}:{column}: {message}"),
    }
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let with =
        |body: &str| error(&format!("dim d: plain = 2\ninput x: lane [d]\n%0 = input x : [d]\n{body}"));
    for (text, expected) in [
        ("%1 = add %0, %0 : []\nreturn %1", "4:19: the type is [d]"),
        ("%1 = add %0 : [d]\nreturn %1", "4:6: add takes 2 arguments, found 1"),
        ("%1 = add %0, %7 : [d]\nreturn %1", "4:14: %7 comes later, or not at all"),
        ("%3 = exp %0 : [d]\nreturn %3", "4:1: this is node %1"),
        ("%1 = exp %0 : [d]\n%2 = exp %0 : [d]\nreturn %2", "5:1: this is %1 again"),
        ("%1 = sum(e) %0 : []\nreturn %1", "4:10: there is no dimension `e`"),
        ("%1 = twist %0 : [d]\nreturn %1", "4:12: expected `(`, found %0"),
        ("%1 = twist(d) %0 : [d]\nreturn %1", "4:6: there is no op `twist`"),
        ("%1 = element(d, 2) %0 : []\nreturn %1", "4:6: element: reaches element 3 of d, which has 2"),
        ("%1 = element(d, one) %0 : []\nreturn %1", "4:17: expected a whole number, found `one`"),
        ("%1 = foreign \"ode decay\" %0 : tuple\nreturn %1", "4:14: there is no foreign op `ode decay`"),
        ("%1 = exp %0 : [d", "4:17: expected `]`, found the end"),
        ("return %0 &", "4:11: `&` means nothing here"),
        ("return %0 %0", "4:11: expected the end, found %0"),
        ("return \"", "4:8: a quoted name without end"),
        ("%1 = cholesky(d, d) %0 : [d]", "4:6: cholesky: d and d are no rows and columns"),
    ] {
        assert_eq!(with(text), expected, "{text}");
    }
    assert_eq!(error("dim d: column = 2"), "1:8: expected `row` or `plain`, found `column`");
    assert_eq!(error("dim d: row = count %4\nreturn"), "1:20: there is no node %4");
    assert_eq!(error("dim d: row = ?\ndim d: row = ?"), "2:5: dimension `d` exists already");
}

#[test]
fn the_checker_refuses_what_no_constructor_would_make() {
    // A dimension counted by what differs from draw to draw.
    let text = "dim d: row = 2\ndim e: row = count %0\ninput x: lane [d]\n%0 = input x : [d]\nreturn %0";
    let (g, _) = parse(text).unwrap_or_else(|e| panic!("{e}"));
    let refused = check(&g).map_err(|e| e.to_string());
    assert_eq!(refused, Err("dimension `e`: counted by %0, which differs from draw to draw".into()));
    // An input without a node.
    let (g, _) = parse("input x: lane []\nreturn").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(check(&g).map_err(|e| e.to_string()), Err("input `x` has 0 nodes".into()));
}
