//! Short instructions run as one: scalars and small arrays cost a table jump instead of two calls.
//!
//! Right-hand sides of ODEs, bodies of scans and the priors of most models are little else.

use numerics::dispatch;
use numerics::simd::{Isa, Pack};

use super::instr::{Frame, Instr, Loop, Operand, Space, What};
use super::kernels::map::MapFn;

/// What a short instruction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Short {
    Copy,
    Neg,
    Abs,
    Recip,
    Sqrt,
    Square,
    Add,
    Sub,
    Mul,
    Div,
    MulAdd,
    MulSub,
    NegMulAdd,
    Select,
    /// One result.
    Sum,
    SumOfSquares,
    Dot,
    /// A kernel of its own.
    Call,
}

/// Elements up to which an instruction is short.
const SHORT: usize = 8;

/// An operand, in `f64`.
#[derive(Clone, Copy, Debug)]
struct Place {
    space: u8,
    /// Zero or eight: one element for all, or the next one.
    step: u8,
    offset: u32,
    row_step: u32,
}

/// Fits a cache line.
struct Entry {
    f: MapFn,
    /// Result and operands; the second result of a called twin comes last.
    at: [Place; 4],
    code: Short,
    n: u8,
}

type TapeFn = unsafe fn(entries: &[Entry], f: &Frame);

/// Short instructions in order.
pub struct Tape {
    f: TapeFn,
    entries: Box<[Entry]>,
    pub labels: Box<[Box<str>]>,
}

impl Tape {
    /// # Safety
    /// As for [`Instr::run`].
    #[inline(always)]
    pub unsafe fn run(&self, f: &Frame) {
        unsafe { (self.f)(&self.entries, f) }
    }
}

#[inline(always)]
fn at(f: &Frame, p: &Place) -> *mut f64 {
    f.bases[p.space as usize].wrapping_add(p.offset as usize + f.row0 * p.row_step as usize)
}

#[inline(always)]
unsafe fn run<P: Pack>(entries: &[Entry], f: &Frame) {
    for e in entries {
        let [mut out, mut a, mut b, mut c] =
            [at(f, &e.at[0]), at(f, &e.at[1]), at(f, &e.at[2]), at(f, &e.at[3])];
        let [so, sa, sb, sc] = [e.at[0].step, e.at[1].step, e.at[2].step, e.at[3].step].map(usize::from);
        let n = e.n as usize;
        macro_rules! each {
            (|$x:ident| $value:expr) => {
                for _ in 0..n {
                    let $x = unsafe { P::load_unaligned(a) };
                    unsafe { ($value).store_unaligned(out) };
                    (out, a) = (out.wrapping_add(so), a.wrapping_add(sa));
                }
            };
            (|$x:ident, $y:ident| $value:expr) => {
                for _ in 0..n {
                    let ($x, $y) = unsafe { (P::load_unaligned(a), P::load_unaligned(b)) };
                    unsafe { ($value).store_unaligned(out) };
                    (out, a, b) = (out.wrapping_add(so), a.wrapping_add(sa), b.wrapping_add(sb));
                }
            };
            (|$x:ident, $y:ident, $z:ident| $value:expr) => {
                for _ in 0..n {
                    let ($x, $y) = unsafe { (P::load_unaligned(a), P::load_unaligned(b)) };
                    let $z = unsafe { P::load_unaligned(c) };
                    unsafe { ($value).store_unaligned(out) };
                    (out, a, b, c) =
                        (out.wrapping_add(so), a.wrapping_add(sa), b.wrapping_add(sb), c.wrapping_add(sc));
                }
            };
        }
        macro_rules! fold {
            (|$sum:ident, $x:ident, $y:ident| $value:expr) => {{
                let mut $sum = P::splat(0.0);
                for _ in 0..n {
                    let ($x, $y) = unsafe { (P::load_unaligned(a), P::load_unaligned(b)) };
                    $sum = $value;
                    (a, b) = (a.wrapping_add(sa), b.wrapping_add(sb));
                }
                unsafe { $sum.store_unaligned(out) };
            }};
        }
        match e.code {
            Short::Copy => each!(|x| x),
            Short::Neg => each!(|x| -x),
            Short::Abs => each!(|x| x.abs()),
            Short::Recip => each!(|x| P::splat(1.0) / x),
            Short::Sqrt => each!(|x| x.sqrt()),
            Short::Square => each!(|x| x * x),
            Short::Add => each!(|x, y| x + y),
            Short::Sub => each!(|x, y| x - y),
            Short::Mul => each!(|x, y| x * y),
            Short::Div => each!(|x, y| x / y),
            Short::MulAdd => each!(|x, y, z| x.mul_add(y, z)),
            Short::MulSub => each!(|x, y, z| x.mul_sub(y, z)),
            Short::NegMulAdd => each!(|x, y, z| x.neg_mul_add(y, z)),
            Short::Select => each!(|x, y, z| P::select(x.eq(P::splat(0.0)), z, y)),
            // A fold of one operand has it twice.
            Short::Sum => fold!(|sum, x, _y| sum + x),
            Short::SumOfSquares => fold!(|sum, x, _y| x.mul_add(x, sum)),
            Short::Dot => fold!(|sum, x, y| x.mul_add(y, sum)),
            Short::Call => unsafe { (e.f)(&[out, a, b, c, c], &[so, sa, sb, sc, sc], n) },
        }
    }
}

