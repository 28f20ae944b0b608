//! Lane storage: `n` elements for each of `lanes` draws, eight lanes to a tile.
//!
//! Monte-Carlo draws are *lanes*. Memory is tile-major, `[tile][element][8]`, 64-byte aligned, so
//! that one element of one tile is exactly one AVX-512 register and a tile can be handed to a
//! kernel (or to a thread) as one contiguous slice. Lanes beyond `lanes` in the last tile are
//! padding: they are computed with everything else and never read.

/// Lanes in a tile; fixed, so that no lane's bits depend on how many others there are.
pub const LANES: usize = 8;

/// A heap buffer of `f64` whose first element is 64-byte aligned.
pub struct AlignedVec {
    blocks: Vec<Block>,
    len: usize,
}

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Block([f64; LANES]);

impl AlignedVec {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        AlignedVec { blocks: vec![Block([0.0; LANES]); len.div_ceil(LANES)], len }
    }

    /// A copy of `values`, aligned.
    pub fn from_slice(values: &[f64]) -> Self {
        let mut v = Self::zeroed(values.len());
        v.copy_from_slice(values);
        v
    }
}

/// Copies a tile, `[element][8]` both, and tells which of its lanes are finite throughout.
///
/// # Panics
/// Where the lengths differ.
pub fn copy_finite(to: &mut [f64], from: &[f64]) -> [bool; LANES] {
    assert_eq!(to.len(), from.len(), "a tile is copied whole");
    // 0 x is 0, or NaN where x is not finite.
    let mut sum = [0.0; LANES];
    for (to, from) in to.chunks_exact_mut(LANES).zip(from.chunks_exact(LANES)) {
        to.copy_from_slice(from);
        for (sum, x) in sum.iter_mut().zip(from) {
            *sum += 0.0 * x;
        }
    }
    sum.map(|s| s == 0.0)
}

impl Clone for AlignedVec {
    fn clone(&self) -> Self {
        AlignedVec { blocks: self.blocks.clone(), len: self.len }
    }
}

impl std::ops::Deref for AlignedVec {
    type Target = [f64];
    #[inline]
    fn deref(&self) -> &[f64] {
        // SAFETY: `blocks` owns at least `len` contiguous, initialised f64.
        unsafe { std::slice::from_raw_parts(self.blocks.as_ptr().cast(), self.len) }
    }
}

impl std::ops::DerefMut for AlignedVec {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.len) }
    }
}

impl std::fmt::Debug for AlignedVec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// `n` elements by `lanes` draws, tile-major.
#[derive(Clone, Debug)]
pub struct Lanes {
    n: usize,
    lanes: usize,
    data: AlignedVec,
}

impl Lanes {
    /// Zeros for `n` elements and `lanes` draws.
    pub fn zeros(n: usize, lanes: usize) -> Self {
        Lanes { n, lanes, data: AlignedVec::zeroed(n * lanes.div_ceil(LANES) * LANES) }
    }

    /// Elements per lane.
    #[inline]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Draws held (padding not counted).
    #[inline]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Tiles of eight lanes.
    #[inline]
    pub fn tiles(&self) -> usize {
        self.lanes.div_ceil(LANES)
    }

    #[inline]
    fn at(&self, i: usize, lane: usize) -> usize {
        debug_assert!(i < self.n && lane < self.lanes);
        (lane / LANES) * self.n * LANES + i * LANES + lane % LANES
    }

    #[inline]
    pub fn get(&self, i: usize, lane: usize) -> f64 {
        self.data[self.at(i, lane)]
    }

    #[inline]
    pub fn set(&mut self, i: usize, lane: usize, x: f64) {
        let k = self.at(i, lane);
        self.data[k] = x;
    }

    /// One lane's `n` elements.
    pub fn lane(&self, lane: usize) -> Vec<f64> {
        (0..self.n).map(|i| self.get(i, lane)).collect()
    }

    /// Overwrites one lane; `x` has `n` elements.
    pub fn set_lane(&mut self, lane: usize, x: &[f64]) {
        assert_eq!(x.len(), self.n, "a lane has {} elements", self.n);
        for (i, &v) in x.iter().enumerate() {
            self.set(i, lane, v);
        }
    }

    /// Copies the last lane into the padding, so that padded lanes compute something harmless.
    pub fn pad(&mut self) {
        if self.lanes.is_multiple_of(LANES) {
            return;
        }
        let base = (self.tiles() - 1) * self.n * LANES;
        let last = (self.lanes - 1) % LANES;
        for i in 0..self.n {
            let row = base + i * LANES;
            let x = self.data[row + last];
            self.data[row + last + 1..row + LANES].fill(x);
        }
    }

    /// Tile `t`: `[element][8]`, contiguous and 64-byte aligned.
    #[inline]
    pub fn tile(&self, t: usize) -> &[f64] {
        &self.data[t * self.n * LANES..(t + 1) * self.n * LANES]
    }

    #[inline]
    pub fn tile_mut(&mut self, t: usize) -> &mut [f64] {
        let n = self.n;
        &mut self.data[t * n * LANES..(t + 1) * n * LANES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_round_trip_and_pad() {
        let mut l = Lanes::zeros(3, 10);
        for lane in 0..10 {
            l.set_lane(lane, &[lane as f64, 1.0, -(lane as f64)]);
        }
        l.pad();
        assert_eq!(l.lane(9), [9.0, 1.0, -9.0]);
        assert_eq!(l.tile(1)[..8], [8.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]);
        assert_eq!(l.tile(1).as_ptr() as usize % 64, 0);
    }

    #[test]
    fn a_copied_tile_tells_which_lanes_are_finite() {
        let mut from = vec![1.5; 4 * LANES];
        from[LANES + 2] = f64::NAN;
        from[2 * LANES + 5] = f64::NEG_INFINITY;
        from[7] = f64::MAX;
        let mut to = vec![0.0; from.len()];
        let finite = copy_finite(&mut to, &from);
        assert_eq!(finite, [true, true, false, true, true, false, true, true]);
        assert!(to.iter().zip(&from).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}
