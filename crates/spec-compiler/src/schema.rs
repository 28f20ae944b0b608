//! The language as a JSON Schema, for editors: keys, words and shapes with their descriptions.
//!
//! Made of [`crate::words`], so that it has what this version understands and nothing else. It says
//! less than the compiler: names, dimensions and formulas are texts to it.

use serde_json::{Map, Value, json};

use crate::words::meaning::{Shape, meaning};
use crate::words::{Block, SPEC, Status};

/// The schema, draft 2020-12. It uses `type`, `enum`, `anyOf`, `properties`, `additionalProperties`,
/// `required`, `items`, `minItems`, `uniqueItems` and `minimum`, with annotations.
pub fn schema() -> Value {
    let mut root = block(&SPEC, "A model of Pathwise: its data, its random variables, its equations.");
    // A file that others include need not name a model.
    root.remove("required");
    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("Pathwise model"));
    Value::Object(root)
}

fn block(block: &'static Block, doc: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    for word in block.understood() {
        let (inside, doc) = meaning(block, word).map_or((Shape::Any, ""), |m| (m.shape, m.doc));
        let mut value = of(inside);
        // A section whose entries are all commented out is empty.
        if std::ptr::eq(block, &SPEC) && inside.mapping().is_some() {
            value["type"] = json!(["object", "null"]);
        }
        let doc = if doc.is_empty() { doc.to_string() } else { described(inside, doc) };
        value["description"] = json!(doc);
        properties.insert(word.into(), value);
    }
    let required: Vec<&str> =
        block.words.iter().filter(|word| word.status == Status::Required).map(|word| word.word).collect();
    let mut out = Map::new();
    out.insert("description".into(), json!(doc));
    out.insert("type".into(), json!("object"));
    out.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        out.insert("required".into(), json!(required));
    }
    out.insert("additionalProperties".into(), json!(false));
    out
}

/// With the distributions, where there may be any.
fn described(shape: Shape, doc: &str) -> String {
    let laws = match shape {
        Shape::Law => true,
        Shape::Entries(Shape::Either(shapes)) => shapes.iter().any(|shape| matches!(shape, Shape::Law)),
        _ => false,
    };
    if !laws {
        return doc.to_string();
    }
    let forms: Vec<String> = distributions::signatures().into_iter().map(|law| law.signature).collect();
    format!("{doc}\n\n{}", forms.join("\n"))
}

fn of(shape: Shape) -> Value {
    // YAML reads a name such as `12` or `true` as what it is not.
    let scalar = json!({"type": ["string", "number", "boolean"]});
    let list = |items: Value| json!({"type": "array", "items": items, "minItems": 1, "uniqueItems": true});
    match shape {
        Shape::Text => scalar,
        Shape::Name => json!({"type": ["string", "boolean"]}),
        Shape::Texts => list(scalar),
        Shape::Names => list(json!({"type": ["string", "boolean"]})),
        Shape::Number => json!({"type": ["number", "string"]}),
        Shape::Whole(least) => json!({"type": ["integer", "string"], "minimum": least}),
        Shape::Exactly(n) => json!({"enum": [n, n.to_string()]}),
        Shape::Expression => json!({"type": ["string", "number", "boolean", "array"]}),
        Shape::Law => json!({"type": "string"}),
        Shape::Choice(words) => json!({"enum": words()}),
        Shape::Block(inner) => Value::Object(block(inner, inner.name)),
        Shape::Entries(inside) => json!({"type": "object", "additionalProperties": of(*inside)}),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(|&shape| of(shape)).collect::<Vec<_>>()}),
        Shape::Any => json!({}),
    }
}
