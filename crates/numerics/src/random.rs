//! Counter-based random streams: a draw is a function of its name and place, not of what was drawn before.
//!
//! A [`Key`] is a hash of seed, purpose, site name and group key; a [`Counter`] says which row of the
//! source, element, draw, optimiser step and rejection attempt. So a draw never depends on its
//! position in a batch, a shard or a list, nor on threads, and nothing is stored: noise is regenerated.
//!
//! The generator is Philox4x64-10 (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random
//! numbers: as easy as 1, 2, 3, SC 2011). All numbers are the same bits on every machine and
//! instruction set: arithmetic on them is not fused ([`Pack::Unfused`]).
//!
//! ```
//! use numerics::lanes::Lanes;
//! use numerics::random::{Block, Counter, Key};
//!
//! let key = Key::new(42, "elbo", "theta", "");
//! let mut eps = Lanes::zeros(3, 10); // three elements, ten draws
//! key.fill_normal(Block { step: 7, elements: 3, ..Block::default() }, &mut eps);
//! let one = key.normal(Counter { element: 2, draw: 9, step: 7, ..Counter::default() });
//! assert_eq!(eps.get(2, 9), one);
//! ```

mod philox;

pub use philox::philox4x64;

use crate::dispatch;
use crate::lanes::{LANES, Lanes};
use crate::math;
use crate::simd::{Isa, Pack};
use crate::special;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key([u64; 2]);

/// Which number of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counter {
    /// The row's id in its source (0 without rows).
    pub row: u64,
    /// Element within the row's event.
    pub element: u32,
    /// Monte-Carlo draw: the lane.
    pub draw: u32,
    /// Optimiser step or repetition.
    pub step: u64,
    /// Attempt of a rejection sampler, or any further index.
    pub attempt: u64,
}

/// The rows of a [`Block`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows<'a> {
    /// Consecutive ids from this one on.
    From(u64),
    /// These ids, in this order.
    Ids(&'a [u64]),
}

/// A block of numbers to fill lanes with: element `i` of the lanes is element `i % elements` of row
/// `i / elements` of `rows`, lane `l` is draw `first_draw + l`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Which rows.
    pub rows: Rows<'a>,
    /// Elements a row; `lanes.n()` is a multiple of it.
    pub elements: usize,
    /// Draw of lane 0.
    pub first_draw: u32,
    /// See [`Counter::step`].
    pub step: u64,
    /// See [`Counter::attempt`].
    pub attempt: u64,
}

impl Default for Block<'_> {
    fn default() -> Self {
        Block { rows: Rows::From(0), elements: 1, first_draw: 0, step: 0, attempt: 0 }
    }
}

impl Key {
    /// The key of a seed, a purpose (`elbo`, `predict`), a site's name and a group's key (empty without).
    ///
    /// 128 bits of FNV-1a (draft-eastlake-fnv: offset basis 0x6c62272e07bb014262b821756295c58d, prime
    /// 2^88 + 0x13b) over the seed, little-endian, and each text, preceded by its length in bytes as eight bytes,
    /// little-endian, so that no two triples of texts run together.
    pub fn new(seed: u64, purpose: &str, site: &str, group: &str) -> Key {
        let mut hash = fnv1a(FNV_OFFSET, &seed.to_le_bytes());
        for text in [purpose, site, group] {
            hash = fnv1a(hash, &(text.len() as u64).to_le_bytes());
            hash = fnv1a(hash, text.as_bytes());
        }
        Key([hash as u64, (hash >> 64) as u64])
    }

    /// 64 random bits.
    pub fn bits(&self, at: Counter) -> u64 {
        self.block(at)[(at.draw % 4) as usize]
    }

    /// Uniform on the open interval (0, 1): an odd multiple of 2^-53.
    pub fn uniform(&self, at: Counter) -> f64 {
        (self.bits(at) >> 12) as f64 * 2f64.powi(-52) + 2f64.powi(-53)
    }

    /// Standard normal, by inversion ([`special::ndtri`]); |z| <= 8.21.
    pub fn normal(&self, at: Counter) -> f64 {
        special::ndtri(self.uniform(at))
    }

    /// Exponential with rate 1, by inversion: -ln u.
    pub fn exponential(&self, at: Counter) -> f64 {
        -special::ln(self.uniform(at))
    }

    /// [`uniform`](Key::uniform) for every element and lane, padding included; same bits.
    ///
    /// # Panics
    /// If `lanes.n()` is not `block.elements` times the rows (any number for [`Rows::From`]).
    pub fn fill_uniform(&self, block: Block, lanes: &mut Lanes) {
        self.fill(block, lanes, pick_transform::<Uniform>);
    }

