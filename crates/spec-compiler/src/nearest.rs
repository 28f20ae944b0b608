//! The valid names nearest to a wrong one, for "did you mean".

use std::path::Path;

/// Names this long or longer are not compared: a mistake is answered, not searched for.
const MAX_CHARS: usize = 64;
/// At most this many suggestions.
const MAX_SHOWN: usize = 3;

/// At most three of `candidates` that `wrong` may have been meant to be, the nearest first.
///
/// Near means: equal but for case, `_`, `-`, `.` and blanks; the same words in another order
/// (`sd_log`, `log_sd`); one the abbreviation or extension of the other (at least three letters);
/// or within one edit per three characters, an exchange of neighbours counting as one (optimal
/// string alignment distance, Damerau 1964). Equal candidates are shown once; ties keep the order
/// of `candidates`.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if wrong.len() > 4 * MAX_CHARS {
        return Vec::new();
    }
    let folded = fold(wrong);
    let mut near: Vec<(usize, &str)> = Vec::new();
    if folded.is_empty() || folded.len() > MAX_CHARS {
        return Vec::new();
    }
    for candidate in candidates {
        if near.iter().any(|&(_, known)| known == candidate) {
            continue;
        }
        if let Some(distance) = distance(wrong, &folded, candidate) {
            near.push((distance, candidate));
        }
    }
    near.sort_by_key(|&(distance, _)| distance);
    // The same word in another spelling is what was meant.
    if near.first().is_some_and(|&(distance, _)| distance == 0) {
        near.retain(|&(distance, _)| distance == 0);
    }
    near.truncate(MAX_SHOWN);
    near.into_iter().map(|(_, name)| name).collect()
}

/// For a file that is not there: one of its folder with nearly its name, as a question.
pub fn file(path: &Path) -> Option<String> {
    file_as_written(path, "")
}

/// The same, with the folder that the spec names before it.
pub fn file_as_written(path: &Path, written: &str) -> Option<String> {
    if path.exists() {
        return None;
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.is_dir().then(|| match file_near(path) {
        Some(near) => format!("did you mean `{}`?", Path::new(written).with_file_name(near).display()),
        None => "paths are relative to the folder of the file that names them".into(),
    })
}

/// The name in a file's folder that is nearest to its own.
pub fn file_near(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    let near = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str));
    near.first().map(|name| name.to_string())
}

/// A rank from 0, or nothing where the names are not near.
fn distance(wrong: &str, folded: &[char], candidate: &str) -> Option<usize> {
    let other = fold(candidate);
    if other.is_empty() || other.len() > MAX_CHARS {
        return None;
    }
    if other == folded {
        return Some(0);
    }
    if words(wrong) == words(candidate) {
        return Some(1);
    }
    let edits = edit_distance(folded, &other);
    let longest = folded.len().max(other.len());
    // A two-letter name one edit away is near (`Kn`, `Km`), one with no letter in common is not.
    if edits <= (longest / 3).max(1) && edits < longest {
        return Some(1 + edits);
    }
    let shortest = folded.len().min(other.len());
    let extends = folded.starts_with(&other) || other.starts_with(folded);
    (extends && shortest >= 3).then_some(1 + MAX_CHARS)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().filter(|c| !is_separator(*c)).flat_map(char::to_lowercase).collect()
}

fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> =
        name.split(is_separator).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.sort();
    words
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.') || c.is_whitespace()
}

fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, candidates: &str, expected: &str) {
        let near = nearest(wrong, candidates.split(' '));
        assert_eq!(near.join(" "), expected, "{wrong} among {candidates}");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        check("Kn", "Km vmax sigma", "Km");
        check("vamx", "km vmax sigma", "vmax");
        check("halfnormal", "half_normal normal half_cauchy", "half_normal");
        check("HalfNormal", "half_normal normal", "half_normal");
        check("Normal", "lognormal normal half_normal", "normal");
        check("sd_log", "log_mean log_sd", "log_sd");
        check("bern", "bernoulli beta", "bernoulli");
        check("lognorml", "normal lognormal", "lognormal");
        check("latents", "let latent data", "latent");
        check("x", "y km", "");
        check("ab", "xy", "");
        check("temperature", "km vmax", "");
        check("", "a b", "");
        check("mu1", "mu2 mu3 mu4 mu5 mu2", "mu2 mu3 mu4");
    }
}