dispatch! {
    fn pick = run(entries: &[Entry], f: &Frame);
}

/// Replaces stretches of short instructions, in the bodies of scans too.
pub fn compress(code: Vec<Instr>, fixed: &mut Vec<f64>, isa: Isa) -> Vec<Instr> {
    let mut out: Vec<Instr> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut labels: Vec<Box<str>> = Vec::new();
    let flush = |out: &mut Vec<Instr>, entries: &mut Vec<Entry>, labels: &mut Vec<Box<str>>| {
        if !entries.is_empty() {
            let tape = Tape {
                f: pick(isa),
                entries: entries.drain(..).collect(),
                labels: labels.drain(..).collect(),
            };
            out.push(Instr { what: What::Tape(tape), label: "".into() });
        }
    };
    for mut instr in code {
        if let What::Scan(s) = &mut instr.what {
            for code in s.codes() {
                *code = compress(std::mem::take(code), fixed, isa);
            }
        }
        match entry(&instr, fixed) {
            Some(e) => {
                entries.push(e);
                labels.push(instr.label);
            }
            None => {
                flush(&mut out, &mut entries, &mut labels);
                out.push(instr);
            }
        }
    }
    flush(&mut out, &mut entries, &mut labels);
    out
}

/// `step` in `f64` of a lane array; draw-free numbers are repeated over the lanes.
fn place(o: &Operand, step: usize, n: usize, lanes: bool, fixed: &mut Vec<f64>) -> Option<Place> {
    let count = if step == 0 { 1 } else { n };
    let (offset, step) = if lanes {
        (o.offset, step)
    } else {
        if o.row_step != 0 {
            return None;
        }
        let offset = fixed.len().next_multiple_of(8);
        fixed.resize(offset, 0.0);
        for i in 0..count {
            let x = fixed[o.offset + i * step];
            fixed.extend([x; 8]);
        }
        (offset, if step == 0 { 0 } else { 8 })
    };
    (step == 0 || step == 8 || count == 1).then_some(())?;
    Some(Place {
        space: o.space as u8,
        step: if count == 1 { 0 } else { 8 },
        offset: u32::try_from(offset).ok()?,
        row_step: u32::try_from(o.row_step).ok()?,
    })
}

const NOWHERE: Place = Place { space: Space::Tile as u8, step: 0, offset: 0, row_step: 0 };

fn entry(instr: &Instr, fixed: &mut Vec<f64>) -> Option<Entry> {
    unsafe fn none(_: &[*mut f64; 5], _: &[usize; 5], _: usize) {}
    match &instr.what {
        What::Map(m) if m.outer.is_empty() && !m.inner.rows && (1..=SHORT).contains(&m.inner.count) => {
            let n = m.inner.count;
            let mut at = [NOWHERE; 4];
            at[0] = place(&m.ops[0], m.inner.step[0], n, true, fixed)?;
            for (k, to) in at.iter_mut().enumerate().skip(1).take(m.n_args) {
                *to = place(&m.ops[k], m.inner.step[k], n, m.lanes[k - 1], fixed)?;
            }
            // A called kernel reads draw-free operands in its own way.
            if m.short == Short::Call && m.lanes[..m.n_args].contains(&false) {
                return None;
            }
            if m.twin {
                at[3] = place(&m.ops[4], m.inner.step[4], n, true, fixed)?;
            }
            Some(Entry { f: m.f, at, code: m.short, n: n as u8 })
        }
        What::Fill(m) if m.outer.is_empty() && !m.inner.rows && (1..=SHORT).contains(&m.inner.count) => {
            let out = place(&m.out, m.inner.step[0], m.inner.count, true, fixed)?;
            let offset = fixed.len();
            fixed.push(m.value);
            let value = place(&Operand { offset, ..Operand::NONE }, 0, 1, false, fixed)?;
            Some(Entry {
                f: none,
                at: [out, value, NOWHERE, NOWHERE],
                code: Short::Copy,
                n: m.inner.count as u8,
            })
        }
        What::Reduce(m) => {
            let code = m.short?;
            let one = |l: &Loop<3>| l.count == 1 && !l.rows;
            let short = !m.j.rows && (1..=SHORT).contains(&m.j.count);
            if !(m.kept.is_empty() && m.over.is_empty() && one(&m.k) && short) || m.accumulate {
                return None;
            }
            let n = m.j.count;
            let mut out = place(&m.ops[0], 0, 1, true, fixed)?;
            out.step = 0;
            let a = place(&m.ops[1], m.j.step[1], n, m.lanes[0], fixed)?;
            let b = if code == Short::Dot { place(&m.ops[2], m.j.step[2], n, m.lanes[1], fixed)? } else { a };
            Some(Entry { f: none, at: [out, a, b, NOWHERE], code, n: n as u8 })
        }
        _ => None,
    }
}
