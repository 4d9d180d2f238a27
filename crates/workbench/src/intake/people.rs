//! Buyers and agents as the shop's systems know them.

use deskwire_protocol::{ShopId, order::Editor};
use deskwire_store::{PersonRecord, UserRecord};

use super::{Documents, Outcomes, PersonPut, Written, stage::Stage};
use crate::{
    Workbench, WorkbenchError,
    rules::{
        fields::{self, said},
        orders::NAME_CHARS,
    },
};

/// The longest language tag.
const LOCALE_BYTES: usize = 35;

impl Workbench {
    /// Makes or renames buyers and agents. The outer error means that nothing was written.
    pub async fn put_people(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        people: Vec<PersonPut>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::People(people)).await
    }
}

impl Stage<'_> {
    pub(super) fn put_person(&mut self, person: &PersonPut) -> Result<Written, WorkbenchError> {
        check(person)?;
        let PersonPut { role, user_id, name, locale, avatar } = person;
        let record = PersonRecord {
            role: *role,
            user: UserRecord {
                user_id: user_id.clone(),
                name: name.trim().to_owned(),
                locale: said(locale.as_ref()),
            },
            avatar: said(avatar.as_ref()),
        };
        let key = (person.side(), user_id.clone());
        let written = match self.people.get(&key).or_else(|| self.loaded.people.get(&key)) {
            Some(stored) if *stored == record => return Ok(Written::Unchanged),
            Some(_) => Written::Changed,
            None => Written::Created,
        };
        self.people.insert(key, record);
        Ok(written)
    }
}

fn check(person: &PersonPut) -> Result<(), WorkbenchError> {
    fields::text("name", &person.name, NAME_CHARS)?;
    fields::image("avatar", person.avatar.as_ref())?;
    let is_tag = |tag: &str| {
        tag.len() <= LOCALE_BYTES
            && tag.split(['-', '_']).all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|letter| letter.is_ascii_alphanumeric())
            })
    };
    if person.locale.as_ref().is_some_and(|tag| !tag.is_empty() && !is_tag(tag)) {
        return Err(WorkbenchError::invalid("locale", "must be a language tag, as \"pt-BR\""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{Role, UserId};

    use super::*;
    use crate::rules::samples::field_of;

    #[test]
    fn a_person_has_a_name_and_a_language_that_is_one() {
        let person = |name: &str, locale: &str| PersonPut {
            role: Role::Buyer,
            user_id: UserId::new("b-1").unwrap(),
            name: name.into(),
            locale: Some(locale.into()),
            avatar: None,
        };
        for good in ["pt-BR", "id", "zh-Hant-TW", "es-419", ""] {
            assert!(check(&person("Ana", good)).is_ok(), "{good}");
        }
        for bad in ["Portuguese (Brazil)", "-", "pt-", "x".repeat(40).as_str()] {
            assert_eq!(field_of(check(&person("Ana", bad))), "locale", "{bad}");
        }
        assert_eq!(field_of(check(&person(" ", "id"))), "name");
        assert_eq!(field_of(check(&person(&"x".repeat(201), "id"))), "name");
        let pictured = PersonPut { avatar: Some("x.png".into()), ..person("Ana", "id") };
        assert_eq!(field_of(check(&pictured)), "avatar");
    }
}
