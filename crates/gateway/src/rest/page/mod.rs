//! The reference page: the `OpenAPI` document as one HTML page, rendered here, that needs no script and nothing from
//! elsewhere.

mod html;
mod schema;

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::openapi::{BASE, DOCUMENT};
use html::{Html, slug};

const STYLE: &str = include_str!("style.css");

/// The page loads nothing and runs nothing, whatever gets into it. It bears its icon in itself, an empty one: otherwise
/// browsers ask for one that is not there, and complain that they may not.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Made once.
pub(super) static PAGE: LazyLock<String> = LazyLock::new(|| page(&DOCUMENT));

/// An operation, and where it is.
struct Place<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

impl Place<'_> {
    fn id(&self) -> String {
        slug(self.operation["operationId"].as_str().unwrap_or_default())
    }
}

fn page(document: &Value) -> String {
    let headings = headings(document);
    let title = document["info"]["title"].as_str().unwrap_or_default();
    let version = document["info"]["version"].as_str().unwrap_or_default();
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.tag("title", "", |html| html.text(&format!("{title} REST {version}")));
    html.raw("<link rel=\"icon\" href=\"data:,\">");
    html.tag("style", "", |html| html.raw(STYLE));
    html.raw("</head><body>");
    html.tag("nav", "", |html| {
        html.tag("a", "class=\"brand\" href=\"#top\"", |html| {
            html.text(title);
            html.tag("small", "", |html| html.text(&format!("REST {version}")));
        });
        for (heading, places) in &headings {
            nav_heading(html, &slug(heading), heading);
            html.tag("ul", "", |html| places.iter().for_each(|place| nav_entry(html, place)));
        }
        nav_heading(html, "refusals", "When it is not done");
        nav_heading(html, "types", "Types");
    });
    html.tag("main", "id=\"top\"", |html| {
        html.tag("h1", "", |html| html.text(&format!("{title} REST")));
        html.prose(document["info"]["description"].as_str().unwrap_or_default());
        html.tag("p", "class=\"facts\"", |html| {
            html.raw("All paths are under <code>");
            html.text(BASE);
            html.raw("</code>. The same as a document for tools: <a href=\"openapi.json\">openapi.json</a>.");
        });
        for (heading, places) in &headings {
            html.tag("h2", &format!("id=\"{}\"", slug(heading)), |html| html.text(heading));
            for place in places {
                operation(html, document, place);
            }
        }
        refusals(html, document);
        schema::all(html, document);
    });
    html.raw("</body></html>\n");
    html.into_string()
}

/// The operations under their headings, in the order of the document.
fn headings(document: &Value) -> Vec<(&str, Vec<Place<'_>>)> {
    const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
    let mut order: Vec<&str> = Vec::new();
    let mut under: BTreeMap<&str, Vec<Place<'_>>> = BTreeMap::new();
    for endpoint in &*super::ENDPOINTS {
        if !order.contains(&endpoint.tag) {
            order.push(endpoint.tag);
        }
        let method = METHODS.into_iter().find(|method| endpoint.method.as_str().eq_ignore_ascii_case(method));
        if let Some(method) = method {
            let operation = &document["paths"][endpoint.path][method];
            under.entry(endpoint.tag).or_default().push(Place { method, path: endpoint.path, operation });
        }
    }
    order.into_iter().map(|tag| (tag, under.remove(tag).unwrap_or_default())).collect()
}

fn nav_heading(html: &mut Html, id: &str, heading: &str) {
    html.tag("h2", "", |html| html.tag("a", &format!("href=\"#{id}\""), |html| html.text(heading)));
}

fn nav_entry(html: &mut Html, place: &Place<'_>) {
    html.tag("li", "", |html| {
        html.tag("a", &format!("href=\"#{}\"", place.id()), |html| {
            method_badge(html, place.method);
            html.tag("span", "", |html| {
                for (place, part) in place.path.split('/').enumerate() {
                    // Where it is too long for its line it is broken before a slash.
                    html.raw(if place > 0 { "<wbr>/" } else { "" });
                    html.text(part);
                }
            });
        });
    });
}

fn method_badge(html: &mut Html, method: &str) {
    html.tag("b", &format!("class=\"method {method}\""), |html| html.text(&method.to_uppercase()));
}

