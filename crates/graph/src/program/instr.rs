//! Instructions: a kernel, where its operands are, and the loops around it.

use std::any::Any;
use std::sync::Arc;

use super::kernels::affine::{AffineFn, Kind, Term};
use super::kernels::choose::{ChooseFn, Strip};
use super::kernels::dense::{DenseFn, Matrix};
use super::kernels::map::MapFn;
use super::kernels::reduce::{Rect, ReduceFn};
use super::tape::{Short, Tape};
use crate::foreign::{Call, Foreign};

/// Where an operand's memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Space {
    /// Draw-free numbers of the program.
    Fixed,
    /// The lane inputs.
    Z,
    /// The outputs.
    Out,
    /// Shared inputs, repeated over the lanes.
    Shared,
    /// What a tile keeps for a whole evaluation.
    Tile,
    /// A thread's scratch memory, for one block of rows.
    Block,
    /// What a chunk of rows accumulates.
    Acc,
    /// Carries of the segment of a scan that is run again.
    Segment,
}

pub const SPACES: usize = 8;

/// A buffer not placed yet.
pub type BufId = u32;

/// One operand: `offset` and `row_step` in `f64` (of a lane array a multiple of eight).
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub space: Space,
    pub offset: usize,
    /// Times the first row of the block, or the step of a scan.
    pub row_step: usize,
    /// Until buffers are placed: relative to which one.
    pub buf: Option<BufId>,
}

impl Operand {
    pub const NONE: Operand = Operand { space: Space::Fixed, offset: 0, row_step: 0, buf: None };
}

/// Base addresses and the rows at hand.
#[derive(Clone)]
pub struct Frame {
    pub bases: [*mut f64; SPACES],
    pub index: *const u32,
    pub row0: usize,
    pub rows: usize,
    pub state: *mut TileState,
}

impl Frame {
    #[inline(always)]
    pub fn at(&self, o: &Operand) -> *mut f64 {
        self.bases[o.space as usize].wrapping_add(o.offset + self.row0 * o.row_step)
    }
}

/// What foreign ops keep for a tile, and what befell it in this evaluation.
#[derive(Default)]
pub struct TileState {
    pub states: Vec<Box<dyn Any + Send>>,
    pub failed: [bool; 8],
    /// `(lane, op, why)`
    pub failures: Vec<(usize, Arc<dyn Foreign>, String)>,
    why: Vec<(usize, String)>,
    args: Vec<&'static [f64]>,
    outs: Vec<&'static mut [f64]>,
}

impl TileState {
    pub fn new(states: Vec<Box<dyn Any + Send>>, widest: usize) -> TileState {
        TileState {
            states,
            args: Vec::with_capacity(widest),
            outs: Vec::with_capacity(widest),
            ..TileState::default()
        }
    }
}

/// A loop of a nest: how often, whether that is for each row of the block, and how far the operands
/// move.
#[derive(Clone, Copy, Debug)]
pub struct Loop<const K: usize> {
    pub count: usize,
    pub rows: bool,
    pub step: [usize; K],
}

impl<const K: usize> Loop<K> {
    pub const ONCE: Loop<K> = Loop { count: 1, rows: false, step: [0; K] };

    #[inline(always)]
    fn times(&self, f: &Frame) -> usize {
        if self.rows { self.count * f.rows } else { self.count }
    }
}

/// A row of an index, as [`Operand`].
#[derive(Clone, Copy, Debug)]
pub struct IndexOperand {
    pub offset: usize,
    pub row_step: usize,
}

pub struct Map {
    pub f: MapFn,
    pub short: Short,
    /// How many operands there are, and which are lanes.
    pub n_args: usize,
    pub lanes: [bool; 3],
    /// Whether there is a second result.
    pub twin: bool,
    pub ops: [Operand; 5],
    pub inner: Loop<5>,
    pub outer: Box<[Loop<5>]>,
}

pub struct Fill {
    pub f: MapFn,
    pub out: Operand,
    pub value: f64,
    pub inner: Loop<1>,
    pub outer: Box<[Loop<1>]>,
}

/// `kept` loops over results, `over` loops over what is reduced, around the kernel's own two.
pub struct Reduce {
    pub f: ReduceFn,
    pub short: Option<Short>,
    /// Which operands are lanes.
    pub lanes: [bool; 2],
    pub ops: [Operand; 3],
    pub k: Loop<3>,
    pub j: Loop<3>,
    pub kept: Box<[Loop<3>]>,
    pub over: Box<[Loop<3>]>,
    pub accumulate: bool,
}

