//! Every factor of the table against `uom`, which lists them independently.

use std::collections::BTreeSet;

use units::{Unit, list};
use uom::si::f64::*;
use uom::si::*;

/// uom has the seven digits of SP 811 for some units, the table all of the definition.
const SEVEN_DIGITS: f64 = 1e-6;
const ALL_DIGITS: f64 = 1e-14;
/// CODATA 2018 there, 2022 here.
const CODATA: f64 = 1e-8;

macro_rules! factors {
    ($($tolerance:ident $text:literal $quantity:ident $module:ident::$unit:ident,)*) => {
        [$(($text, $quantity::new::<$module::$unit>(1.0).value, $tolerance)),*]
    };
}

#[test]
fn every_factor_is_that_of_uom() {
    let factors = factors! {
        ALL_DIGITS "m" Length length::meter,
        ALL_DIGITS "g" Mass mass::gram,
        ALL_DIGITS "kg" Mass mass::kilogram,
        ALL_DIGITS "kilogram" Mass mass::kilogram,
        ALL_DIGITS "s" Time time::second,
        ALL_DIGITS "A" ElectricCurrent electric_current::ampere,
        ALL_DIGITS "K" TemperatureInterval temperature_interval::kelvin,
        ALL_DIGITS "mol" AmountOfSubstance amount_of_substance::mole,
        ALL_DIGITS "cd" LuminousIntensity luminous_intensity::candela,
        ALL_DIGITS "rad" Angle angle::radian,
        ALL_DIGITS "sr" SolidAngle solid_angle::steradian,
        ALL_DIGITS "Hz" Frequency frequency::hertz,
        ALL_DIGITS "N" Force force::newton,
        ALL_DIGITS "Pa" Pressure pressure::pascal,
        ALL_DIGITS "J" Energy energy::joule,
        ALL_DIGITS "W" Power power::watt,
        ALL_DIGITS "C" ElectricCharge electric_charge::coulomb,
        ALL_DIGITS "V" ElectricPotential electric_potential::volt,
        ALL_DIGITS "F" Capacitance capacitance::farad,
        ALL_DIGITS "ohm" ElectricalResistance electrical_resistance::ohm,
        ALL_DIGITS "S" ElectricalConductance electrical_conductance::siemens,
        ALL_DIGITS "Wb" MagneticFlux magnetic_flux::weber,
        ALL_DIGITS "T" MagneticFluxDensity magnetic_flux_density::tesla,
        ALL_DIGITS "H" Inductance inductance::henry,
        ALL_DIGITS "Bq" Radioactivity radioactivity::becquerel,
        ALL_DIGITS "Gy" AvailableEnergy available_energy::joule_per_kilogram,
        ALL_DIGITS "Sv" AvailableEnergy available_energy::joule_per_kilogram,
        ALL_DIGITS "kat" CatalyticActivity catalytic_activity::katal,
        ALL_DIGITS "min" Time time::minute,
        ALL_DIGITS "h" Time time::hour,
        ALL_DIGITS "d" Time time::day,
        ALL_DIGITS "L" Volume volume::liter,
        ALL_DIGITS "cc" Volume volume::cubic_centimeter,
        ALL_DIGITS "ha" Area area::hectare,
        ALL_DIGITS "angstrom" Length length::angstrom,
        ALL_DIGITS "in" Length length::inch,
        ALL_DIGITS "ft" Length length::foot,
        ALL_DIGITS "yd" Length length::yard,
        ALL_DIGITS "mi" Length length::mile,
        ALL_DIGITS "nmi" Length length::nautical_mile,
        ALL_DIGITS "t" Mass mass::ton,
        CODATA "Da" Mass mass::dalton,
        ALL_DIGITS "mcg" Mass mass::microgram,
        SEVEN_DIGITS "lb" Mass mass::pound,
        SEVEN_DIGITS "oz" Mass mass::ounce,
        ALL_DIGITS "mph" Velocity velocity::mile_per_hour,
        ALL_DIGITS "kn" Velocity velocity::knot,
        ALL_DIGITS "deg" Angle angle::degree,
        ALL_DIGITS "arcmin" Angle angle::minute,
        ALL_DIGITS "arcsec" Angle angle::second,
        ALL_DIGITS "rev" Angle angle::revolution,
        ALL_DIGITS "rpm" AngularVelocity angular_velocity::revolution_per_minute,
        ALL_DIGITS "dyn" Force force::dyne,
        SEVEN_DIGITS "lbf" Force force::pound_force,
        ALL_DIGITS "bar" Pressure pressure::bar,
        ALL_DIGITS "atm" Pressure pressure::atmosphere,
        SEVEN_DIGITS "mmHg" Pressure pressure::millimeter_of_mercury,
        ALL_DIGITS "cmH2O" Pressure pressure::centimeter_of_water,
        SEVEN_DIGITS "Torr" Pressure pressure::torr,
        SEVEN_DIGITS "psi" Pressure pressure::psi,
        ALL_DIGITS "P" DynamicViscosity dynamic_viscosity::poise,
        ALL_DIGITS "eV" Energy energy::electronvolt,
        ALL_DIGITS "cal" Energy energy::calorie,
        ALL_DIGITS "erg" Energy energy::erg,
        ALL_DIGITS "Wh" Energy energy::watt_hour,
        ALL_DIGITS "Ah" ElectricCharge electric_charge::ampere_hour,
        ALL_DIGITS "Ci" Radioactivity radioactivity::curie,
        ALL_DIGITS "M" MolarConcentration molar_concentration::mole_per_liter,
        ALL_DIGITS "U" CatalyticActivity catalytic_activity::enzyme_unit,
        ALL_DIGITS "molecule/s" CatalyticActivity catalytic_activity::particle_per_second,
        ALL_DIGITS "%" Ratio ratio::percent,
        ALL_DIGITS "permil" Ratio ratio::per_mille,
        ALL_DIGITS "ppm" Ratio ratio::part_per_million,
        ALL_DIGITS "ppb" Ratio ratio::part_per_billion,
    };
    let mut wrong = Vec::new();
    for (text, expected, tolerance) in factors {
        let found = Unit::parse(text).unwrap().to_si();
        if (found / expected - 1.0).abs() > tolerance {
            wrong.push(format!("{text}: {found}, uom has {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // What uom cannot tell of: conventions of our own, what is counted, and light, whose steradian it
    // leaves out.
    let told: BTreeSet<&str> = factors.iter().map(|f| f.0.trim_end_matches("/s")).collect();
    let untold: Vec<&str> = list()
        .filter(|unit| unit.source != "ours" && !told.contains(unit.names[0]))
        .map(|unit| unit.names[0])
        .collect();
    assert_eq!(untold, ["lm", "lx"]);
}

#[test]
fn our_conventions_are_what_they_say() {
    let si = |text| Unit::parse(text).unwrap().to_si();
    assert_eq!(si("week"), 604_800.0);
    assert_eq!(si("yr"), 31_557_600.0);
    assert_eq!(si("yr"), 12.0 * si("month"));
    assert!((si("acre") / 4_046.856_422_4 - 1.0).abs() < 1e-15);
    assert!((si("bpm") - 1.0 / 60.0).abs() < 1e-17);
    assert!(Unit::parse("cpm").unwrap().same_unit(&Unit::parse("counts/min").unwrap()));
}
