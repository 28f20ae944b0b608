//! Columns by pattern: `x*`, sorted as people count.

/// `x*` against `x12`: `*` is any run of characters.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return pattern == name;
    }
    if name.len() < first.len() + last.len() || !name.starts_with(first) || !name.ends_with(last) {
        return false;
    }
    let mut rest = &name[first.len()..name.len() - last.len()];
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// A sort key with runs of digits as numbers: `x2` before `x10`.
pub fn natural(name: &str) -> Vec<(u64, String)> {
    let mut out: Vec<(u64, String)> = Vec::new();
    let mut chars = name.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_ascii_digit()) {
            word.push(c);
        }
        let mut digits = String::new();
        while let Some(c) = chars.next_if(char::is_ascii_digit) {
            digits.push(c);
        }
        let number = digits.parse().unwrap_or(u64::MAX);
        if !word.is_empty() {
            out.push((0, word));
        }
        if !digits.is_empty() {
            out.push((number.saturating_add(1), String::new()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_and_sort_naturally() {
        assert!(
            glob_matches("x*", "x12") && glob_matches("*_mg", "dose_mg") && glob_matches("a*b*c", "aXbYc")
        );
        assert!(!glob_matches("x*", "y1") && !glob_matches("ab*ba", "aba"));
        let mut names = vec!["x10", "x2", "x1"];
        names.sort_by_key(|n| natural(n));
        assert_eq!(names, ["x1", "x2", "x10"]);
    }
}
