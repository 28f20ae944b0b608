//! Bijectors onto vectors and matrices: there and back, log determinants against the Jacobian, edges.

mod common;

use common::vectors::{Map, ln_det, normals};
use common::{assert_close, run};
use distributions::{DistributionError, Place, bijector_for};
use graph::ir::{DimId, Graph, Kind, Role, Size, Varies};
use graph::vjp::value_and_grad;
use model::Support;

const INF: f64 = f64::INFINITY;

const ORDERED: [(f64, f64); 5] = [(-INF, INF), (0.0, INF), (-INF, 2.0), (0.0, 1.0), (-3.0, 5.0)];

fn maps(sizes: &[usize]) -> Vec<Map> {
    let ordered = ORDERED.map(|(lower, upper)| Support::Ordered { lower, upper });
    let others = [Support::Simplex, Support::CholeskyCorrelation, Support::PositiveDefinite];
    let has = |s: Support, n: usize| n > 1 || !matches!(s, Support::Simplex | Support::CholeskyCorrelation);
    let all = || ordered.into_iter().chain(others);
    sizes.iter().flat_map(|&n| all().filter(move |&s| has(s, n)).map(move |s| Map::new(s, n))).collect()
}

fn coordinates(map: &Map, many: usize, scale: f64) -> Vec<Vec<f64>> {
    let u = normals(&format!("{} {}", map.support, map.n), many * map.size);
    u.chunks(map.size).map(|u| u.iter().map(|u| scale * u).collect()).collect()
}

