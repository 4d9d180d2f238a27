//! HTML put together piece by piece; whatever is no mark-up is escaped.

use serde_json::Value;

/// A page as far as it has come.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Mark-up of our own.
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                c => self.0.push(c),
            }
        }
    }

    /// An element; `attributes` are mark-up of our own.
    pub(super) fn tag(&mut self, name: &str, attributes: &str, inside: impl FnOnce(&mut Self)) {
        let space = if attributes.is_empty() { "" } else { " " };
        self.raw(&format!("<{name}{space}{attributes}>"));
        inside(self);
        self.raw(&format!("</{name}>"));
    }

    /// A sentence, in which what stands between backticks is code.
    pub(super) fn inline(&mut self, text: &str) {
        for (place, part) in text.split('`').enumerate() {
            if place % 2 == 0 {
                self.text(part);
            } else {
                self.tag("code", "", |html| html.text(part));
            }
        }
    }

    /// Paragraphs.
    pub(super) fn prose(&mut self, text: &str) {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            self.tag("p", "", |html| html.inline(paragraph.trim()));
        }
    }

    /// A JSON document, indented; short objects and lists stay on their line.
    pub(super) fn json(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(fields) if !is_short(value) => {
                self.raw("{");
                for (place, (name, value)) in fields.iter().enumerate() {
                    self.next_line(place, depth + 1);
                    self.field(name, value, depth + 1);
                }
                self.last_line("}", depth);
            }
            Value::Array(items) if !is_short(value) => {
                self.raw("[");
                for (place, item) in items.iter().enumerate() {
                    self.next_line(place, depth + 1);
                    self.json(item, depth + 1);
                }
                self.last_line("]", depth);
            }
            Value::Object(fields) => {
                self.raw("{ ");
                for (place, (name, value)) in fields.iter().enumerate() {
                    self.raw(if place > 0 { ", " } else { "" });
                    self.field(name, value, depth);
                }
                self.raw(" }");
            }
            Value::Array(items) => {
                self.raw("[");
                for (place, item) in items.iter().enumerate() {
                    self.raw(if place > 0 { ", " } else { "" });
                    self.json(item, depth);
                }
                self.raw("]");
            }
            Value::String(_) => self.tag("i", "", |html| html.text(&value.to_string())),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.text(&value.to_string()),
        }
    }

    fn field(&mut self, name: &str, value: &Value, depth: usize) {
        self.tag("u", "", |html| html.text(&format!("\"{name}\"")));
        self.raw(": ");
        self.json(value, depth);
    }

    fn next_line(&mut self, place: usize, depth: usize) {
        self.raw(if place > 0 { ",\n" } else { "\n" });
        self.raw(&"  ".repeat(depth));
    }

    fn last_line(&mut self, end: &str, depth: usize) {
        self.raw("\n");
        self.raw(&"  ".repeat(depth));
        self.raw(end);
    }
}

fn is_short(value: &Value) -> bool {
    value.to_string().len() <= 64
}

/// A name as part of an address within the page.
pub(super) fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_mark_up_is_escaped() {
        let mut html = Html::default();
        html.prose("a < `b<c>`\n\n\"&\"");
        html.json(&json!({ "<": ["</pre>"] }), 0);
        assert_eq!(
            html.into_string(),
            "<p>a &lt; <code>b&lt;c&gt;</code></p><p>&quot;&amp;&quot;</p>\
             { <u>&quot;&lt;&quot;</u>: [<i>&quot;&lt;/pre&gt;&quot;</i>] }"
        );
    }
}
