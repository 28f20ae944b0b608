//! Further places to look for modes: points made of those known. Of one mode there are images, by the symmetries that
//! models have. Once there are two, what differs between two modes is
//! taken from the other part by part, for modes of parts that hardly know of each other come in all combinations;
//! and labels change places, for a model that does not tell them apart has a mode for each order of them.

use std::collections::{BTreeMap, BTreeSet};

/// A relative difference that is none.
const SAME: f64 = 1e-3;
/// Elements of a site, beyond which its labels are no components, and differences are not taken one by one.
const FEW: usize = 12;
/// Places along dimensions that may have signs of their own.
const PLACES: usize = 32;

/// Points made of `modes`, which have the coordinates `names`: those that exchange labels, then those that mix two modes.
pub fn of_several<'a>(modes: &'a [&'a [f64]], names: &[String]) -> impl Iterator<Item = Vec<f64>> + 'a {
    let parts = Parts::of(names);
    let exchanges = parts.exchanges();
    let exchanged = modes
        .iter()
        .flat_map(move |mode| exchanges.iter().map(|pairs| exchanged(mode, pairs)).collect::<Vec<_>>());
    let pairs = (0..modes.len()).flat_map(|k| (0..k).map(move |j| (k, j)));
    let mixed = pairs.flat_map(move |(k, j)| {
        let (a, b) = (modes[k], modes[j]);
        parts.differing(a, b).into_iter().flat_map(move |part| {
            [(a, b), (b, a)].map(|(from, to)| {
                let mut point = to.to_vec();
                part.iter().for_each(|&i| point[i] = from[i]);
                point
            })
        })
    });
    exchanged.chain(mixed)
}

/// Where the density may be what it is at `mode`, for reasons that many models have: points as far away from other modes
/// or between the two, points of another sign in some coordinates, and with labels exchanged.
pub fn of_one<'a>(
    mode: &'a [f64],
    others: &'a [Vec<f64>],
    names: &[String],
) -> impl Iterator<Item = Vec<f64>> + 'a {
    let parts = Parts::of(names);
    let (signs, exchanges) = (parts.together(), parts.exchanges());
    let in_line = others.iter().flat_map(move |other| {
        [(2.0, -1.0), (-1.0, 2.0), (0.5, 0.5)]
            .map(|(own, of_other)| mode.iter().zip(other).map(|(a, b)| own * a + of_other * b).collect())
    });
    let all = std::iter::once((0..mode.len()).collect());
    let turned = all.chain(signs).map(|set: Vec<usize>| {
        let mut point = mode.to_vec();
        set.iter().for_each(|&i| point[i] = -point[i]);
        point
    });
    in_line.chain(turned).chain(exchanges.into_iter().map(|pairs| exchanged(mode, &pairs)))
}

/// A point whose coordinates have changed places.
fn exchanged(point: &[f64], pairs: &[(usize, usize)]) -> Vec<f64> {
    let mut point = point.to_vec();
    pairs.iter().for_each(|&(i, k)| point.swap(i, k));
    point
}

/// Coordinates that belong together, by the names `site[label]`.
pub struct Parts {
    by_site: BTreeMap<String, BTreeMap<String, usize>>,
    by_label: BTreeMap<String, BTreeSet<usize>>,
}

impl Parts {
    pub fn of(names: &[String]) -> Parts {
        let (mut by_site, mut by_label) = (BTreeMap::new(), BTreeMap::new());
        for (i, name) in names.iter().enumerate() {
            let (site, label) = match name.split_once('[') {
                Some((site, label)) => (site, label),
                None => (name.as_str(), ""),
            };
            let of_site: &mut BTreeMap<String, usize> = by_site.entry(site.to_string()).or_default();
            of_site.insert(label.to_string(), i);
            if !label.is_empty() {
                let of_label: &mut BTreeSet<usize> = by_label.entry(label.to_string()).or_default();
                of_label.insert(i);
            }
        }
        Parts { by_site, by_label }
    }

