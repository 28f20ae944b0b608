//! Text in, text out: what units are read as, and what is refused.

use units::{Problem, Unit, Vocabulary};

/// The canonical text, the dimensions and the factor to the SI.
#[track_caller]
fn check(text: &str, expected: &str) {
    let unit = Unit::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(
        format!("{} | {} | {}", unit.canonical(), unit.dimensions(), unit.to_si()),
        expected,
        "{text}"
    );
    assert_eq!(unit.to_string(), text.trim(), "the user's own writing");
    let again = Unit::parse(&unit.canonical()).unwrap_or_else(|e| panic!("{}: {e}", unit.canonical()));
    assert!(again.same_unit(&unit), "{text}: what is printed can be read");
}

#[track_caller]
fn refuse(text: &str, expected: &str) {
    let error = Unit::parse(text).expect_err(text);
    assert_eq!(format!("{:?}: {error}", &text[error.at.clone()]), expected, "{text}");
}

#[test]
fn units_of_the_fields_are_read() {
    check("mM/min", "mM/min | amount / (length^3 time) | 0.016666666666666666");
    check("ug/mL", "ug/mL | mass / length^3 | 0.001");
    check("\u{b5}g/ml", "\u{b5}g/ml | mass / length^3 | 0.001");
    check("counts/min^2", "counts/min^2 | counts / time^2 | 0.0002777777777777778");
    check("1/s", "1/s | 1 / time | 1");
    check("%", "% | dimensionless | 0.01");
    check("kg m^2/s^2", "kg m^2/s^2 | mass length^2 / time^2 | 1");
    check("kg.m2.s-2", "kg m^2/s^2 | mass length^2 / time^2 | 1");
    check("kg*m**2*s^-2", "kg m^2/s^2 | mass length^2 / time^2 | 1");
    check("kg\u{b7}m\u{b2}\u{b7}s\u{207b}\u{b2}", "kg m^2/s^2 | mass length^2 / time^2 | 1");
    check("mg m-2 d-1", "mg/(m^2 d) | mass / (length^2 time) | 0.000000000011574074074074074");
    check("umol/min/mg", "umol/(min mg) | amount / (mass time) | 0.016666666666666666");
    check("U/(mg)", "U/mg | amount / (mass time) | 0.016666666666666666");
    check(
        "mL/min/(1.73 m^2)",
        "0.5780346820809248 mL/(min m^2) | length / time | 0.000000009633911368015413",
    );
    check("10^6/mL", "10^6/mL | 1 / length^3 | 1000000000000");
    check("1e6 cells", "10^6 cells | cells | 1000000");
    check("10mM", "10 mM | amount / length^3 | 10");
    check("2.5 (m/s)", "2.5 m/s | length / time | 2.5");
    check("V/Hz^0.5", "V/Hz^0.5 | mass length^2 / (current time^2.5) | 1");
    check("m^(1/3)", "m^(1/3) | length^(1/3) | 1");
    check("((m)/(s))", "m/s | length / time | 1");
    check("cmH2O", "cmH2O | mass / (length time^2) | 98.0665");
    check("1/\u{b0}C", "1/\u{b0}C | 1 / degrees Celsius | 1");
    check("k\u{3a9}", "k\u{3a9} | mass length^2 / (current^2 time^3) | 1000");
    check("IU/L", "IU/L | international units / length^3 | 1000");
    check("1", "1 | dimensionless | 1");
    check("eV", "eV | mass length^2 / time^2 | 0.00000000000000000016021766340000001");
    check("1eV", "eV | mass length^2 / time^2 | 0.00000000000000000016021766340000001");
    check("kDa", "kDa | mass | 0.00000000000000000000000166053906892");
    check(" mM ", "mM | amount / length^3 | 1");
}

