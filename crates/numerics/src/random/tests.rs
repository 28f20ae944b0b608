//! Known answers, sameness over shapes and instruction sets, and distributions.

use super::*;
use crate::simd::tests::available;

#[test]
fn fnv_has_its_published_values() {
    // draft-eastlake-fnv, FNV-1a 128.
    assert_eq!(fnv1a(FNV_OFFSET, b""), 0x6c62272e07bb014262b821756295c58d);
    assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
}

/// Pins the streams: a change here changes every fit's draws and belongs in the changelog.
#[test]
fn streams_are_stable() {
    let key = Key::new(1, "elbo", "theta", "A");
    let at = Counter { row: 2, element: 3, draw: 5, step: 7, attempt: 0 };
    // By a Python transcription of the documentation; the quantile by mpmath.
    assert_eq!(key, Key([0x56da9f9db73f5ea3, 0x9f612744c8eb9e4a]));
    assert_eq!(key.bits(at), 0xe206b9d12cc6edb3);
    assert!((key.normal(at) - 1.1896862201744765).abs() < 1e-15);
}

#[test]
fn every_part_of_key_and_counter_matters() {
    let key = Key::new(1, "a", "b", "c");
    let keys = [
        key,
        Key::new(2, "a", "b", "c"),
        Key::new(1, "ab", "", "c"),
        Key::new(1, "a", "bc", ""),
        Key::new(1, "b", "a", "c"),
    ];
    let at = Counter::default();
    let mut seen: Vec<u64> = keys.iter().map(|k| k.bits(at)).collect();
    seen.extend([
        key.bits(Counter { row: 1, ..at }),
        key.bits(Counter { element: 1, ..at }),
        key.bits(Counter { draw: 1, ..at }),
        key.bits(Counter { draw: 4, ..at }),
        key.bits(Counter { step: 1, ..at }),
        key.bits(Counter { attempt: 1, ..at }),
    ]);
    let n = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), n);
}

#[test]
fn a_block_is_its_numbers_one_at_a_time_on_every_instruction_set() {
    let key = Key::new(3, "test", "x", "");
    let ids = [900, 3, 3_000_000_000_000, 17];
    for (rows, first_draw) in [(Rows::Ids(&ids[..]), 0), (Rows::From(11), 8), (Rows::From(0), 6)] {
        let block = Block { rows, elements: 3, first_draw, step: 5, attempt: 2 };
        for lanes in [1, 8, 19] {
            for isa in available() {
                type Fill = fn(Isa) -> unsafe fn(&mut [f64]);
                type One = fn(&Key, Counter) -> f64;
                let kinds: [(Fill, One); 3] = [
                    (pick_transform::<Uniform>, Key::uniform),
                    (pick_transform::<Normal>, Key::normal),
                    (pick_transform::<Exponential>, Key::exponential),
                ];
                for (fill, one) in kinds {
                    let mut got = Lanes::zeros(12, lanes);
                    key.fill_with(block, &mut got, fill(isa));
                    for i in 0..12 {
                        let row = match rows {
                            Rows::From(first) => first + i as u64 / 3,
                            Rows::Ids(ids) => ids[i / 3],
                        };
                        for lane in 0..lanes {
                            let draw = first_draw + lane as u32;
                            let element = i as u32 % 3;
                            let want = one(&key, Counter { row, element, draw, step: 5, attempt: 2 });
                            assert_eq!(got.get(i, lane).to_bits(), want.to_bits(), "{isa}");
                        }
                    }
                }
            }
        }
    }
}

/// 2^17 numbers: 4,096 rows of 4 elements and 8 draws.
fn sample(fill: fn(&Key, Block, &mut Lanes)) -> Vec<f64> {
    let mut lanes = Lanes::zeros(4 * 4096, 8);
    fill(&Key::new(5, "test", "sample", ""), Block { elements: 4, ..Block::default() }, &mut lanes);
    lanes.tile(0).to_vec()
}

/// Mean of f(x) within five standard errors of the truth.
fn check_mean(x: &[f64], f: impl Fn(f64) -> f64, mean: f64, variance: f64, what: &str) {
    let got = x.iter().map(|&x| f(x)).sum::<f64>() / x.len() as f64;
    let z = (got - mean) / (variance / x.len() as f64).sqrt();
    assert!(z.abs() < 5.0, "{what}: {got}, not {mean} (z = {z:.1})");
}

#[test]
fn moments() {
    let u = sample(Key::fill_uniform);
    assert!(u.iter().all(|&u| u > 0.0 && u < 1.0));
    check_mean(&u, |u| u, 0.5, 1.0 / 12.0, "uniform mean");
    check_mean(&u, |u| (u - 0.5).powi(2), 1.0 / 12.0, 1.0 / 180.0, "uniform variance");
    let z = sample(Key::fill_normal);
    check_mean(&z, |z| z, 0.0, 1.0, "normal mean");
    check_mean(&z, |z| z * z, 1.0, 2.0, "normal variance");
    check_mean(&z, |z| z.powi(3), 0.0, 15.0, "normal skewness");
    check_mean(&z, |z| z.powi(4), 3.0, 96.0, "normal kurtosis");
    let e = sample(Key::fill_exponential);
    check_mean(&e, |e| e, 1.0, 1.0, "exponential mean");
    check_mean(&e, |e| (e - 1.0).powi(2), 1.0, 8.0, "exponential variance");
}

/// Chi-square of equal cells; its z score by the normal approximation.
fn chi_square(cells: impl Iterator<Item = usize>, n_cells: usize) -> f64 {
    let mut counts = vec![0.0; n_cells];
    let mut n = 0.0;
    for cell in cells {
        counts[cell] += 1.0;
        n += 1.0;
    }
    let expected = n / n_cells as f64;
    let x: f64 = counts.iter().map(|c| (c - expected) * (c - expected) / expected).sum();
    let degrees = (n_cells - 1) as f64;
    (x - degrees) / (2.0 * degrees).sqrt()
}

#[test]
fn uniforms_fill_cells_evenly_alone_and_in_pairs_of_neighbours() {
    let u = sample(Key::fill_uniform);
    let cell = |u: f64, n: usize| (u * n as f64) as usize;
    let alone = chi_square(u.iter().map(|&u| cell(u, 1024)), 1024);
    assert!(alone.abs() < 5.0, "alone: {alone}");
    // Neighbouring draws, elements and rows.
    for distance in [1, 8, 32] {
        let pairs = u.iter().zip(&u[distance..]).map(|(&a, &b)| cell(a, 32) * 32 + cell(b, 32));
        let z = chi_square(pairs, 1024);
        assert!(z.abs() < 5.0, "distance {distance}: {z}");
    }
    let low_bits = u.iter().map(|&u| ((u * 2f64.powi(52)) as u64 % 256) as usize);
    let z = chi_square(low_bits, 256);
    assert!(z.abs() < 5.0, "low bits: {z}");
}

#[test]
fn normals_fill_their_quantiles_evenly() {
    let z = sample(Key::fill_normal);
    let cells = z.iter().map(|&z| (special::ndtr(z) * 512.0) as usize);
    let z = chi_square(cells, 512);
    assert!(z.abs() < 5.0, "{z}");
}

#[test]
#[should_panic(expected = "12 elements are not 5 rows of 3")]
fn rows_that_do_not_fit_are_refused() {
    let ids = [0; 5];
    let block = Block { rows: Rows::Ids(&ids), elements: 3, ..Block::default() };
    Key::new(0, "", "", "").fill_normal(block, &mut Lanes::zeros(12, 1));
}