    /// [`normal`](Key::normal) for every element and lane: see [`fill_uniform`](Key::fill_uniform).
    pub fn fill_normal(&self, block: Block, lanes: &mut Lanes) {
        self.fill(block, lanes, pick_transform::<Normal>);
    }

    /// [`exponential`](Key::exponential) for every element and lane: see
    /// [`fill_uniform`](Key::fill_uniform).
    pub fn fill_exponential(&self, block: Block, lanes: &mut Lanes) {
        self.fill(block, lanes, pick_transform::<Exponential>);
    }

    /// The four words that hold draws 4k to 4k + 3.
    #[inline]
    fn block(&self, at: Counter) -> [u64; 4] {
        let place = u64::from(at.element) << 32 | u64::from(at.draw / 4);
        philox4x64([at.row, place, at.step, at.attempt], self.0)
    }

    fn fill(&self, block: Block, lanes: &mut Lanes, pick: fn(Isa) -> unsafe fn(&mut [f64])) {
        self.fill_with(block, lanes, pick(Isa::detect()));
    }

    /// `transform` needs an instruction set that the machine has.
    fn fill_with(&self, block: Block, lanes: &mut Lanes, transform: unsafe fn(&mut [f64])) {
        let rows = lanes.n() / block.elements.max(1);
        let whole = rows * block.elements == lanes.n();
        let enough = !matches!(block.rows, Rows::Ids(ids) if ids.len() != rows);
        assert!(
            whole && enough,
            "{} elements are not {} rows of {}",
            lanes.n(),
            if let Rows::Ids(ids) = block.rows { ids.len() } else { rows },
            block.elements
        );
        for t in 0..lanes.tiles() {
            let draw = block.first_draw.wrapping_add((t * LANES) as u32);
            let tile = lanes.tile_mut(t);
            for (i, out) in tile.chunks_exact_mut(LANES * block.elements).enumerate() {
                let row = match block.rows {
                    Rows::From(first) => first.wrapping_add(i as u64),
                    Rows::Ids(ids) => ids[i],
                };
                for (element, out) in out.chunks_exact_mut(LANES).enumerate() {
                    let element = element as u32;
                    let at = Counter { row, element, draw, step: block.step, attempt: block.attempt };
                    self.eight(at, out);
                }
            }
            // SAFETY: the machine has its instruction set.
            unsafe { transform(tile) };
        }
    }

    /// The words of eight draws from `at` on, as the bits of numbers.
    #[inline]
    fn eight(&self, at: Counter, out: &mut [f64]) {
        let draw = |k: u32| Counter { draw: at.draw.wrapping_add(k), ..at };
        if at.draw.is_multiple_of(4) {
            let words = [self.block(at), self.block(draw(4))];
            for (out, word) in out.iter_mut().zip(words.as_flattened()) {
                *out = f64::from_bits(*word);
            }
        } else {
            for (k, out) in out.iter_mut().enumerate() {
                *out = f64::from_bits(self.bits(draw(k as u32)));
            }
        }
    }
}

/// A number made of 64 random bits.
trait Transform: 'static {
    fn apply<P: Pack>(uniform: P) -> P;
}
struct Uniform;
struct Normal;
struct Exponential;

impl Transform for Uniform {
    #[inline(always)]
    fn apply<P: Pack>(uniform: P) -> P {
        uniform
    }
}
impl Transform for Normal {
    #[inline(always)]
    fn apply<P: Pack>(uniform: P) -> P {
        math::ndtri(uniform)
    }
}
impl Transform for Exponential {
    #[inline(always)]
    fn apply<P: Pack>(uniform: P) -> P {
        -math::ln(uniform)
    }
}

/// Turns words into numbers, in place; `tile` is a multiple of eight long.
#[inline(always)]
fn transform<P: Pack, T: Transform>(tile: &mut [f64]) {
    // 52 bits under the exponent of 1 are in [1, 2).
    let one = P::Unfused::splat(1.0);
    let shift = P::Unfused::splat(1.0 - 2f64.powi(-53));
    for x in tile.chunks_exact_mut(8) {
        // SAFETY: eight elements.
        unsafe {
            let words = P::Unfused::load_unaligned(x.as_ptr());
            let uniform = words.shr_bits(12).or(one) - shift;
            T::apply(uniform).store_unaligned(x.as_mut_ptr());
        }
    }
}
dispatch! { fn pick_transform[T: Transform] = transform(tile: &mut [f64]); }

const FNV_OFFSET: u128 = 0x6c62272e07bb014262b821756295c58d;
const FNV_PRIME: u128 = (1 << 88) + 0x13b;

fn fnv1a(hash: u128, bytes: &[u8]) -> u128 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests;
