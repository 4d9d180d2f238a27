//! The messages that cards are made of, as functions: a message without its variables does not compile.

use super::speech::{Speech, Words};

/// `name(variable: kind, …)` is the message `name` of every language's file; a `text` is put in as it is, a `count`
/// decides between singular and plural and is written as `n`.
macro_rules! words {
    ($($name:ident($($variable:ident: $kind:ident),*);)*) => {
        #[expect(clippy::wrong_self_convention, reason = "the names are those of the messages")]
        impl Speech {
            $(
                pub(crate) fn $name(&self $(, $variable: words!(@$kind))*) -> String {
                    #[allow(unused_mut, reason = "a message may have no variables")]
                    let mut words = Words::new(self);
                    $(words.$kind(stringify!($variable), $variable);)*
                    self.say(stringify!($name), &words)
                }
            )*
        }

        /// Every message with its variables and their kinds.
        #[cfg(test)]
        const WORDS: &[(&str, &[(&str, &str)])] =
            &[$((stringify!($name), &[$((stringify!($variable), stringify!($kind))),*])),*];
    };
    (@text) => { &str };
    (@count) => { u64 };
}

words! {
    // All cards.
    status();
    percentage(number: text);
    from_to(from: text, to: text);
    and_more(count: count);
    name_and_more(name: text, count: count);
    price_before(price: text, before: text);
    price_each(price: text);

    // What can be done, and what was.
    do_open();
    do_confirm();
    do_track();
    do_request_return();
    do_place_order();
    do_claim();
    did_open();
    did_confirm();
    did_track();
    did_request_return();
    did_place_order();
    did_claim();

    // Orders.
    order(id: text);
    order_unpaid();
    order_on_hold();
    order_awaiting_shipment();
    order_partially_shipping();
    order_awaiting_collection();
    order_in_transit();
    order_delivered();
    order_completed();
    order_cancelled();
    placed();
    pay_by();
    ship_by();
    hand_over_by();
    arrive_by();
    payment_was_due();
    shipping_was_due();
    hand_over_was_due();
    arrival_was_due();
    or_cancelled(time: text);
    cancelled_on();
    cancelled_by_seller(time: text);
    cancelled_by_buyer(time: text);
    cancelled_by_itself(time: text);
    cancel_reason();
    payment_method();
    cash_on_delivery();
    buyer_message();
    sub_total();
    shipping_fee();
    tax();
    total();
    discount();
    return_or_refund();

    // Parcels.
    parcel(id: text);
    parcel_of(number: text, total: text, id: text);
    parcel_preparing();
    parcel_packing();
    parcel_on_its_way();
    parcel_cancelled();
    tracking_pending();
    tracking_info_received();
    tracking_out_for_delivery();
    tracking_attempt_fail();
    tracking_delivered();
    tracking_available_for_pickup();
    tracking_exception();
    tracking_expired();
    latest_event();
    expected();
    was_expected();
    delivered_on();
    carrier();
    tracking_id();
    delivery_option();
    postal_code();
    contents();
    pieces(count: count);

    // Returns and refunds.
    return_open();
    return_not_paid();
    return_not_shipped();
    return_not_delivered();
    return_order_cancelled();
    return_window_closed();
    return_already_requested();
    request_by();
    refund();
    return_and_refund();
    replacement();
    request_pending();
    request_rejected();
    request_ship_back();
    request_shipped_back();
    request_parcel_rejected();
    request_approved();
    request_withdrawn();
    request_refunded();
    request_awaiting_buyer();
    replacement_refunded();
    replacement_complete();
    request_reason();
    reason_no_need();
    reason_not_match_description();
    reason_missing_product();
    reason_damaged();
    reason_defective();
    reason_wrong_product();
    reason_not_received();
    requested_on();
    refund_total();
    answer_by();
    shop_answer();
    return_tracking_id();

    // Products.
    price();
    stock();
    stock_some();
    stock_few(count: count);
    stock_none();
    not_sold();

    // Coupons.
    amount_off(amount: text);
    percent_off(percent: text);
    percent_off_up_to(percent: text, max: text);
    coupon_claimable();
    coupon_claimed();
    coupon_used();
    coupon_exhausted();
    coupon_expired();
    coupon_not_started();
    coupon_ended();
    coupon_not_yours();
    min_spend();
    no_min_spend();
    valid_for();
    all_products();
    some_products(count: count);
    claim_from();
    claim_by();
    usable();
    days_after_claim(count: count);
    use_by();
    per_buyer();
    times(count: count);
    left();
    coupons_few(number: text);
    personal();
    only_you();
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::Path,
    };

    use fluent_syntax::{ast, parser};

    use super::{super::Locale, WORDS};

    /// Each message of a language's file with the variables in it.
    fn messages(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
        let resource = parser::parse(locale.source()).expect("the file can be read");
        let mut messages = BTreeMap::new();
        for entry in &resource.body {
            let (ast::Entry::Message(message), Some(pattern)) = (entry, value(entry)) else {
                assert!(comment(entry), "{}: something that is no message: {entry:?}", locale.tag());
                continue;
            };
            let mut variables = BTreeSet::new();
            collect(pattern, &mut variables);
            let twice = messages.insert(message.id.name.to_owned(), variables);
            assert!(twice.is_none(), "{}: {} is there twice", locale.tag(), message.id.name);
        }
        messages
    }

    fn value<'a>(entry: &'a ast::Entry<&'a str>) -> Option<&'a ast::Pattern<&'a str>> {
        if let ast::Entry::Message(message) = entry { message.value.as_ref() } else { None }
    }

    fn comment(entry: &ast::Entry<&str>) -> bool {
        matches!(entry, ast::Entry::Comment(_) | ast::Entry::GroupComment(_) | ast::Entry::ResourceComment(_))
    }

    fn collect(pattern: &ast::Pattern<&str>, variables: &mut BTreeSet<String>) {
        for element in &pattern.elements {
            let ast::PatternElement::Placeable { expression } = element else { continue };
            match expression {
                ast::Expression::Inline(inline) => inline_variable(inline, variables),
                ast::Expression::Select { selector, variants } => {
                    inline_variable(selector, variables);
                    for variant in variants {
                        collect(&variant.value, variables);
                    }
                }
            }
        }
    }

    fn inline_variable(inline: &ast::InlineExpression<&str>, variables: &mut BTreeSet<String>) {
        match inline {
            ast::InlineExpression::VariableReference { id } => {
                variables.insert(id.name.to_owned());
            }
            ast::InlineExpression::StringLiteral { .. } => {}
            other => panic!("neither a variable nor a text: {other:?}"),
        }
    }

    #[test]
    fn every_language_has_every_message_with_every_variable_and_no_other() {
        let english = messages(Locale::English);
        let called: BTreeSet<_> = WORDS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(english.keys().cloned().collect::<BTreeSet<_>>(), called);
        for (name, variables) in WORDS {
            let mut expected: BTreeSet<_> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
            if let Some((count, _)) = variables.iter().find(|(_, kind)| *kind == "count") {
                // A language without plurals needs how the number is written only.
                expected.insert("n".into());
                for locale in Locale::ALL {
                    let mut found = messages(locale)[*name].clone();
                    found.insert((*count).to_owned());
                    assert_eq!(found, expected, "{name} in {}", locale.tag());
                }
                assert!(english[*name].contains(*count), "{name}: English has plurals");
            } else {
                for locale in Locale::ALL {
                    assert_eq!(messages(locale).get(*name), Some(&expected), "{name} in {}", locale.tag());
                }
            }
        }
        for locale in Locale::ALL {
            assert_eq!(messages(locale).len(), english.len(), "{} has more than English", locale.tag());
        }
    }

    #[test]
    fn every_message_is_used() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut code = String::new();
        for folder in ["cards", "locale"] {
            for file in std::fs::read_dir(source.join(folder)).expect("the folder is there") {
                let path = file.expect("it can be listed").path();
                let is_code = path.extension().is_some_and(|extension| extension == "rs");
                if is_code && !path.ends_with("locale/words.rs") {
                    code += &std::fs::read_to_string(&path).expect("it can be read");
                }
            }
        }
        // `rustfmt` may break a chain before the point, never between the point and the name.
        let unused: Vec<_> =
            WORDS.iter().map(|(name, _)| name).filter(|name| !code.contains(&format!(".{name}("))).collect();
        assert!(unused.is_empty(), "never said: {unused:?}");
    }

    #[test]
    fn no_message_has_markup_or_characters_that_turn_text_about() {
        for locale in Locale::ALL {
            let odd = |letter: char| {
                (letter.is_control() && letter != '\n')
                    || matches!(letter, '<' | '>' | '&' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            // The arrow of a choice is syntax, not said.
            assert_eq!(locale.source().replace("->", "").find(odd), None, "{}", locale.tag());
        }
    }
}