/// Gather or scatter; steps of result, operand and index.
pub struct Choose {
    pub f: ChooseFn,
    pub ops: [Operand; 2],
    pub index: IndexOperand,
    pub indexed: usize,
    pub runs: usize,
    pub inner: Loop<3>,
    pub outer: Box<[Loop<3>]>,
}

/// Factorisation or solve; steps of result, matrix, right-hand side.
pub struct Dense {
    pub f: DenseFn,
    pub ops: [Operand; 3],
    pub matrix: Matrix,
    pub outer: Box<[Loop<3>]>,
}

pub struct Affine {
    pub f: AffineFn,
    pub out: Operand,
    pub along: Loop<1>,
    pub terms: Box<[AffineTerm]>,
}

/// A term's operands; a scale or an index where its kind has one.
#[derive(Clone, Copy)]
pub struct AffineTerm {
    pub kind: Kind,
    pub negative: bool,
    pub x: Operand,
    pub step: usize,
    pub scale: Operand,
    pub index: IndexOperand,
    pub index_step: usize,
}

/// So many terms fit.
pub const MOST_TERMS: usize = 12;

pub struct ScanCode {
    pub n: usize,
    pub reverse: bool,
    /// A step; its own memory lies in a buffer of the surrounding code.
    pub body: Vec<Instr>,
    /// Steps of a segment, and what saves the carries before its first, with the segment as its row.
    pub save: Option<(usize, Vec<Instr>)>,
    pub again: Option<Again>,
}

/// The forward steps of a segment, run again by a reverse scan.
pub struct Again {
    pub every: usize,
    /// Takes the carries from their checkpoint; the segment is its row.
    pub load: Vec<Instr>,
    pub step: Vec<Instr>,
    /// Memory for the carries of a segment, and how far apart those of two steps are.
    pub segment: Operand,
    pub stride: usize,
}

impl ScanCode {
    /// Its stretches of code.
    pub fn codes(&mut self) -> impl Iterator<Item = &mut Vec<Instr>> {
        let again = self.again.iter_mut().flat_map(|a| [&mut a.load, &mut a.step]);
        [&mut self.body].into_iter().chain(self.save.iter_mut().map(|s| &mut s.1)).chain(again)
    }
}

pub struct ForeignCode {
    pub op: Arc<dyn Foreign>,
    /// With their lengths in `f64`.
    pub args: Vec<(Operand, usize)>,
    pub outs: Vec<(Operand, usize)>,
    pub state: usize,
}

pub enum What {
    Map(Map),
    Fill(Fill),
    Reduce(Reduce),
    Choose(Choose),
    Dense(Dense),
    Affine(Affine),
    Scan(Box<ScanCode>),
    Foreign(Box<ForeignCode>),
    /// Several short ones; made when every operand has its place.
    Tape(Tape),
}

pub struct Instr {
    pub what: What,
    /// For people: what it computes.
    pub label: Box<str>,
}

/// How an instruction uses a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Read,
    Write,
}

impl Instr {
    /// Every operand, those of a scan's body too.
    pub fn operands(&mut self, f: &mut dyn FnMut(&mut Operand, Access)) {
        match &mut self.what {
            What::Map(m) => {
                f(&mut m.ops[0], Access::Write);
                f(&mut m.ops[4], Access::Write);
                m.ops[1..4].iter_mut().for_each(|o| f(o, Access::Read));
            }
            What::Fill(m) => f(&mut m.out, Access::Write),
            What::Reduce(m) => {
                f(&mut m.ops[0], Access::Write);
                m.ops[1..].iter_mut().for_each(|o| f(o, Access::Read));
            }
            What::Choose(m) => {
                f(&mut m.ops[0], Access::Write);
                f(&mut m.ops[1], Access::Read);
            }
            What::Dense(m) => {
                f(&mut m.ops[0], Access::Write);
                m.ops[1..].iter_mut().for_each(|o| f(o, Access::Read));
            }
            What::Affine(m) => {
                f(&mut m.out, Access::Write);
                for t in &mut m.terms {
                    f(&mut t.x, Access::Read);
                    f(&mut t.scale, Access::Read);
                }
            }
            What::Scan(s) => {
                s.codes().flatten().for_each(|i| i.operands(f));
                if let Some(a) = &mut s.again {
                    f(&mut a.segment, Access::Write);
                }
            }
            What::Foreign(c) => {
                c.outs.iter_mut().for_each(|(o, _)| f(o, Access::Write));
                c.args.iter_mut().for_each(|(o, _)| f(o, Access::Read));
            }
            What::Tape(_) => unreachable!("made after buffers are placed"),
        }
    }

