//! Where the pages behind cards are: templates that the shop's operator sets, filled with ids.

use std::fmt::Write as _;

use deskwire_protocol::ids::{CouponId, OrderId, ProductId, ReturnId, ShopId};
use serde::Deserialize;

/// The longest template, in bytes.
const TEMPLATE_BYTES: usize = 256;

/// As configured: `https://…/{order_id}`, or a path of this server. `{shop_id}` may stand in each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTemplates {
    /// The order management page.
    pub order_management: String,
    /// The order detail page, by `{order_id}`.
    pub order_detail: String,
    /// The tracking page of an order, by `{order_id}`.
    pub tracking: String,
    /// The returns and refunds page of an order, by `{order_id}`; may have `{return_id}`, which is empty before a request.
    pub returns: String,
    /// The page on which a return or refund is asked for, by `{order_id}`.
    pub return_request: String,
    /// The product detail page, by `{product_id}`.
    pub product_detail: String,
    /// The page on which coupons are managed.
    pub coupon_management: String,
    /// The coupon detail page, by `{coupon_id}`.
    pub coupon_detail: String,
}

impl Default for LinkTemplates {
    /// Paths of this server.
    fn default() -> Self {
        Self {
            order_management: "/shops/{shop_id}/orders".into(),
            order_detail: "/shops/{shop_id}/orders/{order_id}".into(),
            tracking: "/shops/{shop_id}/orders/{order_id}/tracking".into(),
            returns: "/shops/{shop_id}/orders/{order_id}/returns".into(),
            return_request: "/shops/{shop_id}/orders/{order_id}/returns/new".into(),
            product_detail: "/shops/{shop_id}/products/{product_id}".into(),
            coupon_management: "/shops/{shop_id}/coupons".into(),
            coupon_detail: "/shops/{shop_id}/coupons/{coupon_id}".into(),
        }
    }
}

/// Why a template is none; continues the sentence "`links.…` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`links.{name}` {problem}")]
pub struct LinkError {
    /// Which: `order_detail`.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The templates, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    order_management: Template,
    order_detail: Template,
    tracking: Template,
    returns: Template,
    return_request: Template,
    product_detail: Template,
    coupon_management: Template,
    coupon_detail: Template,
}

impl Links {
    /// Checks the templates.
    pub fn new(templates: &LinkTemplates) -> Result<Self, LinkError> {
        let parse = |name, template: &str, needed: &str, also: &[&str]| {
            let needed = Some(needed).filter(|needed| !needed.is_empty());
            Template::parse(template, needed, also).map_err(|problem| LinkError { name, problem })
        };
        let LinkTemplates {
            order_management,
            order_detail,
            tracking,
            returns,
            return_request,
            product_detail,
            coupon_management,
            coupon_detail,
        } = templates;
        Ok(Self {
            order_management: parse("order_management", order_management, "", &[])?,
            coupon_management: parse("coupon_management", coupon_management, "", &[])?,
            order_detail: parse("order_detail", order_detail, "order_id", &[])?,
            tracking: parse("tracking", tracking, "order_id", &[])?,
            returns: parse("returns", returns, "order_id", &["return_id"])?,
            return_request: parse("return_request", return_request, "order_id", &[])?,
            product_detail: parse("product_detail", product_detail, "product_id", &[])?,
            coupon_detail: parse("coupon_detail", coupon_detail, "coupon_id", &[])?,
        })
    }

    /// The order management page.
    pub(crate) fn order_management(&self, shop: &ShopId) -> String {
        self.order_management.fill(&[("shop_id", shop.as_str())])
    }

    /// The page on which coupons are managed.
    pub(crate) fn coupon_management(&self, shop: &ShopId) -> String {
        self.coupon_management.fill(&[("shop_id", shop.as_str())])
    }

    /// The order detail page.
    pub(crate) fn order_detail(&self, shop: &ShopId, order: &OrderId) -> String {
        self.order_detail.fill(&[("shop_id", shop.as_str()), ("order_id", order.as_str())])
    }

    /// The tracking page of an order.
    pub(crate) fn tracking(&self, shop: &ShopId, order: &OrderId) -> String {
        self.tracking.fill(&[("shop_id", shop.as_str()), ("order_id", order.as_str())])
    }

    /// The returns and refunds page of an order.
    pub(crate) fn returns(&self, shop: &ShopId, order: &OrderId, request: Option<&ReturnId>) -> String {
        let return_id = request.map_or("", ReturnId::as_str);
        let values = [("shop_id", shop.as_str()), ("order_id", order.as_str()), ("return_id", return_id)];
        self.returns.fill(&values)
    }

    /// The page on which a return or refund is asked for.
    pub(crate) fn return_request(&self, shop: &ShopId, order: &OrderId) -> String {
        self.return_request.fill(&[("shop_id", shop.as_str()), ("order_id", order.as_str())])
    }

    /// The product detail page.
    pub(crate) fn product_detail(&self, shop: &ShopId, product: &ProductId) -> String {
        self.product_detail.fill(&[("shop_id", shop.as_str()), ("product_id", product.as_str())])
    }

    /// The coupon detail page.
    pub(crate) fn coupon_detail(&self, shop: &ShopId, coupon: &CouponId) -> String {
        self.coupon_detail.fill(&[("shop_id", shop.as_str()), ("coupon_id", coupon.as_str())])
    }
}

