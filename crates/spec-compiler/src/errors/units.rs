//! Mistakes of units: names that are none, and equations whose sides do not agree.

use units::check::CheckError;
use units::{Base, ConversionError, Problem, Unit, Vocabulary};

use super::{alternatives_of, mistake, shown};
use crate::diagnostic::{Diagnostic, Label};
use crate::source::Span;

/// What is wrong with the text of a unit, or with the name that one declares.
pub fn unit(span: Span, problem: &Problem) -> Diagnostic {
    let code = match problem {
        Problem::Unknown { name, near } => {
            let d = mistake("unknown_unit", span, format!("unknown unit `{}`", shown(name)));
            let own = match Vocabulary::new([name]) {
                Ok(_) => format!("what is counted and has no unit here is declared: `units: [{name}]`"),
                Err(_) => "`crates/units/units.md` lists all units".into(),
            };
            return match near.is_empty() {
                true => d.help(own),
                false => d.help(format!("did you mean {}? Else {own}", alternatives_of(near))),
            };
        }
        Problem::Refused { name, reason } => {
            let message = format!("`{}` is no unit that equations can be checked with", shown(name));
            return mistake("refused_unit", span, message).help(*reason);
        }
        Problem::Taken { .. } | Problem::BadName { .. } => "unit_name",
        _ => "unit_form",
    };
    mistake(code, span, problem.to_string())
}

/// A part of an equation, for a message.
pub struct Side {
    pub span: Span,
    pub unit: Unit,
    /// As written.
    pub text: String,
    /// What it is made of: names with their units, where it is more than a name.
    pub parts: Vec<(String, String)>,
    /// Where its unit comes from, and what is said there.
    pub source: Option<(Span, String)>,
}

impl Side {
    /// `in mg/h: dose is in mg, ke in 1/h`
    fn label(&self) -> String {
        let unit = said(&self.unit);
        let parts: Vec<String> =
            self.parts.iter().map(|(name, unit)| format!("`{name}` in {unit}")).collect();
        match &parts[..] {
            [] => unit,
            parts => format!("{unit}, from {}", parts.join(", ")),
        }
    }

    fn at(&self, d: Diagnostic) -> Diagnostic {
        self.from(d.also(self.span, self.label()))
    }

    /// With the place that its unit comes from.
    fn from(&self, d: Diagnostic) -> Diagnostic {
        match &self.source {
            Some((span, text)) => {
                let has = |label: &Label| label.span == *span;
                let known = *span == self.span || has(&d.primary) || d.secondary.iter().any(has);
                if known { d } else { d.also(*span, text.clone()) }
            }
            None => d,
        }
    }
}

/// `in mM`, `a plain number`
fn said(unit: &Unit) -> String {
    if unit.is_one() { "a plain number".into() } else { format!("in {unit}") }
}

/// A unit as the second argument of `convert`: in quotes where it is no expression.
fn argument(unit: &Unit) -> String {
    let text = unit.to_string();
    // `a/b*c` and the like, and signs that are no operators, are no expressions that mean the same.
    let plain = text.chars().all(|c| c.is_alphanumeric() || "_/^().".contains(c));
    if plain { text } else { format!("'{text}'") }
}

/// Why `found` is not in `wanted`, in the words of a message.
fn why(wanted: &Unit, found: &Unit) -> String {
    if wanted.same_dimensions(found) {
        "they measure the same, in units of different size".into()
    } else {
        format!("one is {}, the other {}", measure(wanted), measure(found))
    }
}

fn measure(unit: &Unit) -> String {
    if unit.is_dimensionless() { "a plain number".into() } else { unit.dimensions().to_string() }
}

/// Both kelvin and degrees Celsius are left, which do not cancel.
fn mixes_temperatures(unit: &Unit) -> bool {
    let has = |wanted: &Base| unit.dimensions().powers().any(|(base, _)| base == wanted);
    has(&Base::Temperature) && has(&Base::Celsius)
}

const CELSIUS: &str = "kelvin and degrees Celsius do not cancel; a temperature `t` in degC is \
                       `(t / convert(1, degC) + 273.15) * convert(1, K)` in K";

/// What to write so that `found` is in `wanted`.
fn remedy(wanted: &Unit, found: &Side) -> Option<String> {
    let text = shown(&found.text);
    if mixes_temperatures(&wanted.over(&found.unit)) {
        return Some(CELSIUS.into());
    }
    if wanted.same_dimensions(&found.unit) {
        return Some(format!("write `convert({text}, {})`", argument(wanted)));
    }
    if found.unit.is_one() {
        let text = in_product(&found.text);
        return Some(format!(
            "a plain number times a unit has that unit: `{text} * convert(1, {})`",
            argument(wanted)
        ));
    }
    None
}

