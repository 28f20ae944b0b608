//! The reference page names everything there is.

#[test]
fn every_function_and_distribution_is_in_the_reference() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec-language.md");
    let text = std::fs::read_to_string(page).unwrap();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let names = spec_compiler::check::functions::names();
    let all = names.into_iter().chain(distributions::signatures().into_iter().map(|s| s.name));
    let missing: Vec<&str> = all.filter(|n| !words.contains(n)).collect();
    assert!(missing.is_empty(), "docs/spec-language.md lacks {missing:?}");
}

#[test]
fn a_name_is_of_this_version_or_of_a_later_one() {
    use spec_compiler::check::functions::{LATER, LATER_LAWS, names};
    let laws = distributions::signatures().into_iter().map(|s| s.name);
    let both: Vec<&str> =
        names().into_iter().chain(laws).filter(|n| LATER.contains(n) || LATER_LAWS.contains(n)).collect();
    assert!(both.is_empty(), "still in a list of later names: {both:?}");
}