/// Text and placeholders, in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

impl Template {
    fn parse(template: &str, needed: Option<&str>, also: &[&str]) -> Result<Self, String> {
        if template.len() > TEMPLATE_BYTES {
            return Err(format!("must be at most {TEMPLATE_BYTES} bytes"));
        }
        let host_end = match template.split_once("://") {
            Some(("https" | "http", rest)) if !rest.is_empty() && !rest.starts_with('/') => {
                template.len() - rest.len() + rest.find(['/', '?', '#']).unwrap_or(rest.len())
            }
            _ if template.starts_with('/') && !template.starts_with("//") => 0,
            _ => return Err("must begin with `https://`, `http://` or `/`".into()),
        };
        // Brackets are placeholders' only; the rest of the set would end an attribute or a line where a link is shown.
        let plain = |letter: char| letter.is_ascii_graphic() && !"\"'<>\\`".contains(letter);
        if !template.chars().all(plain) {
            return Err("must be an address in ASCII, without spaces, quotes or brackets".into());
        }
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let place = template.len() - after.len();
            let (name, after) = after.split_once('}').ok_or("must close every `{`")?;
            if needed != Some(name) && name != "shop_id" && !also.contains(&name) {
                return Err(format!("must not have the placeholder `{{{name}}}`"));
            }
            if place <= host_end {
                return Err(format!("must not have the placeholder `{{{name}}}` before its path"));
            }
            let placeholder = Part::Placeholder(name.to_owned());
            if parts.contains(&placeholder) {
                return Err(format!("must have the placeholder `{{{name}}}` once"));
            }
            parts.extend([Part::Text(text.to_owned()), placeholder]);
            rest = after;
        }
        if template.matches('{').count() != template.matches('}').count() {
            return Err("must open every `}`".into());
        }
        parts.push(Part::Text(rest.to_owned()));
        if let Some(needed) = needed
            && !parts.contains(&Part::Placeholder(needed.to_owned()))
        {
            return Err(format!("must have the placeholder `{{{needed}}}`"));
        }
        Ok(Self(parts))
    }

    fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut link = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => link.push_str(text),
                Part::Placeholder(name) => {
                    let value =
                        values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| *value);
                    encode(value, &mut link);
                }
            }
        }
        link
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters, so that an id is one segment whatever is in it.
fn encode(value: &str, link: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(link, "%{byte:02X}").unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(order_detail: &str) -> Result<Links, LinkError> {
        Links::new(&LinkTemplates { order_detail: order_detail.into(), ..LinkTemplates::default() })
    }

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        let links = template("https://shop.example/o/{order_id}?from=chat&shop={shop_id}").unwrap();
        let shop = ShopId::new("s-1").unwrap();
        let order = OrderId::new("a/b?c#d é\u{202e}{shop_id}\"").unwrap();
        assert_eq!(
            links.order_detail(&shop, &order),
            "https://shop.example/o/a%2Fb%3Fc%23d%20%C3%A9%E2%80%AE%7Bshop_id%7D%22?from=chat&shop=s-1"
        );
    }

    #[test]
    fn links_lead_to_this_server_unless_set() {
        let links = Links::new(&LinkTemplates::default()).unwrap();
        let (shop, order) = (ShopId::new("s-1").unwrap(), OrderId::new("o-1").unwrap());
        assert_eq!(links.tracking(&shop, &order), "/shops/s-1/orders/o-1/tracking");
        assert_eq!(links.returns(&shop, &order, None), "/shops/s-1/orders/o-1/returns");
        assert_eq!(links.order_management(&shop), "/shops/s-1/orders");
        assert_eq!(links.coupon_management(&shop), "/shops/s-1/coupons");
    }

    #[test]
    fn a_page_of_the_whole_shop_needs_no_placeholder_and_has_no_others() {
        let links = |coupon_management: &str| {
            let coupon_management = coupon_management.into();
            Links::new(&LinkTemplates { coupon_management, ..LinkTemplates::default() })
        };
        assert!(links("https://shop.example/coupons").is_ok());
        let error = links("https://shop.example/coupons/{coupon_id}").unwrap_err();
        assert!(error.to_string().starts_with("`links.coupon_management` must not have"), "{error}");
    }

    #[test]
    fn what_is_no_template_is_refused_by_name() {
        for bad in [
            "",
            "order/{order_id}",
            "//evil.example/{order_id}",
            "javascript:alert({order_id})",
            "https:///{order_id}",
            "https://{order_id}.example/",
            "https://{shop_id}/{order_id}",
            "https://a.example/orders",
            "https://a.example/{product_id}",
            "https://a.example/{order_id}/{order_id}",
            "https://a.example/{order_id",
            "https://a.example/order_id}/{order_id}",
            "https://a.example/ {order_id}",
            "https://a.example/<{order_id}>",
            "https://ä.example/{order_id}",
        ] {
            let error = template(bad).expect_err(bad);
            assert!(error.to_string().starts_with("`links.order_detail` must "), "{error}");
        }
        assert!(template(&format!("/{}/{{order_id}}", "x".repeat(300))).is_err());
    }
}