    /// The operand whose memory the result may take over, if this is its last use: read and written
    /// at the same positions.
    pub fn in_place(&self) -> impl Iterator<Item = BufId> + '_ {
        let map = match &self.what {
            What::Map(m) if m.ops[4].buf.is_none() => Some(m),
            _ => None,
        };
        map.into_iter().flat_map(|m| {
            let same = |k: usize| {
                m.ops[k].offset == m.ops[0].offset
                    && m.ops[k].row_step == m.ops[0].row_step
                    && m.outer.iter().chain([&m.inner]).all(|l| l.step[k] == l.step[0])
            };
            // No operand may see the buffer at other positions.
            let safe = move |k: usize| (1..4).all(|l| m.ops[l].buf != m.ops[k].buf || same(l));
            (1..4).filter(move |&k| safe(k)).filter_map(|k| m.ops[k].buf)
        })
    }

    /// # Safety
    /// The frame's memory is what the program was planned for, and the machine has its instruction
    /// set.
    #[inline(always)]
    pub unsafe fn run(&self, f: &Frame) {
        unsafe {
            match &self.what {
                What::Tape(t) => t.run(f),
                What::Map(m) => {
                    let p =
                        [f.at(&m.ops[0]), f.at(&m.ops[1]), f.at(&m.ops[2]), f.at(&m.ops[3]), f.at(&m.ops[4])];
                    if m.outer.is_empty() {
                        (m.f)(&p, &m.inner.step, m.inner.times(f));
                    } else {
                        let n = m.inner.times(f);
                        nest(&m.outer, f, p, &mut |p| (m.f)(&p, &m.inner.step, n));
                    }
                }
                What::Fill(m) => {
                    let n = m.inner.times(f);
                    let mut value = m.value;
                    let step = [m.inner.step[0], 0, 0, 0, 0];
                    nest(&m.outer, f, [f.at(&m.out)], &mut |[out]| {
                        (m.f)(&[out, &mut value, &mut value, &mut value, out], &step, n);
                    });
                }
                What::Reduce(m) => m.run(f),
                What::Choose(m) => {
                    let index = f.index.add(m.index.offset + f.row0 * m.index.row_step);
                    let s =
                        Strip { n: m.inner.times(f), step: m.inner.step, indexed: m.indexed, runs: m.runs };
                    // The index's address is counted in f64 steps like the others, then turned back.
                    nest(&m.outer, f, [f.at(&m.ops[0]), f.at(&m.ops[1]), std::ptr::null_mut()], &mut |p| {
                        (m.f)(p[0], p[1], index.add(p[2] as usize / size_of::<f64>()), &s)
                    });
                }
                What::Dense(m) => {
                    let p = [f.at(&m.ops[0]), f.at(&m.ops[1]), f.at(&m.ops[2])];
                    nest(&m.outer, f, p, &mut |p| (m.f)(p[0], p[1], p[2], &m.matrix));
                }
                What::Affine(m) => m.run(f),
                What::Scan(s) => s.run(f),
                What::Foreign(c) => c.run(f),
            }
        }
    }
}

/// Runs `leaf` for every position of the loops, outermost first.
#[inline]
unsafe fn nest<const K: usize>(
    loops: &[Loop<K>],
    f: &Frame,
    p: [*mut f64; K],
    leaf: &mut impl FnMut([*mut f64; K]),
) {
    let Some((first, rest)) = loops.split_first() else {
        return leaf(p);
    };
    let mut p = p;
    for _ in 0..first.times(f) {
        unsafe { nest(rest, f, p, leaf) };
        for (p, step) in p.iter_mut().zip(first.step) {
            *p = p.wrapping_add(step);
        }
    }
}

