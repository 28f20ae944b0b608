//! Philox4x64-10, a keyed bijection of 256 bits.

/// Multipliers and key increments (golden ratio, sqrt(3) - 1): Salmon et al., SC 2011, and Random123.
const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const INCREMENTS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

/// Ten rounds on a counter of four words under a key of two.
#[inline]
pub fn philox4x64(counter: [u64; 4], key: [u64; 2]) -> [u64; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for round in 0..10 {
        if round > 0 {
            k = k.wrapping_add(INCREMENTS[0]);
            l = l.wrapping_add(INCREMENTS[1]);
        }
        let p = u128::from(MULTIPLIERS[0]) * u128::from(a);
        let q = u128::from(MULTIPLIERS[1]) * u128::from(c);
        (a, b, c, d) = ((q >> 64) as u64 ^ b ^ k, q as u64, (p >> 64) as u64 ^ d ^ l, p as u64);
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14, tests/kat_vectors: philox4x64 10.
    #[test]
    fn known_answers_of_random123() {
        let ones = u64::MAX;
        let pi = [
            0x243f6a8885a308d3,
            0x13198a2e03707344,
            0xa4093822299f31d0,
            0x082efa98ec4e6c89,
            0x452821e638d01377,
            0xbe5466cf34e90c6c,
        ];
        for (counter, key, want) in [
            (
                [0; 4],
                [0; 2],
                [0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b],
            ),
            (
                [ones; 4],
                [ones; 2],
                [0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0],
            ),
            (
                [pi[0], pi[1], pi[2], pi[3]],
                [pi[4], pi[5]],
                [0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6],
            ),
        ] {
            assert_eq!(philox4x64(counter, key), want);
        }
    }
}