#[track_caller]
fn assert_inside(map: &Map, x: &[f64]) {
    let (n, what) = (map.n, format!("{} of {}: {x:?}", map.support, map.n));
    assert!(x.iter().all(|&x| map.support.contains(x) && x.is_finite()), "{what}");
    match map.support {
        Support::Simplex => assert!((x.iter().sum::<f64>() - 1.0).abs() < 1e-14, "{what}"),
        Support::Ordered { .. } => assert!(x.windows(2).all(|w| w[0] < w[1]), "{what}"),
        Support::CholeskyCorrelation => {
            for (i, row) in x.chunks(n).enumerate() {
                assert!((row.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-14, "{what}");
                assert!(row[i] > 0.0 && row[i + 1..].iter().all(|&x| x == 0.0), "{what}");
            }
            assert_eq!(x[0], 1.0);
        }
        Support::PositiveDefinite => {
            let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
            pairs.for_each(|(i, j)| assert_eq!(x[i * n + j], x[j * n + i], "{what}"));
            // Leading minors.
            for k in 1..=n {
                let minor: Vec<f64> = x.chunks(n).take(k).flat_map(|r| r[..k].to_vec()).collect();
                assert!(ln_det(&minor, k).is_finite(), "{what}");
            }
        }
        _ => unreachable!("elementwise"),
    }
}

#[test]
fn there_and_back() {
    for map in maps(&[1, 2, 3, 5]) {
        let u = coordinates(&map, 50, 0.7);
        let (x, _) = map.forward(&u);
        x.iter().for_each(|x| assert_inside(&map, x));
        for (back, u) in map.inverse(&x).into_iter().flatten().zip(u.into_iter().flatten()) {
            // X = L L' squares the condition of L.
            assert_close(back, u, 1e-11, &format!("{} of {}", map.support, map.n));
        }
    }
}

#[test]
fn log_determinants_agree_with_the_jacobian() {
    for map in maps(&[1, 2, 3, 4]) {
        for u in coordinates(&map, 4, 0.9) {
            let h = 1e-5;
            let step = |k: usize, h: f64| {
                let mut u = u.clone();
                u[k] += h;
                u
            };
            let shifted: Vec<Vec<f64>> = (0..map.size).flat_map(|k| [step(k, h), step(k, -h)]).collect();
            let (x, _) = map.forward(&shifted);
            let free = map.free();
            assert_eq!(free.len(), map.size);
            let jacobian: Vec<f64> = x
                .chunks(2)
                .flat_map(|x| free.iter().map(|&e| (x[0][e] - x[1][e]) / (2.0 * h)).collect::<Vec<f64>>())
                .collect();
            let (_, log_det) = map.forward(&[u]);
            let expected = ln_det(&jacobian, map.size);
            assert_close(log_det[0], expected, 1e-7, &format!("{} of {}", map.support, map.n));
        }
    }
}

/// Gradients of a sum of squares and the log determinant against differences.
#[test]
fn gradients_agree_with_differences() {
    for map in maps(&[1, 2, 4]) {
        let mut g = Graph::new();
        let (u, x, log_det) = map.emit(&mut g, &[]);
        let square = g.square(x);
        let square = g.sum_all(square);
        let total = g.add(square, log_det);
        let vg = value_and_grad(&g, total, &[u], &[]).unwrap();
        let dims = g.ty(u).dims.clone();
        let mut g = vg.graph;
        let grad = g.expand(vg.grads[0], &dims);
        let at = coordinates(&map, 1, 0.8).remove(0);
        let found = run(&g, &[grad], &[("u", at.clone())]).remove(0);
        for k in 0..map.size {
            let h = 1e-5;
            let shifted = |by: f64| {
                let mut u = at.clone();
                u[k] += by;
                run(&g, &[vg.value], &[("u", u)])[0][0]
            };
            let expected = (shifted(h) - shifted(-h)) / (2.0 * h);
            assert_close(found[k], expected, 1e-7, &format!("{} of {}", map.support, map.n));
        }
    }
}

/// Nothing is NaN far out, and the log determinant keeps its digits where the value has none left.
#[test]
fn extreme_coordinates() {
    for map in maps(&[2, 3]) {
        for far in [-300.0, 300.0] {
            let (x, log_det) = map.forward(&[vec![far; map.size]]);
            assert!(x[0].iter().all(|x| x.is_finite()), "{} at {far}: {x:?}", map.support);
            assert!(log_det[0].is_finite(), "{} at {far}", map.support);
            if map.support == Support::CholeskyCorrelation {
                // ln sech^2 u = 2 (ln 2 - |u|); twice the first of the row of three.
                let one = 2.0 * (std::f64::consts::LN_2 - 300.0);
                let expected = if map.n == 2 { one } else { (1.0 + 1.5 + 1.0) * one };
                assert_close(log_det[0], expected, 1e-15, "of 300");
            }
        }
    }
}

/// Boundaries of the inverse, and what lies outside.
#[test]
fn edges_of_the_inverse() {
    let at = |support, x: &[f64], n| Map::new(support, n).inverse(&[x.to_vec()]).remove(0);
    let ordered = |lower, upper| Support::Ordered { lower, upper };
    assert_eq!(at(ordered(0.0, INF), &[0.0, 1.0], 2), [-INF, 0.0]);
    assert_eq!(at(ordered(-INF, INF), &[1.0, 1.0], 2), [1.0, -INF]);
    assert!(at(ordered(-INF, INF), &[1.0, 0.5], 2)[1].is_nan());
    assert!(at(ordered(-INF, 2.0), &[1.0, 2.5], 2)[1].is_nan());
    assert!(at(ordered(0.0, 1.0), &[0.5, 0.4], 2).iter().any(|u| u.is_nan()));
    assert!(at(Support::Simplex, &[-0.1, 1.1], 2)[0].is_nan());
    assert_eq!(at(Support::CholeskyCorrelation, &[1.0, 0.0, 1.0, 0.0], 2), [INF]);
    assert!(at(Support::CholeskyCorrelation, &[1.0, 0.0, 0.6, -0.8], 2)[0].is_nan());
    let half = at(Support::CholeskyCorrelation, &[1.0, 0.0, -0.6, 0.8], 2)[0];
    assert_close(half, (-0.6f64).atanh(), 1e-15, "a correlation of -0.6");
    assert!(at(Support::PositiveDefinite, &[1.0, 2.0, 2.0, 1.0], 2).iter().all(|u| u.is_nan()));
}

/// Ends that other variables are: the same map, made twice, with one dimension of coordinates.
#[test]
fn ends_that_vary() {
    for (lower, upper) in ORDERED.into_iter().skip(1) {
        let (mut g, n) = (Graph::new(), 3);
        let d = g.add_dim("d", Role::Plain, Size::Fixed(n));
        let input = |g: &mut Graph, name: &str, at: f64| {
            at.is_finite().then(|| g.input(name, Varies::Lane, Kind::Real, &[]))
        };
        let bounds = (input(&mut g, "lower", lower), input(&mut g, "upper", upper));
        let support = Support::Ordered { lower, upper };
        let constant = Place { name: "c", event: &[d], bounds: (None, None) };
        let coordinates = bijector_for(&mut g, support, &constant).unwrap().coordinates().to_vec();
        let bijector = bijector_for(&mut g, support, &Place { bounds, ..constant }).unwrap();
        assert_eq!(bijector.coordinates(), coordinates);
        let u = g.input("u", Varies::Lane, Kind::Real, &coordinates);
        let (x, log_det) = (bijector.forward(&mut g, u), bijector.log_det_jac(&mut g, u));
        let at = vec![0.3, -0.4, 1.1];
        let found =
            run(&g, &[x, log_det], &[("u", at.clone()), ("lower", vec![lower]), ("upper", vec![upper])]);
        let expected = Map::new(support, n).forward(&[at]);
        assert_eq!((&found[0], &found[1]), (&expected.0[0], &expected.1));
    }
}

/// Fifty rows: some hundred nodes, not thousands.
#[test]
fn graphs_stay_small() {
    for map in maps(&[50]) {
        let mut g = Graph::new();
        let (u, x, log_det) = map.emit(&mut g, &[]);
        let sum = g.sum_all(x);
        let total = g.add(sum, log_det);
        let vg = value_and_grad(&g, total, &[u], &[]).unwrap();
        let n = vg.graph.nodes().len();
        assert!(n < 450, "{}: {n} nodes", map.support);
    }
}

#[test]
fn what_has_no_bijector() {
    let of = |support: Support, sizes: &[Size]| {
        let mut g = Graph::new();
        let names = ["d", "d'"];
        let event: Vec<DimId> =
            sizes.iter().zip(names).map(|(&s, name)| g.add_dim(name, Role::Plain, s)).collect();
        bijector_for(&mut g, support, &Place { name: "x", event: &event, bounds: (None, None) }).map(|_| ())
    };
    let one = Size::Fixed(1);
    for (support, sizes) in [
        (Support::Simplex, &[one][..]),
        (Support::Simplex, &[Size::Bound]),
        (Support::Simplex, &[]),
        (Support::CholeskyCorrelation, &[one, one]),
        (Support::PositiveDefinite, &[Size::Fixed(2)]),
        (Support::PositiveDefinite, &[Size::Fixed(2), Size::Fixed(3)]),
        (Support::Ordered { lower: 1.0, upper: 1.0 }, &[Size::Fixed(2)]),
        (Support::Ordered { lower: INF, upper: INF }, &[Size::Fixed(2)]),
    ] {
        assert_eq!(of(support, sizes), Err(DistributionError::NoBijector { support }), "{sizes:?}");
    }
}
