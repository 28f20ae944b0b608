//! Equally weighted draws from weighted ones.

/// Systematic resampling: `count` indices, ascending, index `i` as often as its share of the weight
/// asks, give or take one. `offset` in [0, 1) is the only randomness; the same input gives the same
/// indices.
///
/// `weights` are non-negative with a positive sum; the result is empty where they are not.
pub fn systematic(weights: &[f64], count: usize, offset: f64) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    if !(total > 0.0 && total.is_finite()) {
        return Vec::new();
    }
    let step = total / count as f64;
    let mut indices = Vec::with_capacity(count);
    let mut sum = 0.0;
    let mut heaviest = 0;
    for (i, weight) in weights.iter().enumerate() {
        sum += weight;
        if *weight > weights[heaviest] {
            heaviest = i;
        }
        while indices.len() < count && step * (indices.len() as f64 + offset) < sum {
            indices.push(i);
        }
    }
    // rounding may leave the last place open
    indices.resize(count, heaviest);
    indices.sort_unstable();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_comes_as_often_as_its_weight_says() {
        let weights = [0.5, 0.0, 2.0, 1.25, 0.25];
        for offset in [0.0, 0.3, 0.999] {
            let indices = systematic(&weights, 40, offset);
            assert_eq!(indices.len(), 40);
            for (i, w) in weights.iter().enumerate() {
                let seen = indices.iter().filter(|&&j| j == i).count() as f64;
                assert!((seen - 10.0 * w).abs() <= 1.0, "{i}: {seen}");
            }
            assert!(!indices.contains(&1), "weight zero is never drawn");
        }
        // fewer than there are, equal weights: no index twice
        let mut indices = systematic(&[1.0; 100], 37, 0.5);
        indices.dedup();
        assert_eq!(indices.len(), 37);
        assert!(systematic(&[0.0; 3], 5, 0.5).is_empty());
    }
}