impl Reduce {
    #[inline]
    unsafe fn run(&self, f: &Frame) {
        let p = [f.at(&self.ops[0]), f.at(&self.ops[1]), f.at(&self.ops[2])];
        let rect = Rect {
            k: self.k.times(f),
            j: self.j.times(f),
            k_step: self.k.step,
            j_step: [self.j.step[1], self.j.step[2]],
            accumulate: self.accumulate,
        };
        if self.kept.is_empty() && self.over.is_empty() {
            return unsafe { (self.f)(p[0], p[1], p[2], &rect) };
        }
        unsafe {
            nest(&self.kept, f, p, &mut |p| {
                let mut rect = rect;
                nest(&self.over, f, p, &mut |p| {
                    (self.f)(p[0], p[1], p[2], &rect);
                    rect.accumulate = true;
                });
            });
        }
    }
}

impl Affine {
    unsafe fn run(&self, f: &Frame) {
        let mut terms = [const { std::mem::MaybeUninit::<Term>::uninit() }; MOST_TERMS];
        for (to, t) in terms.iter_mut().zip(&self.terms) {
            to.write(Term {
                kind: t.kind,
                negative: t.negative,
                p: f.at(&t.x),
                step: t.step,
                scale: f.at(&t.scale),
                index: f.index.wrapping_add(t.index.offset + f.row0 * t.index.row_step),
                index_step: t.index_step,
            });
        }
        // SAFETY: as many were written; the planner made room for the elements.
        unsafe {
            let terms = std::slice::from_raw_parts(terms.as_ptr().cast(), self.terms.len());
            (self.f)(f.at(&self.out), self.along.step[0], self.along.times(f), terms);
        }
    }
}

impl ScanCode {
    unsafe fn run(&self, f: &Frame) {
        let mut frame = f.clone();
        frame.rows = 1;
        let run = |code: &[Instr], frame: &Frame| code.iter().for_each(|i| unsafe { i.run(frame) });
        let Some(again) = &self.again else {
            for i in 0..self.n {
                if let Some((every, save)) = &self.save
                    && i % every == 0
                {
                    frame.row0 = i / every;
                    run(save, &frame);
                }
                frame.row0 = if self.reverse { self.n - 1 - i } else { i };
                run(&self.body, &frame);
            }
            return;
        };
        // In the order of the forward scan, which goes the other way.
        let at = |i: usize| if self.reverse { i } else { self.n - 1 - i };
        let segment = f.at(&again.segment);
        for s in (0..self.n.div_ceil(again.every)).rev() {
            let (first, end) = (s * again.every, ((s + 1) * again.every).min(self.n));
            let lowest = at(first).min(at(end - 1));
            frame.bases[Space::Segment as usize] = segment.wrapping_sub(lowest * again.stride);
            frame.row0 = s;
            run(&again.load, &frame);
            for i in first..end {
                frame.row0 = at(i);
                run(&again.step, &frame);
            }
            for i in (first..end).rev() {
                frame.row0 = at(i);
                run(&self.body, &frame);
            }
        }
    }
}

impl ForeignCode {
    unsafe fn run(&self, f: &Frame) {
        // SAFETY: one thread runs a tile at a time, and slices live for this call only.
        unsafe {
            let state = &mut *f.state;
            let (mut args, mut outs) = (std::mem::take(&mut state.args), std::mem::take(&mut state.outs));
            args.extend(self.args.iter().map(|(o, n)| std::slice::from_raw_parts(f.at(o) as *const f64, *n)));
            outs.extend(self.outs.iter().map(|(o, n)| std::slice::from_raw_parts_mut(f.at(o), *n)));
            let before = state.failed;
            self.op.call(Call {
                args: &args,
                outs: shorten(&mut outs),
                failed: &mut state.failed,
                failures: &mut state.why,
                state: state.states[self.state].as_mut(),
            });
            for (lane, (now, then)) in state.failed.iter().zip(before).enumerate() {
                if *now && !then {
                    // The op promised NaN; a zero here would be a wrong gradient.
                    outs.iter_mut()
                        .for_each(|o| o.iter_mut().skip(lane).step_by(8).for_each(|x| *x = f64::NAN));
                }
            }
            for (lane, why) in state.why.drain(..) {
                state.failures.push((lane, self.op.clone(), why));
            }
            args.clear();
            outs.clear();
            (state.args, state.outs) = (args, outs);
        }
    }
}

/// The same slices for a shorter time.
fn shorten<'a>(outs: &'a mut [&'static mut [f64]]) -> &'a mut [&'a mut [f64]] {
    // SAFETY: only lifetimes change; the slices are cleared before anything outlives them.
    unsafe { std::mem::transmute(outs) }
}