fn operation(html: &mut Html, document: &Value, place: &Place<'_>) {
    let operation = place.operation;
    html.tag("section", &format!("id=\"{}\"", place.id()), |html| {
        html.tag("h3", "", |html| {
            method_badge(html, place.method);
            html.tag("code", "class=\"path\"", |html| html.text(place.path));
            let scope = operation["security"][0]["api_key"][0].as_str().unwrap_or_default();
            html.tag("span", "class=\"scope\" title=\"The scope that the key needs\"", |html| {
                html.text(scope);
            });
        });
        html.prose(operation["summary"].as_str().unwrap_or_default());
        html.prose(operation["description"].as_str().unwrap_or_default());
        parameters(html, operation);
        body(html, document, place);
        responses(html, operation);
    });
}

fn parameters(html: &mut Html, operation: &Value) {
    let Some(parameters) = operation["parameters"].as_array().filter(|parameters| !parameters.is_empty())
    else {
        return;
    };
    html.tag("h4", "", |html| html.text("Parameters"));
    html.tag("table", "", |html| {
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let description = parameter["description"].as_str().unwrap_or_default();
            let required = parameter["required"] == true;
            schema::row(
                html,
                name,
                required,
                &parameter["schema"],
                &format!("In the {place}. {description}"),
            );
        }
    });
}

fn body(html: &mut Html, document: &Value, place: &Place<'_>) {
    let content = &place.operation["requestBody"]["content"]["application/json"];
    if content.is_null() {
        return;
    }
    html.tag("h4", "", |html| {
        html.text("Body: ");
        schema::kind(html, &content["schema"]);
    });
    html.tag("div", "class=\"body\"", |html| {
        html.tag("div", "", |html| schema::fields(html, schema::resolved(document, &content["schema"])));
        html.tag("details", "open", |html| {
            html.tag("summary", "", |html| html.text("Example"));
            html.tag("pre", "", |html| html.json(&content["example"], 0));
        });
    });
}

fn responses(html: &mut Html, operation: &Value) {
    html.tag("h4", "", |html| html.text("Answers"));
    html.tag("p", "class=\"answers\"", |html| {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let (class, schema) = (&status[..1], &response["content"]["application/json"]["schema"]);
            html.tag("span", &format!("class=\"answer of-{class}\""), |html| {
                html.tag("b", "", |html| html.text(status));
                if let Some(reference) = response["$ref"].as_str() {
                    let name = reference.rsplit('/').next().unwrap_or_default();
                    html.tag("a", &format!("href=\"#status-{}\"", slug(name)), |html| html.text(name));
                } else {
                    schema::kind(html, schema);
                }
            });
        }
    });
}

fn refusals(html: &mut Html, document: &Value) {
    html.tag("h2", "id=\"refusals\"", |html| html.text("When it is not done"));
    html.tag("p", "", |html| {
        html.raw("Whatever the status, the body is an <a href=\"#type-errorbody\">ErrorBody</a>. Decide by <code>error.data.type</code>, never by the sentence.");
    });
    html.tag("table", "", |html| {
        let mut seen = BTreeMap::new();
        for operation in document["paths"].as_object().into_iter().flatten().flat_map(|(_, methods)| {
            methods.as_object().into_iter().flatten().map(|(_, operation)| operation)
        }) {
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                if let Some(reference) = response["$ref"].as_str() {
                    seen.insert(status.as_str(), reference);
                }
            }
        }
        for (status, reference) in seen {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let description =
                document["components"]["responses"][name]["description"].as_str().unwrap_or_default();
            html.tag("tr", &format!("id=\"status-{}\"", slug(name)), |html| {
                html.tag("td", "class=\"name\"", |html| {
                    html.tag("b", "", |html| html.text(status));
                    html.text(&format!(" {name}"));
                });
                html.tag("td", "", |html| html.inline(description));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_operation_and_every_type_and_loads_nothing() {
        let page = &*PAGE;
        for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
            assert!(page.contains(path.as_str()), "{path}");
            for operation in methods.as_object().unwrap().values() {
                let id = slug(operation["operationId"].as_str().unwrap());
                assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
            }
        }
        for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("id=\"type-{}\"", slug(name))), "{name}");
        }
        for foreign in ["<script", "src=", "http://", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        for link in PAGE.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(PAGE.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }
}
