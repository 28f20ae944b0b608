//! Calls and their mistakes, the printed table, and what a density costs.

use std::fmt::Write;

use distributions::{
    Distribution, DistributionError, Hurdle, Params, Truncated, WINDOW_LIMIT, ZeroInflated, constants,
    lookup, signatures,
};
use graph::build::Class;
use graph::ir::{Graph, Kind, NodeId, Op, Role, Size, Varies};
use graph::vjp::value_and_grad;
use model::Support;

/// A law, its arguments by position and by name, and the message.
type Call = (&'static str, &'static [f64], &'static [(&'static str, f64)], &'static str);

/// The message of a call's mistake.
fn mistake(name: &str, positional: &[f64], named: &[(&str, f64)]) -> String {
    let law = lookup(name).unwrap();
    let found = Params::bind(law, positional, named).and_then(|p| law.check(&p.map(Some)));
    found.expect_err(name).to_string()
}

#[test]
fn mistakes_in_calls() {
    let cases: &[Call] = &[
        ("normal", &[0.0], &[], "normal needs sd"),
        ("normal", &[0.0, 1.0, 2.0], &[], "normal takes 2 arguments by position, found 3"),
        ("normal", &[0.0, 1.0], &[("scale", 1.0)], "normal has no parameter scale; it has mean, sd"),
        ("normal", &[0.0, 1.0], &[("sd", 1.0)], "normal is given sd twice"),
        ("normal", &[0.0, -1.0], &[], "sd of normal must be a positive number, found -1"),
        ("bernoulli", &[], &[], "bernoulli needs p or logit"),
        ("bernoulli", &[0.5], &[("logit", 0.0)], "bernoulli takes either p or logit, not both"),
        ("bernoulli", &[1.5], &[], "p of bernoulli must be a number from 0 to 1, found 1.5"),
        ("binomial", &[2.5, 0.5], &[], "n of binomial must be a whole number from 0, found 2.5"),
        (
            "uniform",
            &[2.0, 1.0],
            &[],
            "the lower bound of uniform must be below the upper one, found 2 and 1",
        ),
        ("flat", &[0.0], &[], "flat takes 0 arguments by position, found 1"),
        (
            "flat",
            &[],
            &[("lower", 1.0), ("upper", 1.0)],
            "the lower bound of flat must be below the upper one, found 1 and 1",
        ),
    ];
    for (name, positional, named, expected) in cases {
        assert_eq!(mistake(name, positional, named), *expected);
    }
}

#[test]
fn arguments_by_position_and_name() {
    let law = lookup("student_t").unwrap();
    let mixed = Params::bind(law, &[4.0], &[("scale", 2.0), ("loc", 1.0)]).unwrap();
    assert_eq!(mixed, Params::bind(law, &[4.0, 1.0, 2.0], &[]).unwrap());
    let law = lookup("binomial").unwrap();
    let params = Params::bind(law, &[10.0], &[("logit", 0.5)]).unwrap();
    assert_eq!((params.at(0), params.at(1), params.given(1).unwrap().alternative), (10.0, 0.5, 1));
    assert!(lookup("gaussian").is_none());
}

#[test]
fn supports_that_depend_on_parameters() {
    let support = |name: &str, positional: &[Option<f64>], named: &[(&str, Option<f64>)]| {
        let law = lookup(name).unwrap();
        law.support(&Params::bind(law, positional, named).unwrap())
    };
    let interval = |lower, upper| Ok(Support::Interval { lower, upper });
    assert_eq!(support("uniform", &[Some(1.0), Some(2.0)], &[]), interval(1.0, 2.0));
    assert_eq!(support("flat", &[], &[("upper", Some(2.0))]), interval(f64::NEG_INFINITY, 2.0));
    assert_eq!(
        support("binomial", &[Some(9.0), None], &[]),
        Ok(Support::Integers { lower: 0.0, upper: 9.0 })
    );
    assert_eq!(support("normal", &[None, None], &[]), Ok(Support::REAL));
    let needs = |distribution, parameter| Err(DistributionError::NeedsConstant { distribution, parameter });
    assert_eq!(support("uniform", &[Some(1.0), None], &[]), needs("uniform", "upper"));
    assert_eq!(support("flat", &[], &[("lower", None)]), needs("flat", "lower"));
    assert_eq!(support("binomial", &[None, Some(0.5)], &[]), needs("binomial", "n"));
}

