//! TEMPORARY stand-in for numerics::random.
pub struct Key(u64);
#[derive(Clone, Copy)]
pub struct Counter { pub row: u64, pub element: u64, pub draw: u64, pub step: u64, pub attempt: u64 }
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
    x ^ (x >> 31)
}
impl Key {
    pub fn new(seed: u64, purpose: &str, site: &str, group: &str) -> Key {
        let mut h = mix(seed);
        for s in [purpose, site, group] {
            for b in s.bytes() { h = mix(h ^ b as u64); }
            h = mix(h ^ 0x1234);
        }
        Key(h)
    }
    fn bits(&self, c: Counter, k: u64) -> u64 {
        mix(mix(mix(mix(mix(mix(self.0 ^ c.row) ^ c.element) ^ c.draw) ^ c.step) ^ c.attempt) ^ k)
    }
    pub fn uniform(&self, c: Counter) -> f64 { (self.bits(c, 0) >> 11) as f64 / (1u64 << 53) as f64 }
    pub fn normal(&self, c: Counter) -> f64 {
        let u = ((self.bits(c, 0) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let v = ((self.bits(c, 1) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}
