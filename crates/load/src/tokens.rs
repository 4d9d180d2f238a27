//! Tokens of the people of a load: made by whoever holds the secret, or read from a file.

use std::{collections::HashMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use deskwire_protocol::{Role, UserId};
use serde::Deserialize;

use crate::LoadError;

/// Makes a token for someone.
pub trait TokenSource: Send + Sync {
    /// A token that is valid for the whole run, or why there is none.
    fn token(&self, who: &Who) -> Result<String, String>;
}

/// Someone of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Buyer or agent.
    pub role: Role,
    /// As the shop would name them.
    pub sub: UserId,
}

/// Where the tokens of a run come from.
pub enum Tokens {
    /// Made as they are needed, for people of the run's own.
    Made(Box<dyn TokenSource>),
    /// Given: the people are those of the tokens.
    Given(Given),
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A token is a secret.
        f.write_str(match self {
            Self::Made(_) => "Tokens::Made",
            Self::Given(_) => "Tokens::Given",
        })
    }
}

/// Tokens of a file, by what their bearers may be.
#[derive(Default)]
pub struct Given {
    by_role: HashMap<Role, Vec<(UserId, String)>>,
}

/// What a token says of its bearer; whether it is valid only the server knows.
#[derive(Deserialize)]
struct Claims {
    sub: UserId,
    role: Role,
}

impl Tokens {
    /// Reads a file of one token a line. Empty lines, and those that begin with `#`, are passed over.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path)
            .map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
        let mut by_role: HashMap<Role, Vec<_>> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let claims = claims(line).ok_or_else(|| {
                LoadError::Token(format!("line {} of {} is no token", index + 1, path.display()))
            })?;
            // Whoever manages the shop answers for it too.
            let role = if claims.role == Role::Admin { Role::Agent } else { claims.role };
            by_role.entry(role).or_default().push((claims.sub, line.to_owned()));
        }
        Ok(Self::Given(Given { by_role }))
    }

    /// The person of this number in this role.
    pub(crate) fn who(&self, role: Role, index: usize, people: &str) -> Result<Who, LoadError> {
        match self {
            Self::Made(_) => {
                let side = if role == Role::Buyer { "buyer" } else { "agent" };
                let sub = UserId::new(format!("{people}-{side}-{index}"));
                Ok(Who { role, sub: sub.map_err(|error| LoadError::Token(error.to_string()))? })
            }
            Self::Given(given) => {
                let all = given.by_role.get(&role).map_or(&[][..], Vec::as_slice);
                let (sub, _) = all.get(index).ok_or_else(|| {
                    LoadError::Token(format!(
                        "the file has {} tokens of role {role:?}, and more are needed",
                        all.len()
                    ))
                })?;
                Ok(Who { role, sub: sub.clone() })
            }
        }
    }

    /// A token of the person of this number.
    pub(crate) fn token(&self, who: &Who, index: usize) -> Result<String, String> {
        match self {
            Self::Made(source) => source.token(who),
            Self::Given(given) => {
                let token = given.by_role.get(&who.role).and_then(|all| all.get(index));
                token.map(|(_, token)| token.clone()).ok_or_else(|| "the file has no token for them".into())
            }
        }
    }
}

fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_file_of_tokens_gives_the_people_that_they_are_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        let (ana, bo) = (token(r#"{"sub":"ana","role":"BUYER"}"#), token(r#"{"sub":"bo","role":"ADMIN"}"#));
        fs::write(&path, format!("# of the shop\n\n{ana}\n{bo}\n")).unwrap();
        let tokens = Tokens::read(&path).unwrap();
        let who = tokens.who(Role::Buyer, 0, "x").unwrap();
        assert_eq!((who.sub.as_str(), tokens.token(&who, 0).unwrap()), ("ana", ana));
        assert_eq!(tokens.who(Role::Agent, 0, "x").unwrap().sub.as_str(), "bo");
        assert!(tokens.who(Role::Buyer, 1, "x").unwrap_err().to_string().contains("1 tokens"));
        fs::write(&path, "no token\n").unwrap();
        assert!(Tokens::read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
