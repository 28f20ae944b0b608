//! The sections `data:` and `dims:`.

use super::read::{Fields, Reader};
use units::Unit;

use crate::ast::{Dim, DimSize, Missing, RowDim, Spanned, Stack, StackColumns, Table};
use crate::errors;
use crate::expr::Ident;
use crate::words;
use crate::yaml::{Entry, Node};

pub(super) fn tables(reader: &mut Reader, node: Option<&Node>) -> Vec<Table> {
    let expected = "a mapping of tables, `name: {file: data.csv, rows: i}`";
    let entries = reader.entries(node, "`data:`", expected);
    entries.iter().filter_map(|entry| table(reader, entry)).collect()
}

fn table(reader: &mut Reader, entry: &Entry) -> Option<Table> {
    let name = reader.key(&entry.key, "a table");
    if let Node::Scalar(scalar) = &entry.value
        && !scalar.is_null()
    {
        reader.report(errors::table_expected(scalar.span, &entry.key.text, &scalar.text));
        return None;
    }
    let slot = format!("the table `{}`", entry.key.text);
    let fields = reader.fields(&entry.value, &slot, &words::TABLE, entry.key.span)?;
    let file = fields.get("file").and_then(|node| reader.path(node, "`file:`"));
    let rows = name.as_ref().and_then(|name| row_dim(reader, &fields, name));
    let index = index(reader, fields.get("index"));
    let levels = levels(reader, fields.get("levels"));
    let columns = columns(reader, fields.get("columns"));
    let stack = stacks(reader, fields.get("stack"));
    let missing = missing(reader, fields.get("missing"));
    let ordered_by = fields.get("ordered_by").and_then(|node| reader.name(node, "`ordered_by:`"));
    let units = units(reader, fields.get("units"));
    Some(Table {
        name: name?,
        file: file?,
        rows: rows?,
        index,
        levels,
        columns,
        stack,
        missing,
        ordered_by,
        units,
        span: entry.key.span.to(entry.value.span()),
    })
}

fn row_dim(reader: &mut Reader, fields: &Fields, table: &Ident) -> Option<RowDim> {
    match (fields.get("rows"), fields.get("key")) {
        (Some(rows), None) => reader.name(rows, "`rows:`").map(RowDim::Rows),
        (None, Some(key)) => reader.name(key, "`key:`").map(RowDim::Key),
        (None, None) if !(fields.lacks("rows") && fields.lacks("key")) => None,
        (None, None) => {
            reader.report(errors::row_dimension_missing(table));
            None
        }
        (Some(_), Some(_)) => {
            let place = |word| fields.key_span(word).unwrap_or(table.span);
            reader.report(errors::rows_and_key(place("key"), place("rows")));
            None
        }
    }
}

/// `index: {home_team: team, away_team: team}`
fn index(reader: &mut Reader, node: Option<&Node>) -> Vec<(Ident, Ident)> {
    let entries = reader.entries(node, "`index:`", "a mapping `column: dimension`");
    let pairs = entries.iter().filter_map(|Entry { key, value }| {
        let column = reader.key(key, "a column of `index:`");
        let dim = reader.name(value, "a dimension of `index:`");
        Some((column?, dim?))
    });
    pairs.collect()
}

/// `levels: {state: [calm, drive]}`
fn levels(reader: &mut Reader, node: Option<&Node>) -> Vec<(Ident, Vec<Spanned<String>>)> {
    let entries = reader.entries(node, "`levels:`", "a mapping `dimension: [level, level]`");
    let pairs = entries.iter().filter_map(|Entry { key, value }| {
        let dim = reader.key(key, "a dimension of `levels:`");
        let levels = reader.labels(value, &format!("`levels:` of `{}`", key.text));
        Some((dim?, levels?))
    });
    pairs.collect()
}

/// `columns: {age: "Age (yrs)"}`
fn columns(reader: &mut Reader, node: Option<&Node>) -> Vec<(Ident, Spanned<String>)> {
    let expected = "a mapping `name: \"column in the file\"`";
    let entries = reader.entries(node, "`columns:`", expected);
    let pairs = entries.iter().filter_map(|Entry { key, value }| {
        let name = reader.key(key, "a column");
        let column = reader.text(value, &format!("the column `{}`", key.text));
        Some((name?, column?))
    });
    pairs.collect()
}

fn stacks(reader: &mut Reader, node: Option<&Node>) -> Vec<Stack> {
    let expected = "a mapping `name: {columns: \"x*\", dim: feature}`";
    let entries = reader.entries(node, "`stack:`", expected);
    let stacks = entries.iter().filter_map(|Entry { key, value }| {
        let name = reader.key(key, "a stack");
        let slot = format!("the stack `{}`", key.text);
        let fields = reader.fields(value, &slot, &words::STACK, key.span)?;
        let columns = fields.get("columns").and_then(|node| match node {
            Node::Seq(_) => reader.labels(node, "`columns:`").map(StackColumns::List),
            node => reader.text(node, "`columns:`").map(StackColumns::Glob),
        });
        let dim = fields.get("dim").and_then(|node| reader.name(node, "`dim:`"));
        Some(Stack { name: name?, columns: columns?, dim: dim? })
    });
    stacks.collect()
}

/// `missing: {outcome: drop, age: impute}`
fn missing(reader: &mut Reader, node: Option<&Node>) -> Vec<(Ident, Spanned<Missing>)> {
    let entries = reader.entries(node, "`missing:`", "a mapping `column: drop | impute`");
    let pairs = entries.iter().filter_map(|Entry { key, value }| {
        let column = reader.key(key, "a column of `missing:`");
        let treatment = reader.choice::<Missing>(value);
        Some((column?, treatment?))
    });
    pairs.collect()
}

/// `units: {time: min, product: mM}`
fn units(reader: &mut Reader, node: Option<&Node>) -> Vec<(Ident, Spanned<Unit>)> {
    let entries = reader.entries(node, "`units:`", "a mapping `column: unit`");
    let pairs = entries.iter().filter_map(|Entry { key, value }| {
        let column = reader.key(key, "a column of `units:`");
        let unit = reader.unit(value, &format!("the column `{}`", key.text));
        Some((column?, unit?))
    });
    pairs.collect()
}

pub(super) fn dims(reader: &mut Reader, node: Option<&Node>) -> Vec<Dim> {
    let expected = "a mapping `name: size` or `name: [label, label]`";
    let entries = reader.entries(node, "`dims:`", expected);
    let dims = entries.iter().filter_map(|Entry { key, value }| {
        let name = reader.key(key, "a dimension");
        let size = match value {
            Node::Seq(_) => {
                let slot = format!("the dimension `{}`", key.text);
                reader.labels(value, &slot).map(DimSize::Labels)
            }
            node => reader.whole(node, &key.text, 1..=u64::MAX).map(DimSize::Size),
        };
        Some(Dim { name: name?, size: size? })
    });
    dims.collect()
}