#[test]
fn truncation() {
    let message = |name: &str, lower: f64, upper: f64, positional: &[f64]| -> String {
        let law = match Truncated::new(lookup(name).unwrap(), lower, upper) {
            Ok(law) => law,
            Err(e) => return e.to_string(),
        };
        let params = Params::bind(&law, positional, &[]).unwrap();
        distributions::log_prob_at(&law, &params, &[0.5 * (lower + upper)]).unwrap_err().to_string()
    };
    let inf = f64::INFINITY;
    assert_eq!(
        message("flat", 0.0, 1.0, &[]),
        "flat cannot be truncated: it has no total probability; give it bounds instead"
    );
    assert_eq!(
        message("normal", 1.0, 0.0, &[]),
        "the lower bound of truncated must be below the upper one, found 1 and 0"
    );
    assert_eq!(
        message("uniform", 3.0, 4.0, &[0.0, 1.0]),
        "uniform has no value between 3 and 4: it is a number from 0 to 1"
    );
    assert_eq!(
        message("poisson", 50_000.0, 90_000.0, &[3.0]),
        format!("truncated(poisson) would sum 40001 probabilities, the limit is {WINDOW_LIMIT}")
    );
    assert_eq!(
        message("normal", 1e200, inf, &[0.0, 1.0]),
        "normal could not be evaluated: the probability above 1e200 is too small"
    );

    let law = Truncated::new(lookup("skew_normal").unwrap(), 1.0, inf).unwrap();
    let mut g = Graph::new();
    let (x, loc) = (lane(&mut g, "x"), lane(&mut g, "loc"));
    let scale = g.constant(1.0);
    let params = Params::bind(&law, &[loc, scale, scale], &[]).unwrap();
    assert_eq!(constants(&g, &params).at(1), Some(1.0));
    let found = law.log_prob(&mut g, &params, x).unwrap_err().to_string();
    assert_eq!(found, "truncated(skew_normal) with varying parameters is not supported yet: write constants");
}

/// A modifier's parameter is named; what it cannot modify is told.
#[test]
fn modifiers_of_zeros() {
    let base = |name: &str| lookup(name).unwrap();
    let refused = |e: DistributionError| e.to_string();
    assert_eq!(
        refused(ZeroInflated::new(base("gamma")).unwrap_err()),
        "zero_inflated takes a distribution of counts from 0; gamma is a positive number"
    );
    assert_eq!(
        refused(Hurdle::new(base("normal")).unwrap_err()),
        "hurdle takes a distribution of counts from 0 or of positive numbers; normal is any number"
    );
    let pareto = Hurdle::new(base("pareto")).unwrap();
    let params = Params::bind(&pareto, &[2.0, 3.0], &[("zero", 0.5)]).unwrap();
    assert_eq!(
        refused(pareto.support(&params.map(Some)).unwrap_err()),
        "hurdle takes a distribution of counts from 0 or of positive numbers; pareto is a number from 2"
    );
    let law = ZeroInflated::new(base("poisson")).unwrap();
    let mistake = |positional: &[f64], named: &[(&str, f64)]| {
        let found = Params::bind(&law, positional, named).and_then(|p| law.check(&p.map(Some)));
        found.unwrap_err().to_string()
    };
    assert_eq!(mistake(&[3.0], &[]), "zero_inflated needs zero or zero_logit");
    assert_eq!(mistake(&[3.0, 0.1], &[]), "zero_inflated takes 1 arguments by position, found 2");
    assert_eq!(
        mistake(&[3.0], &[("zero", 0.1), ("zero_logit", 0.0)]),
        "zero_inflated takes either zero or zero_logit, not both"
    );
    assert_eq!(
        mistake(&[-3.0], &[("zero", 0.1)]),
        "rate of poisson must be zero or a positive number, found -3"
    );
    assert_eq!(
        mistake(&[3.0], &[("zero", 1.1)]),
        "zero of zero_inflated must be a number from 0 to 1, found 1.1"
    );
    assert_eq!(Hurdle::new(base("lognormal")).unwrap().atom(), Some(0.0));
    assert_eq!(Hurdle::new(base("poisson")).unwrap().atom(), None);
    // By name, as a specification has them: the same laws.
    let law = distributions::hurdle(base("gamma")).unwrap();
    assert_eq!((law.name(), law.slots().len(), law.atom()), ("hurdle", 3, Some(0.0)));
    assert_eq!(distributions::zero_inflated(base("binomial")).unwrap().slots().len(), 3);
    for name in ["gamma", "multinomial", "categorical", "ordered_logistic"] {
        assert!(distributions::zero_inflated(base(name)).is_err(), "{name}");
    }
    for name in ["normal", "dirichlet", "multinomial", "flat"] {
        assert!(distributions::hurdle(base(name)).is_err(), "{name}");
    }
    assert_eq!(
        refused(Truncated::new(law, 0.0, 2.0).unwrap_err()),
        "hurdle cannot be truncated: it is zero with a probability of its own, beside a density"
    );
}

fn lane(g: &mut Graph, name: &str) -> NodeId {
    g.input(name, Varies::Lane, Kind::Real, &[])
}

