//! The models of `fit new`. One more is `templates/KIND.yaml`, its table `templates/KIND.csv`, and a
//! line here; a test fits each.

/// A spec with the table that it reads, both called by its kind.
pub struct Template {
    pub kind: &'static str,
    /// A line for the list.
    pub about: &'static str,
    pub spec: &'static str,
    pub table: &'static str,
}

macro_rules! template {
    ($kind:literal, $about:literal) => {
        Template {
            kind: $kind,
            about: $about,
            spec: include_str!(concat!("../templates/", $kind, ".yaml")),
            table: include_str!(concat!("../templates/", $kind, ".csv")),
        }
    };
}

pub const TEMPLATES: &[Template] = &[
    template!("regression", "a number explained by other columns, with a few wild points"),
    template!("logistic", "yes or no, explained by several columns side by side"),
    template!("poisson", "counts over different exposures"),
    template!("hierarchy", "groups that borrow strength from each other"),
    template!("ode", "measurements of a system that follows differential equations"),
    template!("mixture", "a number from one of two groups, not known which"),
    template!("timeseries", "a level that drifts, a season, and a column that explains"),
    template!("gp", "a smooth curve through noisy points, without a formula"),
];

/// Kinds whose features a later version brings.
pub const LATER: &[&str] = &["survival", "causal", "control"];
