use distributions::{Params, lookup};
use graph::ir::*;
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;
use std::time::Instant;

fn lnf(g: &mut Graph, a: NodeId) -> NodeId {
    let a = g.add_const(a, 1.0);
    g.lgamma(a)
}
fn old_beta(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
    let (la, lb) = (g.lgamma(a), g.lgamma(b));
    let s = g.add(a, b);
    let ls = g.lgamma(s);
    let l = g.add(la, lb);
    g.sub(l, ls)
}
fn old(g: &mut Graph, name: &str, p: &[NodeId], x: NodeId) -> NodeId {
    match name {
        "negative_binomial" => {
            let (e, r) = (p[0], p[1]);
            let ln_r = g.ln(r);
            let odds = g.sub(e, ln_r);
            let taken = g.mul(x, e);
            let norm = g.softplus(odds);
            let sc = g.mul(x, ln_r);
            let taken = g.sub(taken, sc);
            let all = g.add(x, r);
            let spent = g.mul(all, norm);
            let k = g.sub(taken, spent);
            let (ab, be, lx) = (g.lgamma(all), g.lgamma(r), lnf(g, x));
            let sp = g.add(be, lx);
            let w = g.sub(ab, sp);
            g.add(w, k)
        }
        "beta_binomial" => {
            let (n, a, b) = (p[0], p[1], p[2]);
            let rest = g.sub(n, x);
            let (all, t, l) = (lnf(g, n), lnf(g, x), lnf(g, rest));
            let sp = g.add(t, l);
            let ch = g.sub(all, sp);
            let (y, no) = (g.add(x, a), g.add(rest, b));
            let (y, no) = (g.lgamma(y), g.lgamma(no));
            let to = g.add(a, b);
            let tot = g.add(n, to);
            let tot = g.lgamma(tot);
            let k = g.add(y, no);
            let k = g.sub(k, tot);
            let norm = old_beta(g, a, b);
            let k = g.sub(k, norm);
            g.add(ch, k)
        }
        "student_t" => {
            let (df, loc, scale) = (p[0], p[1], p[2]);
            let h = g.scale(0.5, df);
            let hm = g.add_const(h, 0.5);
            let (a, b) = (g.lgamma(hm), g.lgamma(h));
            let ratio = g.sub(a, b);
            let ld = g.ln(df);
            let root = g.scale(0.5, ld);
            let ls = g.ln(scale);
            let t = g.add(root, ls);
            let t = g.add_const(t, 0.57);
            let norm = g.sub(ratio, t);
            let d = g.sub(x, loc);
            let z = g.div(d, scale);
            let z2 = g.square(z);
            let q = g.div(z2, df);
            let l = g.log1p(q);
            let k = g.mul(hm, l);
            g.sub(norm, k)
        }
        _ => {
            let (a, b) = (p[0], p[1]);
            let norm = old_beta(g, a, b);
            let one = g.constant(1.0);
            let y = g.sub(one, x);
            let (lx, ly) = (g.ln(x), g.ln(y));
            let (a1, b1) = (g.add_const(a, -1.0), g.add_const(b, -1.0));
            let (l, r) = (g.mul(a1, lx), g.mul(b1, ly));
            let k = g.add(l, r);
            g.sub(k, norm)
        }
    }
}

fn time(name: &str, kinds: &[&str], new: bool, n: usize) -> (f64, f64) {
    let mut g = Graph::new();
    let mut b = Bindings::default();
    b.sizes.insert("row".into(), n);
    let row = g.add_dim("row", Role::Row, Size::Bound);
    let noise = |k: usize| ((k as f64 * 0.754877).fract(), (k as f64 * 0.569840).fract());
    let x: Vec<f64> = (0..n)
        .map(|k| match name {
            "student_t" => noise(k).0 * 6.0 - 3.0,
            "beta" => 0.05 + 0.9 * noise(k).0,
            "beta_binomial" => (noise(k).0 * 20.0).floor(),
            _ => (noise(k).0 * noise(k).1 * 30.0).floor(),
        })
        .collect();
    b.data.insert("x".into(), Value::Real(x));
    let xn = g.input("x", Varies::Data, Kind::Real, &[row]);
    b.data.insert("w".into(), Value::Real((0..n).map(|k| noise(k).1).collect()));
    let w = g.input("w", Varies::Data, Kind::Real, &[row]);
    let mut wrt = vec![];
    let p: Vec<NodeId> = kinds
        .iter()
        .enumerate()
        .map(|(k, kind)| match *kind {
            "data" => {
                b.data.insert(
                    "n".into(),
                    Value::Real((0..n).map(|k| 20.0 + (noise(k).1 * 30.0).floor()).collect()),
                );
                g.input("n", Varies::Data, Kind::Real, &[row])
            }
            kind => {
                let u = g.input(&format!("u{k}"), Varies::Lane, Kind::Real, &[]);
                wrt.push(u);
                match kind {
                    "pos" => g.exp(u),
                    "lin" => {
                        let m = g.mul(u, w);
                        g.add_const(m, 0.5)
                    }
                    "posrow" => {
                        let m = g.mul(u, w);
                        g.exp(m)
                    }
                    _ => u,
                }
            }
        })
        .collect();
    let d = if new {
        let law = lookup(name).unwrap();
        let params = if name == "negative_binomial" {
            Params::bind(law, &[], &[("log_mean", p[0]), ("dispersion", p[1])]).unwrap()
        } else {
            Params::bind(law, &p, &[]).unwrap()
        };
        law.log_prob(&mut g, &params, xn).unwrap()
    } else {
        old(&mut g, name, &p, xn)
    };
    let total = g.sum(d, &[row]);
    let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
    let outputs: Vec<NodeId> = [vg.value].iter().chain(&vg.grads).copied().collect();
    let o = graph::passes::optimise(&vg.graph, &outputs, Some(&b));
    let (g, outputs) = (o.graph, o.outputs);
    let prog = Program::compile(&g, &outputs, &b, &Options::default()).unwrap();
    let mut ws = prog.workspace();
    let z: Vec<f64> = (0..prog.n_in() * 8).map(|k| 0.8 + 0.05 * (k % 8) as f64).collect();
    let mut out = vec![0.0; prog.n_out() * 8];
    let mut best = f64::INFINITY;
    for _ in 0..60 {
        let t = Instant::now();
        for _ in 0..5 {
            prog.eval_tile(&mut ws, &[], &z, &mut out);
        }
        best = best.min(t.elapsed().as_secs_f64() / 5.0);
    }
    (best * 1e9 / n as f64 / 8.0, out[0])
}

#[test]
fn times() {
    for (name, kinds) in [
        ("negative_binomial", vec!["lin", "pos"]),
        ("negative_binomial", vec!["lin", "posrow"]),
        ("beta_binomial", vec!["data", "pos", "pos"]),
        ("beta_binomial", vec!["data", "posrow", "posrow"]),
        ("student_t", vec!["pos", "lin", "pos"]),
        ("student_t", vec!["posrow", "lin", "pos"]),
        ("beta", vec!["posrow", "posrow"]),
        ("beta", vec!["pos", "pos"]),
    ] {
        let (o, vo) = time(name, &kinds, false, 2000);
        let (n, vn) = time(name, &kinds, true, 2000);
        println!(
            "{name} {kinds:?}: old {o:.2} new {n:.2} ns/row/lane, ratio {:.2}  values {vo:.6} {vn:.6}",
            n / o
        );
    }
}
