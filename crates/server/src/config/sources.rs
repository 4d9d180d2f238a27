//! Where settings come from: the embedded defaults, a file, the environment, flags. It finds out what was given by
//! whom, and refuses keys that do not exist; what values mean is not its business.

use std::path::Path;

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    util::nest,
    value::{Dict, Map, Value},
};

use super::{ConfigError, Problem};

/// Every key there is, with its default and its meaning.
pub(super) const DEFAULTS: &str = include_str!("default.toml");

/// Read when it is there and `--config` names no other.
const WORKING_DIRECTORY_FILE: &str = "deskwire.toml";

const PREFIX: &str = "DESKWIRE_";

/// Variables with our prefix that are no settings: flags of the command line may come by them.
pub(crate) const FLAG_VARIABLES: [&str; 2] = ["DESKWIRE_CONFIG", "DESKWIRE_TOKEN"];

/// A value that a flag sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flag {
    /// As typed: `--listen`.
    pub(crate) name: &'static str,
    /// The key that it sets.
    pub(crate) key: &'static str,
    /// To this.
    pub(crate) value: String,
}

/// Some settings with the name of their source.
struct Layer {
    source: String,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// All layers, merged, every key known.
pub(super) struct Sources {
    figment: Figment,
    pub(super) merged: Dict,
}

impl Sources {
    pub(super) fn gather(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Self, ConfigError> {
        let defaults = parse_toml("the built-in defaults", DEFAULTS)?;
        let mut layers = vec![Layer { source: "the built-in defaults".into(), dict: defaults.clone() }];
        layers.extend(read_file(file)?);
        let mut variables: Vec<_> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !FLAG_VARIABLES.contains(&name.as_str()))
            .collect();
        variables.sort();
        layers.extend(variables.into_iter().map(|(name, text)| {
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let value = read_as(find(&defaults, &key), &text);
            Layer { source: format!("the environment variable {name}"), dict: nested(&key, value) }
        }));
        layers.extend(flags.iter().map(|flag| Layer {
            source: format!("the flag {}", flag.name),
            dict: nested(flag.key, Value::from(flag.value.clone())),
        }));

        let mut problems = Vec::new();
        for layer in &layers {
            unknown_keys(&defaults, &layer.dict, "", &mut |key, what| {
                problems.push(Problem { key, source: layer.source.clone(), what });
            });
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        let figment = layers.into_iter().fold(Figment::new(), Figment::merge);
        let merged = figment.extract::<Dict>().map_err(|error| from_figment(&error))?;
        Ok(Self { figment, merged })
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.figment.extract().map_err(|error| from_figment(&error))
    }

    /// A problem with the value of `key`, naming where the value comes from.
    pub(super) fn problem(&self, key: &str, what: impl Into<String>) -> Problem {
        Problem { key: key.into(), source: self.source(key), what: what.into() }
    }

    pub(super) fn source(&self, key: &str) -> String {
        self.figment.find_metadata(key).map_or_else(|| "?".into(), |metadata| metadata.name.to_string())
    }
}

fn read_file(named: Option<&Path>) -> Result<Option<Layer>, ConfigError> {
    let path = named.unwrap_or(Path::new(WORKING_DIRECTORY_FILE));
    let source = format!("the file {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Layer { dict: parse_toml(&source, &text)?, source })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(ConfigError::one("", &source, format!("cannot be read: {error}"))),
    }
}

fn parse_toml(source: &str, text: &str) -> Result<Dict, ConfigError> {
    Toml::from_str(text).map_err(|error| ConfigError::one("", source, error.to_string().trim_end()))
}

fn nested(key: &str, value: Value) -> Dict {
    nest(key, value).into_dict().unwrap_or_default()
}

fn find<'a>(dict: &'a Dict, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    match (dict.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Dict(_, inner), Some(rest)) => find(inner, rest),
        _ => None,
    }
}

/// A variable's text has no type of its own: it is read as the type that the key has. (A secret of digits stays text.)
fn read_as(default: Option<&Value>, text: &str) -> Value {
    match default {
        Some(Value::String(..)) => Value::from(text),
        Some(Value::Array(_, defaults)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            // An empty list is one of texts.
            let item = |item| defaults.first().map_or(Value::from(item), |like| read_as(Some(like), item));
            Value::from(items.map(item).collect::<Vec<Value>>())
        }
        // Parsing cannot fail: what is nothing else is text.
        _ => text.trim().parse().unwrap_or_else(|_| Value::from(text)),
    }
}

fn unknown_keys(known: &Dict, given: &Dict, parent: &str, report: &mut dyn FnMut(String, String)) {
    for (name, value) in given {
        let key = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match (known.get(name), value) {
            (Some(Value::Dict(_, known)), Value::Dict(_, given)) => unknown_keys(known, given, &key, report),
            (Some(Value::Dict(..)), _) => report(key, "is a table of settings, not one".into()),
            (Some(_), Value::Dict(..)) => report(key, "is one setting, not a table".into()),
            (Some(_), _) => {}
            (None, _) => report(key, "there is no such setting".into()),
        }
    }
}

fn from_figment(errors: &Error) -> ConfigError {
    let problems = errors.clone().into_iter().map(|error| Problem {
        key: error.path.join("."),
        source: error.metadata.as_ref().map_or_else(|| "?".into(), |metadata| metadata.name.to_string()),
        what: error.kind.to_string(),
    });
    ConfigError { problems: problems.collect() }
}
