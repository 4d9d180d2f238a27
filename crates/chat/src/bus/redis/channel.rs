//! Topics as names of channels. Ids are chosen by shops, so what has a meaning in a name is escaped.
//!
//! In a cluster the part in braces decides which node carries a channel: all topics of a shop are carried by one, so that
//! they go out in one pipeline.

use std::{fmt::Write as _, sync::Arc};

use crate::bus::Topic;

/// In a cluster, so many parts of the slots are probed, each through a channel of its own.
const PROBED_PARTS: u16 = 16;
const SLOTS: u16 = 16_384;

/// The channel of a topic.
pub(super) fn of_topic(prefix: &str, topic: &Topic) -> Arc<str> {
    let mut name = format!("{prefix}:");
    match topic {
        Topic::Shop(shop_id) => {
            name.push('{');
            escape(&mut name, shop_id.as_str());
            name.push('}');
        }
        Topic::Buyer(shop_id, buyer_id) => {
            name.push('{');
            escape(&mut name, shop_id.as_str());
            name.push_str("}:");
            escape(&mut name, buyer_id.as_str());
        }
        Topic::Nodes => name.push_str("nodes"),
    }
    name.into()
}

/// What decides where a cluster carries a channel: the part in braces, braces included.
pub(super) fn place(channel: &str) -> &str {
    match (channel.find('{'), channel.find('}')) {
        (Some(from), Some(to)) if from < to => &channel[from..=to],
        (Some(_) | None, Some(_) | None) => channel,
    }
}

/// A channel that only this node listens to.
pub(super) fn of_probe(prefix: &str, node: u64) -> Arc<str> {
    format!("{prefix}:probe:{{{node:016x}}}").into()
}

/// Channels that only this node listens to, spread evenly over the slots of a cluster. A member that carries less than one
/// part may go unprobed.
pub(super) fn of_probes(prefix: &str, node: u64) -> Vec<Arc<str>> {
    let part = SLOTS / PROBED_PARTS;
    let mut found = vec![None; usize::from(PROBED_PARTS)];
    let mut left = found.len();
    for number in 0_u32.. {
        let tag = format!("{node:016x}.{number}");
        let place = &mut found[usize::from(crc16(tag.as_bytes()) % SLOTS / part)];
        if place.is_none() {
            *place = Some(format!("{prefix}:probe:{{{tag}}}").into());
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    found.into_iter().flatten().collect()
}

fn escape(name: &mut String, id: &str) {
    for c in id.chars() {
        if matches!(c, '%' | '{' | '}' | ':') {
            // Writing into a string does not fail.
            write!(name, "%{:02X}", u32::from(c)).ok();
        } else {
            name.push(c);
        }
    }
}

/// CRC-16/XMODEM, by which a cluster spreads keys and channels.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use deskwire_protocol::{ShopId, UserId};

    use super::*;

    fn shop(id: &str) -> Topic {
        Topic::Shop(ShopId::new(id).unwrap())
    }

    fn buyer(shop: &str, id: &str) -> Topic {
        Topic::Buyer(ShopId::new(shop).unwrap(), UserId::new(id).unwrap())
    }

    #[test]
    fn names_are_plain_where_ids_are() {
        assert_eq!(&*of_topic("deskwire", &shop("s-1")), "deskwire:{s-1}");
        assert_eq!(
            &*of_topic("deskwire", &buyer("s-1", "ana@mail.example")),
            "deskwire:{s-1}:ana@mail.example"
        );
    }

    #[test]
    fn no_two_topics_share_a_channel_whatever_their_ids() {
        let ids = [
            "a",
            "a:b",
            "b",
            "}",
            "{",
            "a}",
            "a}:b",
            "{a}",
            ":",
            "%",
            "%7D",
            "a%3Ab",
            "b}:c",
            "probe:{a}",
            "é",
        ];
        let mut names = HashSet::new();
        for one in ids {
            assert!(names.insert(of_topic("p", &shop(one))), "{one}");
            for other in ids {
                assert!(names.insert(of_topic("p", &buyer(one, other))), "{one} {other}");
            }
        }
        assert!(names.insert(of_topic("p", &Topic::Nodes)) && names.insert(of_probe("p", 7)));
    }

    #[test]
    fn all_topics_of_a_shop_have_one_place() {
        for id in ["s-1", "}", "{", "a}b", ":"] {
            let of_shop = of_topic("p", &shop(id));
            assert_eq!(place(&of_shop), place(&of_topic("p", &buyer(id, "ana"))));
            assert!(place(&of_shop).len() > 2, "an empty part would not decide: {of_shop}");
        }
    }

    #[test]
    fn probes_are_in_every_part_of_a_cluster() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        let slot = |name: &Arc<str>| crc16(place(name).trim_matches(['{', '}']).as_bytes()) % SLOTS;
        let parts: HashSet<_> = of_probes("p", 42).iter().map(|name| slot(name) / 1_024).collect();
        assert_eq!(parts.len(), 16);
    }
}
