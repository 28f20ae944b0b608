//! Log tails, lane by lane: an integral each, so that there is nothing to gain from registers.

use super::map::MapFn;
use crate::log_tail::{LOG_TAILS, LogTail};

/// `OP` is a place in [`LOG_TAILS`]; `A`, `B`, `C` are 1 for operands that are lanes, 0 for numbers that
/// all lanes share.
unsafe fn map<const OP: usize, const A: usize, const B: usize, const C: usize>(
    p: &[*mut f64; 5],
    step: &[usize; 5],
    n: usize,
) {
    let tail = LOG_TAILS[OP].0;
    let three = tail.arity() == 3;
    for i in 0..n {
        for lane in 0..8 {
            unsafe {
                let a = *p[1].add(i * step[1] + A * lane);
                let b = *p[2].add(i * step[2] + B * lane);
                let c = if three { *p[3].add(i * step[3] + C * lane) } else { 0.0 };
                *p[0].add(i * step[0] + lane) = tail.value([a, b, c]);
            }
        }
    }
}

fn pick<const OP: usize>(lanes: [bool; 3]) -> MapFn {
    match lanes {
        [true, true, true] => map::<OP, 1, 1, 1>,
        [true, true, false] => map::<OP, 1, 1, 0>,
        [true, false, true] => map::<OP, 1, 0, 1>,
        [true, false, false] => map::<OP, 1, 0, 0>,
        [false, true, true] => map::<OP, 0, 1, 1>,
        [false, true, false] => map::<OP, 0, 1, 0>,
        [false, false, true] => map::<OP, 0, 0, 1>,
        [false, false, false] => map::<OP, 0, 0, 0>,
    }
}

/// The kernel; `lanes` tells which operands are lanes.
pub fn log_tail(tail: LogTail, lanes: [bool; 3]) -> MapFn {
    macro_rules! table {
        ($($k:literal)*) => {
            match tail.index() {
                $($k => pick::<$k>(lanes),)*
                _ => unreachable!("the table has {} ops", LOG_TAILS.len()),
            }
        };
    }
    table!(0 1 2 3 4 5 6 7 8 9 10 11 12)
}