/// The same where that is more than a conversion: what `found` would have to be multiplied with.
fn remedy_or_factor(wanted: &Unit, found: &Side) -> String {
    remedy(wanted, found).unwrap_or_else(|| {
        let factor = wanted.over(&found.unit).to_string();
        let divisor = found.unit.over(wanted).to_string();
        match divisor.len() <= factor.len() {
            true => format!("divided by something in `{divisor}` it would be"),
            false => format!("multiplied by something in `{factor}` it would be"),
        }
    })
}

fn code(wanted: &Unit, found: &Unit) -> &'static str {
    if wanted.same_dimensions(found) { "unit_scale" } else { "unit_mismatch" }
}

/// Two that are added, compared and so on; `doing` says which.
pub fn units_disagree(doing: &str, left: &Side, right: &Side) -> Diagnostic {
    let (a, b) = (&left.unit, &right.unit);
    let names = |unit: &Unit| if unit.is_one() { "a plain number".into() } else { format!("`{unit}`") };
    let message = format!("{} and {} {doing}: {}", names(a), names(b), why(a, b));
    let d = left.at(right.from(mistake(code(a, b), right.span, message).label(right.label())));
    let help = match (a.is_one(), b.is_one()) {
        _ if a.same_dimensions(b) || mixes_temperatures(&a.over(b)) => remedy(a, right),
        (true, _) => Some(plain_or_not(left, right)),
        (_, true) => Some(plain_or_not(right, left)),
        _ => None,
    };
    match help {
        Some(help) => d.help(help),
        None => d,
    }
}

/// A plain number beside a quantity.
fn plain_or_not(plain: &Side, quantity: &Side) -> String {
    let unit = argument(&quantity.unit);
    let (number, quantity) = (in_product(&plain.text), in_product(&quantity.text));
    format!("write `{quantity} / convert(1, {unit})` for a plain number, or `{number} * convert(1, {unit})`")
}

/// As a factor of a product.
fn in_product(text: &str) -> String {
    if text.contains(' ') { format!("({})", shown(text)) } else { shown(text) }
}

/// A bare number beside a percentage or degrees.
pub fn bare_number(span: Span, beside: &Side) -> Diagnostic {
    let unit = &beside.unit;
    let message = format!("a bare number beside `{unit}` is read in two ways");
    beside.at(mistake("bare_number", span, message).label(format!("in `{unit}`, or plain?"))).help(format!(
        "write `convert(x, {})` for the number in it, or convert the other side to a plain number: \
         `convert({}, 1)`",
        argument(unit),
        shown(&beside.text)
    ))
}

/// `what`, such as `log` or an argument of a law, takes plain numbers.
pub fn plain_wanted(what: &str, found: &Side) -> Diagnostic {
    let d = mistake(
        "unit_not_plain",
        found.span,
        format!("{what} takes a plain number, this is in `{}`", found.unit),
    );
    let (text, unit) = (shown(&found.text), argument(&found.unit));
    found.from(d.label(found.label())).help(match found.unit.is_dimensionless() {
        true => format!("write `convert({text}, 1)`"),
        false if mixes_temperatures(&found.unit) => CELSIUS.into(),
        false => {
            let text = in_product(&found.text);
            let ratio = match what.starts_with("`log") {
                true => " (the logarithm of a ratio, `log(a / b)`, needs none)",
                false => "",
            };
            format!("divide by a reference, such as one of its unit: `{text} / convert(1, {unit})`{ratio}")
        }
    })
}

/// A parameter is the logarithm of a number, as `log_mean` of `lognormal`.
pub fn log_wanted((parameter, law): (&str, &str), found: &Side) -> Diagnostic {
    let message = format!("`{parameter}` of `{law}` is a logarithm, this is in `{}`", found.unit);
    let d = mistake("unit_not_plain", found.span, message).label(found.label());
    let (text, unit) = (shown(&found.text), argument(&found.unit));
    found.from(d).help(format!(
        "write `log({text})`; elsewhere a logarithm is of a plain number, `log({text} / convert(1, {unit}))`"
    ))
}

/// A power of a quantity that has no unit.
pub fn power(span: Span, base: &Side, error: &CheckError) -> Diagnostic {
    let message = match error {
        CheckError::VaryingPower { unit } => {
            format!("`{unit}` to a power that is no constant has no unit")
        }
        other => other.to_string(),
    };
    let text = in_product(&base.text);
    base.at(mistake("unit_power", span, message))
        .help(format!("divide by a reference first: `({text} / convert(1, {}))^n`", argument(&base.unit)))
}

