//! Schemas as tables of fields, with links to the types that they name.

use serde_json::Value;

use super::html::{Html, slug};

/// Every named type.
pub(super) fn all(html: &mut Html, document: &Value) {
    html.tag("h2", "id=\"types\"", |html| html.text("Types"));
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        html.tag("section", &format!("class=\"type\" id=\"type-{}\"", slug(name)), |html| {
            html.tag("h3", "", |html| html.tag("code", "", |html| html.text(name)));
            html.prose(schema["description"].as_str().unwrap_or_default());
            if schema["properties"].is_object() {
                fields(html, schema);
            } else if values(schema).is_empty() {
                html.tag("p", "class=\"kind\"", |html| kind(html, schema));
            } else {
                html.tag("table", "", |html| {
                    for value in values(schema) {
                        value_row(html, &value);
                    }
                });
            }
        });
    }
}

/// The schema itself, without references.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// The fields of an object.
pub(super) fn fields(html: &mut Html, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required = schema["required"].as_array();
    html.tag("table", "", |html| {
        for (name, property) in properties {
            let required = required.is_some_and(|names| names.iter().any(|one| one == name));
            row(html, name, required, property, property["description"].as_str().unwrap_or_default());
        }
    });
}

/// One field or parameter.
pub(super) fn row(html: &mut Html, name: &str, required: bool, schema: &Value, description: &str) {
    html.tag("tr", "", |html| {
        html.tag("td", "class=\"name\"", |html| {
            html.tag("code", "", |html| html.text(name));
            if required {
                html.raw(" <em title=\"must be there\">*</em>");
            }
        });
        html.tag("td", "class=\"kind\"", |html| kind(html, schema));
        html.tag("td", "", |html| html.inline(description));
    });
}

/// What a value may be, in a few words.
pub(super) fn kind(html: &mut Html, schema: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return html.tag("a", &format!("href=\"#type-{}\"", slug(name)), |html| html.text(name));
    }
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[alternatives].as_array() {
            let alternatives = alternatives.iter().filter(|alternative| alternative["type"] != "null");
            for (place, alternative) in alternatives.enumerate() {
                html.raw(if place > 0 { " or " } else { "" });
                kind(html, alternative);
            }
            return;
        }
    }
    if schema["items"].is_object() {
        html.text("list of ");
        return kind(html, &schema["items"]);
    }
    let word = match &schema["type"] {
        Value::String(word) => word.as_str(),
        Value::Array(words) => {
            words.iter().find_map(|word| word.as_str().filter(|word| *word != "null")).unwrap_or("any")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any",
    };
    html.text(word);
    bounds(html, schema);
}

fn bounds(html: &mut Html, schema: &Value) {
    // Where a type ends is no rule of the shop's: nothing is said of it.
    let number = |name: &str| schema[name].as_i64().filter(|number| *number != i64::from(u32::MAX));
    let said = match (number("minimum"), number("maximum"), number("maxLength")) {
        (Some(least), Some(most), _) => format!(" {least} to {most}"),
        (Some(least), None, _) if least > 0 => format!(" from {least}"),
        (_, Some(most), _) => format!(" up to {most}"),
        (_, None, Some(most)) => format!(", at most {most}"),
        (_, None, None) => String::new(),
    };
    html.text(&said);
    if let Some(pattern) = schema["pattern"].as_str() {
        html.raw(" ");
        html.tag("code", "", |html| html.text(pattern));
    }
}

/// One value of an enumeration.
struct OneOf<'a> {
    value: &'a str,
    description: &'a str,
}

/// The values of an enumeration: each described, or only listed.
fn values(schema: &Value) -> Vec<OneOf<'_>> {
    let described = schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| {
        Some(OneOf {
            value: one["const"].as_str()?,
            description: one["description"].as_str().unwrap_or_default(),
        })
    });
    let listed = schema["enum"].as_array().into_iter().flatten();
    described
        .chain(listed.filter_map(|value| Some(OneOf { value: value.as_str()?, description: "" })))
        .collect()
}

fn value_row(html: &mut Html, OneOf { value, description }: &OneOf<'_>) {
    html.tag("tr", "", |html| {
        html.tag("td", "class=\"name\"", |html| html.tag("code", "", |html| html.text(value)));
        html.tag("td", "", |html| html.inline(description));
    });
}