#[test]
fn whole_names_come_before_prefixes() {
    for (text, meaning) in [
        ("min", "60 s"),
        ("ft", "0.3048 m"),
        ("Pa", "N/m^2"),
        ("cd", "candela"),
        ("h", "3600 s"),
        ("Gy", "J/kg"),
        ("dam", "10 m"),
        ("dm", "0.1 m"),
        ("mol", "mole"),
        ("mmol", "0.001 mole"),
        ("Mm", "1e6 m"),
        ("mM", "mmol/L"),
        ("nM", "nmol/L"),
        ("nmi", "1852 m"),
        ("Tm", "1e12 m"),
        ("kyr", "1000 yr"),
        ("cal", "4.184 J"),
        ("das", "10 s"),
    ] {
        assert!(Unit::parse(text).unwrap().same_unit(&Unit::parse(meaning).unwrap()), "{text} is {meaning}");
    }
}

#[test]
fn mistakes_are_placed_and_explained() {
    refuse("mM/mn", "\"mn\": `mn` is no unit that is known: `mN`, `MN`, `min`?");
    refuse("MM/MIN", "\"MIN\": `MIN` is no unit that is known: `min`, `MN`, `MIU`?");
    refuse("hous", "\"hous\": `hous` is no unit that is known: `hour`, `hours`?");
    refuse("parsec", "\"parsec\": `parsec` is no unit that is known");
    refuse("", "\"\": there is no unit here");
    refuse("m/", "\"\": `the end` is unexpected; a unit, a number or `(` is expected here");
    refuse("/min", "\"/\": `/` is unexpected; a unit, a number or `(` is expected here");
    refuse("m^", "\"\": `the end` is unexpected; a power is expected here");
    refuse("m)", "\")\": `)` is unexpected; an operator or the end is expected here");
    refuse("(m", "\"(\": the parenthesis is not closed");
    refuse("0 m", "\"0\": `0` is no factor: a positive number that a computer can hold");
    let divided = "a product after a division is read in two ways: write a/(b c), or a c/b";
    refuse("mg/L*min", &format!("\"*min\": {divided}"));
    refuse("1/min mg", &format!("\"mg\": {divided}"));
    refuse("m/s(kg)", &format!("\"(kg)\": {divided}"));
    assert!(matches!(refuse_only("m^3.14159"), Problem::Power { .. }));
    assert!(matches!(refuse_only("m^1000"), Problem::Power { .. }));
    assert!(matches!(refuse_only("(m^50)^3"), Problem::Power { .. }));
    assert!(matches!(refuse_only("m^(1/0)"), Problem::Power { text } if text == "(1/0)"));
    assert!(matches!(refuse_only("1e999 m"), Problem::Factor { .. }));
    assert!(matches!(refuse_only(&"(".repeat(1000)), Problem::TooDeep));
    for name in ["dB", "pH", "gal", "ton", "ppt", "mEq"] {
        assert!(matches!(refuse_only(&format!("{name}/s")), Problem::Refused { .. }), "{name}");
    }
}

fn refuse_only(text: &str) -> Problem {
    Unit::parse(text).expect_err(text).what
}

#[test]
fn declared_names_are_dimensions_of_their_own() {
    let lake = Vocabulary::new(["fish", "boats", "fish"]).unwrap();
    let unit = lake.parse("fish/(boats d)").unwrap();
    assert_eq!(unit.dimensions().to_string(), "fish / (time boats)");
    assert!(!lake.parse("fish").unwrap().same_dimensions(&lake.parse("boats").unwrap()));
    assert!(lake.parse("fish").unwrap().is_count());
    let near = |text| match lake.parse(text).unwrap_err().what {
        Problem::Unknown { near, .. } => near,
        other => panic!("{other}"),
    };
    assert_eq!(near("Fish"), ["fish"]);
    assert_eq!(near("boat"), ["boats"]);

    let wrong = |name: &str| Vocabulary::new([name]).unwrap_err().what;
    assert!(matches!(wrong("min"), Problem::Taken { .. }));
    assert!(matches!(wrong("mM"), Problem::Taken { .. }));
    assert!(matches!(wrong("dB"), Problem::Taken { .. }));
    assert!(matches!(wrong("2x"), Problem::BadName { .. }));
    assert!(matches!(wrong("a b"), Problem::BadName { .. }));
    assert!(matches!(wrong(""), Problem::BadName { .. }));
}