/// `convert(found, to)` has no factor.
pub fn conversion(span: Span, found: &Side, error: &ConversionError) -> Diagnostic {
    let (from, to) = match error {
        ConversionError::Dimensions { from, to }
        | ConversionError::Offset { from, to }
        | ConversionError::Range { from, to } => (from, to),
    };
    let message = format!("`{from}` does not convert to `{to}`: {error}");
    let d = found.at(mistake("unit_conversion", span, message));
    match error {
        ConversionError::Offset { .. } => d.help(format!(
            "a reading becomes a plain number, is shifted, and gets its unit: \
             `({} / convert(1, {}) + 273.15) * convert(1, {})` from degC to K; differences and slopes \
             need no shift",
            shown(&found.text),
            argument(from),
            argument(to)
        )),
        _ => d,
    }
}

/// `convert` of what carries no unit.
pub fn nothing_to_convert(span: Span, text: &str, to: &Unit) -> Diagnostic {
    let message = format!("`{}` has no unit, from which it would be converted to `{to}`", shown(text));
    mistake("nothing_to_convert", span, message)
        .help("give one: `{prior: ..., unit: ...}` of a latent, `units: {column: ...}` of a table")
}

/// What `name` is said to be in, and what its value is in.
///
/// `said_at` is the place that says so, and how.
pub fn declared_unit(name: &str, unit: &Unit, said_at: (Span, String), found: &Side) -> Diagnostic {
    let (at, how) = said_at;
    let message =
        format!("`{name}` is {}, but this is {}: {}", said(unit), said(&found.unit), why(unit, &found.unit));
    let d = mistake(code(unit, &found.unit), found.span, message).label(found.label());
    found.from(d.also(at, how)).help(remedy_or_factor(unit, found))
}

/// The unit of a rate is not that of its state by time.
pub fn rate_unit(found: &Side, state: &Side, time: &Side, wanted: &Unit) -> Diagnostic {
    let message = format!(
        "a state in `{}` changes in `{wanted}` where the time is in `{}`, but this rate is {}: {}",
        state.unit,
        time.unit,
        said(&found.unit),
        why(wanted, &found.unit)
    );
    let d = mistake(code(wanted, &found.unit), found.span, message).label(found.label());
    let d = state.from(found.from(d));
    let d = if time.source.is_some() { time.from(d) } else { time.at(d) };
    d.help(remedy_or_factor(wanted, found))
}

/// A parameter of the law of `name`.
pub fn parameter_unit(
    parameter: &str,
    found: &Side,
    (name, at, unit): (&str, Span, &Unit),
    wanted: &Unit,
) -> Diagnostic {
    let as_it = match wanted.same_unit(unit) {
        true => format!("as `{name}` is"),
        false => format!("where `{name}` is in `{unit}`"),
    };
    let message = format!(
        "{parameter} must be in `{wanted}`, {as_it}, but this is {}: {}",
        said(&found.unit),
        why(wanted, &found.unit)
    );
    let d = mistake(code(wanted, &found.unit), found.span, message).label(found.label());
    let d = found.from(d.also(at, format!("`{name}` is in {unit}")));
    d.help(remedy_or_factor(wanted, found))
}

/// A law of plain numbers, or of counts, of what is in another unit.
pub fn law_unit(span: Span, law: &str, (name, at): (&str, Span), error: &CheckError) -> Diagnostic {
    let (what, unit, help) = match error {
        CheckError::NotCount { unit } => (
            "counts",
            unit,
            "a count is in `1`, `counts`, `cells` or a unit of `units: [fish]`; what is counted in a time or \
             a volume is a mean of that rate times the time or volume",
        ),
        CheckError::NotPlain { unit } | CheckError::NotDimensionless { unit } => (
            "plain numbers",
            unit,
            "leave its unit away; of a column, observe a `let`: `share: convert(x, 1)`",
        ),
        other => return mistake("law_unit", span, other.to_string()),
    };
    mistake("law_unit", span, format!("`{law}` is a law of {what}, but `{name}` is in `{unit}`"))
        .also(at, format!("`{name}` is in {unit}"))
        .help(help)
}

/// A column and the stack that it belongs to have different units.
pub fn stack_unit(
    column: &str,
    (span, own): (Span, &Unit),
    stack: &str,
    (at, of): (Span, &Unit),
) -> Diagnostic {
    let message = format!("the column `{column}` is in `{own}`, but its stack `{stack}` in `{of}`");
    mistake("stack_unit", span, message).also(at, format!("all columns of `{stack}` are in {of}"))
}

/// A term of the log density.
pub fn factor_unit(found: &Side) -> Diagnostic {
    plain_wanted("a log density", found)
}
