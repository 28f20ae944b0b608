//! Laws of the algebra on random units, and a parser that never panics.

use units::{ConversionError, Exponent, Unit};

/// splitmix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A product of one to three powers of names of the table.
    fn unit(&mut self) -> Unit {
        let names: Vec<&str> = units::list().flat_map(|unit| unit.names).copied().collect();
        let mut unit = Unit::parse(self.of(&["1", "60", "1e6", "1.73"])).unwrap();
        for _ in 0..=self.below(3) {
            let power = Exponent::ratio(self.below(7) as i64 - 3, self.of(&[1, 1, 2, 3])).unwrap();
            unit = unit.times(&Unit::parse(self.of(&names)).unwrap().pow(power).unwrap());
        }
        unit
    }
}

#[test]
fn units_are_a_group_under_products() {
    let mut random = Random(1);
    for _ in 0..2000 {
        let (a, b, c) = (random.unit(), random.unit(), random.unit());
        assert!(a.times(&b).same_unit(&b.times(&a)), "{a}, {b}");
        assert!(a.times(&b).times(&c).same_unit(&a.times(&b.times(&c))), "{a}, {b}, {c}");
        assert!(a.over(&a).is_one() && a.times(&a.recip()).is_one(), "{a}");
        assert!(a.times(&b).over(&b).same_unit(&a), "{a}, {b}");
        let cube = Exponent::whole(3).unwrap();
        let third = Exponent::ratio(1, 3).unwrap();
        assert!(a.pow(cube).unwrap().same_unit(&a.times(&a).times(&a)), "{a}");
        let ab = a.times(&b).pow(Exponent::HALF).unwrap();
        assert!(
            ab.same_unit(&a.pow(Exponent::HALF).unwrap().times(&b.pow(Exponent::HALF).unwrap())),
            "{a}, {b}"
        );
        assert!(a.pow(cube).unwrap().pow(third).unwrap().same_unit(&a), "{a}");
    }
}

#[test]
fn what_is_printed_can_be_read() {
    let mut random = Random(2);
    for _ in 0..2000 {
        let unit = random.unit();
        let again = Unit::parse(&unit.to_string()).unwrap_or_else(|e| panic!("{unit}: {e}"));
        assert!(again.same_unit(&unit), "{unit} is read as {}", again.canonical());
    }
}

#[test]
fn factors_are_consistent() {
    let mut random = Random(3);
    for _ in 0..2000 {
        let unit = random.unit();
        let [a, b, c] = [(); 3].map(|()| {
            let scale = random.of(&["1000", "0.01", "60", "2.54", "1e-9", "rad", "%"]);
            unit.times(&Unit::parse(scale).unwrap())
        });
        let there = a.factor_to(&b).unwrap();
        assert!((there * b.factor_to(&a).unwrap() - 1.0).abs() < 1e-13, "{a}, {b}");
        assert!((there * b.factor_to(&c).unwrap() / a.factor_to(&c).unwrap() - 1.0).abs() < 1e-13);
        assert_eq!(a.same_unit(&b), (there - 1.0).abs() < 1e-12);
    }
}

#[test]
fn factors_are_exact_where_prefixes_are() {
    for (from, to, factor) in [
        ("mM", "uM", 1000.0),
        ("uM", "mM", 0.001),
        ("km/h", "m/s", 1000.0 / 3600.0),
        ("ng/mL", "ug/L", 1.0),
        ("mol/m^3", "mM", 1.0),
        ("d", "h", 24.0),
        ("%", "1", 0.01),
        ("cm^2", "m^2", 1e-4),
        ("um^3", "fL", 1.0),
        ("GHz", "1/ps", 1e-3),
    ] {
        let found = Unit::parse(from).unwrap().factor_to(&Unit::parse(to).unwrap()).unwrap();
        assert_eq!(found, factor, "{from} to {to}");
    }
}

#[test]
fn there_is_no_factor_between_different_things() {
    let factor = |from: &str, to: &str| Unit::parse(from).unwrap().factor_to(&Unit::parse(to).unwrap());
    assert!(matches!(factor("mM", "g/L"), Err(ConversionError::Dimensions { .. })));
    assert!(matches!(factor("degC", "K"), Err(ConversionError::Offset { .. })));
    assert!(matches!(factor("degF", "degC"), Err(ConversionError::Offset { .. })));
    assert!(matches!(factor("cells", "counts"), Err(ConversionError::Dimensions { .. })));
    assert!(matches!(factor("IU", "U"), Err(ConversionError::Dimensions { .. })));
    assert!(matches!(factor("(Qm^20)/(qm^20)", "1"), Err(ConversionError::Range { .. })));
}

#[test]
fn results_read_well() {
    let show = |f: fn(&Unit, &Unit) -> Unit, a: &str, b: &str| {
        f(&Unit::parse(a).unwrap(), &Unit::parse(b).unwrap()).to_string()
    };
    assert_eq!(show(Unit::times, "mM/min", "min"), "mM");
    assert_eq!(show(Unit::over, "mM", "mM"), "1");
    assert_eq!(show(Unit::over, "s", "sec"), "1");
    assert_eq!(show(Unit::over, "mM", "uM"), "mM/uM");
    assert_eq!(show(Unit::over, "U", "mg"), "U/mg");
    assert_eq!(show(Unit::over, "1", "min"), "1/min");
    assert_eq!(show(Unit::over, "umol/min", "mg"), "umol/(min mg)");
    assert_eq!(show(Unit::times, "1", "mol m-3"), "mol m-3");
}

#[test]
fn no_text_makes_the_parser_panic() {
    let parts = [
        "m",
        "mM",
        "min",
        "1",
        "1e6",
        "0.5",
        ".",
        "/",
        "*",
        " ",
        "^",
        "**",
        "-",
        "(",
        ")",
        "%",
        "\u{b5}",
        "\u{b0}C",
        "\u{b2}",
        "\u{207b}",
        "e",
        "E",
        "2",
        "zz",
        "_",
        "\u{3a9}",
        "99999999999999999999",
        "1e-300",
        "10^",
        "\u{1f41f}",
    ];
    let mut random = Random(4);
    let mut read = 0;
    for _ in 0..50_000 {
        let text: String = (0..=random.below(8)).map(|_| random.of(&parts)).collect();
        match Unit::parse(&text) {
            Ok(unit) => {
                read += 1;
                let _ = unit.canonical();
            }
            // The place is one in the text, between characters.
            Err(error) => assert!(text.get(error.at.clone()).is_some(), "{text:?}: {error:?}"),
        }
    }
    assert!(read > 1000, "{read}");
}
