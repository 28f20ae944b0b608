//! Every distribution of the language has its units.

use units::laws;

/// What the `distributions` crate can do, by the snapshot that its own tests keep.
const SIGNATURES: &str = include_str!("../../distributions/tests/signatures.txt");

#[test]
fn every_parameter_of_every_distribution_has_a_unit() {
    let mut seen = 0;
    for line in SIGNATURES.lines().filter(|line| !line.starts_with(' ')) {
        let (name, parameters) = line.trim_end_matches(')').split_once('(').expect(line);
        let law = laws::of(name).unwrap_or_else(|| panic!("{name}: a row in LAWS of src/laws.rs"));
        for parameter in parameters.split([',', '|']) {
            let parameter = parameter.trim().trim_end_matches('=');
            assert!(law.parameter(parameter).is_some(), "{name}: {parameter} has no unit in src/laws.rs");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
