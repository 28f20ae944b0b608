//! Evaluation allocates nothing.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::op_examples::op_examples;
use graph::program::{Options, Program};
use numerics::lanes::Lanes;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        unsafe { System.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, n: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(p, layout, n) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

// One test only, for the count is the whole process's.
#[test]
fn evaluation_allocates_nothing() {
    for e in op_examples() {
        for (block_rows, threads) in [(128, 1), (8, 1), (8, 2)] {
            let options = Options { block_rows, threads, ..Options::default() };
            let p = Program::compile(&e.graph, &e.outputs, &e.bindings, &options).unwrap();
            let mut ws = p.workspace();
            let (mut z, mut out) = (Lanes::zeros(p.n_in(), 43), Lanes::zeros(p.n_out(), 43));
            for lane in 0..43 {
                z.set_lane(lane, &vec![0.5 + 0.01 * lane as f64; p.n_in()]);
            }
            let shared = vec![0.5; p.n_shared()];
            let mut failures = Vec::new();
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            p.eval(&mut ws, &shared, &z, &mut out, &mut failures);
            p.eval_tile(&mut ws, &shared, z.tile(2), out.tile_mut(3));
            let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
            assert_eq!(made, 0, "{} in blocks of {block_rows}", e.name);
        }
    }
}