    /// The coordinates of each site.
    pub fn sites(&self) -> Vec<Vec<usize>> {
        self.by_site.values().map(|s| s.values().copied().collect()).collect()
    }

    /// Sets of coordinates that may change their signs together: of a site, of one place along a dimension of
    /// some, of two sites.
    pub fn together(&self) -> Vec<Vec<usize>> {
        let sites = self.sites();
        // By the first or the last part of a label, whether it is one.
        let mut places: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
        for (label, coordinates) in &self.by_label {
            let label = label.trim_end_matches(']');
            let (first, last) = (label.split(',').next(), label.rsplit(',').next());
            for key in [first.map(|part| (true, part)), last.map(|part| (false, part))].into_iter().flatten()
            {
                places.entry(key).or_default().extend(coordinates);
            }
        }
        let mut places: Vec<Vec<usize>> = places.into_values().collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.len()));
        places.truncate(PLACES);
        let mut out: Vec<Vec<usize>> = sites.iter().cloned().chain(places).collect();
        for (k, a) in sites.iter().enumerate() {
            out.extend(sites[..k].iter().map(|b| [&a[..], &b[..]].concat()));
        }
        out
    }

    /// Some of what differs between two points: single coordinates, those of a site, those of a label.
    fn differing(&self, a: &[f64], b: &[f64]) -> BTreeSet<Vec<usize>> {
        let differ = |i: usize| (a[i] - b[i]).abs() > SAME * (1.0 + a[i].abs());
        let all: Vec<usize> = (0..a.len()).filter(|&i| differ(i)).collect();
        let singles = all.iter().filter(|_| all.len() <= FEW).map(|&i| vec![i]);
        let of = |set: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
            let mut set: Vec<usize> = set.filter(|&i| differ(i)).collect();
            set.sort_unstable();
            set
        };
        let sites = self.by_site.values().map(|site| of(&mut site.values().copied()));
        let labels = self.by_label.values().map(|label| of(&mut label.iter().copied()));
        let labels = labels.filter(|_| self.by_label.len() <= FEW);
        singles.chain(sites).chain(labels).filter(|part| !part.is_empty() && part.len() < all.len()).collect()
    }

    /// The pairs of coordinates that change places with two labels.
    fn exchanges(&self) -> Vec<Vec<(usize, usize)>> {
        let few = || self.by_site.values().filter(|site| (2..=FEW).contains(&site.len()));
        let labels: BTreeSet<&String> = few().flat_map(BTreeMap::keys).collect();
        let labels: Vec<&String> = labels.into_iter().collect();
        let mut out = Vec::new();
        for (k, a) in labels.iter().enumerate() {
            for b in &labels[k + 1..] {
                let both = |site: &BTreeMap<String, usize>| Some((*site.get(*a)?, *site.get(*b)?));
                let pairs: Vec<(usize, usize)> = few().filter_map(both).collect();
                if !pairs.is_empty() {
                    out.push(pairs);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_change_places_and_parts_are_mixed() {
        let names = ["s", "mu[1]", "mu[2]", "w[1]", "w[2]"].map(String::from);
        let a = [0.0, 1.0, 2.0, 3.0, 4.0];
        let alone: Vec<Vec<f64>> = of_several(&[&a], &names).collect();
        assert_eq!(alone, [[0.0, 2.0, 1.0, 4.0, 3.0]]);
        let b = [5.0, 1.0, 2.0, 3.0, 7.0];
        let both: Vec<Vec<f64>> = of_several(&[&a, &b], &names).collect();
        assert_eq!(both.len(), 2 + 4);
        assert!(
            both.contains(&vec![5.0, 1.0, 2.0, 3.0, 4.0]) && both.contains(&vec![0.0, 1.0, 2.0, 3.0, 7.0])
        );
    }
}