/// The value of a bijector needs no check of its support; another expression does.
#[test]
fn latents_from_bijectors_are_not_checked() {
    for (name, named) in [
        ("half_normal", [1.0].as_slice()),
        ("lognormal", &[0.0, 1.0]),
        ("gamma", &[2.0, 1.0]),
        ("inverse_gamma", &[2.0, 1.0]),
        ("beta", &[2.0, 1.0]),
        ("uniform", &[-2.0, 1.0]),
    ] {
        let law = lookup(name).unwrap();
        let mut g = Graph::new();
        let u = lane(&mut g, "u");
        let params = Params::bind(law, named, &[]).unwrap();
        let support = law.support(&params.map(Some)).unwrap();
        let bijector =
            distributions::bijector_for(&mut g, support, &distributions::Place::default()).unwrap();
        let params = params.map(|v| g.constant(v));
        let x = bijector.forward(&mut g, u);
        law.log_prob(&mut g, &params, x).unwrap();
        assert!(!g.nodes().iter().any(|n| n.op == Op::Select), "{name} is checked");
        law.log_prob(&mut g, &params, u).unwrap();
        assert!(g.nodes().iter().any(|n| n.op == Op::Select), "{name} is not checked");
    }
}

/// Nodes per row and lane of a likelihood's value and gradient: what a row costs.
#[test]
fn row_work_is_pinned() {
    let mut found = String::new();
    for (name, parameters) in [
        ("normal", ["rows", "scalar"].as_slice()),
        ("normal", &["scalar", "scalar"]),
        ("lognormal", &["rows", "scalar"]),
        ("student_t", &["scalar", "rows", "scalar"]),
        ("exponential", &["scalar"]),
        ("gamma", &["scalar", "scalar"]),
        ("beta", &["scalar", "scalar"]),
        ("bernoulli", &["scalar"]),
        ("bernoulli logit", &["rows"]),
        ("poisson log_rate", &["rows"]),
        ("binomial", &["data", "scalar"]),
        ("weibull", &["scalar", "rows"]),
        ("negative_binomial log_mean", &["rows", "scalar"]),
    ] {
        let (law, alternative) = name.split_once(' ').unwrap_or((name, ""));
        let law = lookup(law).unwrap();
        let mut g = Graph::new();
        let row = g.add_dim("row", Role::Row, Size::Bound);
        let x = g.input("x", Varies::Data, Kind::Real, &[row]);
        let mut wrt = Vec::new();
        let nodes: Vec<NodeId> = parameters
            .iter()
            .enumerate()
            .map(|(k, &kind)| {
                let dims = if kind == "scalar" { vec![] } else { vec![row] };
                let varies = if kind == "data" { Varies::Data } else { Varies::Lane };
                let n = g.input(&format!("p{k}"), varies, Kind::Real, &dims);
                if kind != "data" {
                    wrt.push(n);
                }
                n
            })
            .collect();
        let params = if alternative.is_empty() {
            Params::bind(law, &nodes, &[]).unwrap()
        } else {
            let names: Vec<&str> = law.slots()[1..].iter().map(|s| s.alternatives[0].name).collect();
            let rest = names.into_iter().zip(nodes[1..].iter().copied());
            let named: Vec<(&str, NodeId)> = [(alternative, nodes[0])].into_iter().chain(rest).collect();
            Params::bind(law, &[], &named).unwrap()
        };
        let log_prob = law.log_prob(&mut g, &params, x).unwrap();
        let total = g.sum(log_prob, &[row]);
        let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
        let outputs: Vec<NodeId> = vg.grads.iter().chain([&vg.value]).copied().collect();
        let mut live = vec![false; vg.graph.nodes().len()];
        for o in outputs {
            live[o.index()] = true;
        }
        for k in (0..live.len()).rev() {
            if live[k] {
                vg.graph.nodes()[k].args.iter().for_each(|a| live[a.index()] = true);
            }
        }
        let ids = (0..live.len()).filter(|&k| live[k]).map(|k| NodeId(k as u32));
        let work: Vec<&str> = ids
            .filter(|&n| vg.graph.class(n) == Class::LaneRow)
            .map(|n| vg.graph.node(n).op.name())
            .filter(|&op| op != "input")
            .collect();
        writeln!(found, "{name}({}): {}", parameters.join(", "), work.join(" ")).unwrap();
    }
    agrees("row_work.txt", &found);
}

/// The table as a reader sees it.
#[test]
fn table_of_signatures() {
    let mut found = String::new();
    for s in signatures() {
        writeln!(found, "{}\n  {}\n  support: {}", s.signature, s.doc, s.support).unwrap();
        for p in s.parameters {
            writeln!(found, "  {p}").unwrap();
        }
    }
    agrees("signatures.txt", &found);
}

/// Compares with the snapshot file, or writes it where `UPDATE_SNAPSHOTS=1` is set.
fn agrees(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{name} differs; UPDATE_SNAPSHOTS=1 refreshes it:\n{found}");
}
