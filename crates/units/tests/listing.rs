//! `units.md` lists what the table has.

use std::fmt::Write;
use std::{env, fs};

use units::{list, refused};

#[test]
fn the_list_of_units_is_that_of_the_table() {
    let mut text = String::from(
        "# Units\n\nNames, symbol first; `src/table.rs` says what the sources are. With prefixes: quecto to quetta before \
         the symbol, or\nthousands alone, kilo to tera.\n\n| names | means | prefixes | source |\n|---|---|---|---|\n",
    );
    for unit in list() {
        let names = unit.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let means =
            unit.definition.map_or_else(|| "a dimension of its own".to_owned(), |text| format!("`{text}`"));
        let prefixes = match (unit.takes_prefix("u"), unit.takes_prefix("k")) {
            (true, _) => "all",
            (false, true) => "thousands",
            (false, false) => "",
        };
        writeln!(text, "| {names} | {means} | {prefixes} | {} |", unit.source).unwrap();
    }
    text.push_str("\nRefused:\n\n");
    for (name, reason) in refused() {
        writeln!(text, "- `{name}`: {reason}.").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/units.md");
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), text, "refresh with UPDATE_SNAPSHOTS=1");
}
