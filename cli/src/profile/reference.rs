//! Names in a profile that something has to carry: which, only the whole profile says, with what it inherits.

use super::error::{ConfigError, Hint, Location};
use super::placeholder;
use super::table::Entry;
use super::{Override, Profile};

/// A name, and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    target: Target,
    name: String,
    at: Box<Location>,
    table: String,
}

/// What a name has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A root of the profile.
    Root,
    /// An option of the profile.
    Option,
    /// Another connector.
    Connector,
    /// A step that leaves to the profile which services it means; the name is its kind.
    Services,
}

impl Reference {
    /// The name `name` in the value of an entry.
    pub(super) fn new(target: Target, name: &str, entry: &Entry<'_>) -> Self {
        Self {
            target,
            name: name.to_owned(),
            at: entry.value_at(),
            table: entry.table().to_owned(),
        }
    }

    /// The roots that the placeholders of a text name.
    pub(super) fn of_placeholders<'a>(
        text: &'a str,
        entry: &'a Entry<'a>,
    ) -> impl Iterator<Item = Self> + 'a {
        let roots = placeholder::names(text).filter_map(|name| placeholder::named(name, "root"));
        roots.map(|root| Self::new(Target::Root, root, entry))
    }

    /// Fails where nothing carries the name. `own` is what the user says about the connector, `names` are all
    /// connectors.
    pub(super) fn check(
        &self,
        profile: &Profile,
        own: Option<&Override>,
        names: &[String],
    ) -> Result<(), ConfigError> {
        let (what, known): (_, Vec<&str>) = match self.target {
            Target::Root => ("root", profile.roots.iter().map(|r| r.name.as_str()).collect()),
            Target::Option => (
                "option",
                profile.options.iter().map(|o| o.name.as_str()).collect(),
            ),
            Target::Connector => {
                let others = names.iter().map(String::as_str);
                ("connector", others.filter(|n| *n != profile.name).collect())
            }
            Target::Services => {
                let supplied = own.is_some_and(|own| own.services.is_some());
                if supplied || !profile.services.is_empty() {
                    return Ok(());
                }
                return Err(ConfigError::MissingKey {
                    at: self.at.clone(),
                    table: format!("the step {} in {}", self.name, self.table),
                    key: "services".to_owned(),
                    hint: Hint::text(format!(
                        "write services = [\"…\"] here, in the profile or in [connector.{}]",
                        profile.name
                    )),
                });
            }
        };
        if known.contains(&self.name.as_str()) {
            return Ok(());
        }
        let hint = match self.target {
            Target::Option if known.is_empty() => {
                Hint::text(format!("declare it: a table option.{} with a text", self.name))
            }
            _ => Hint::nearest(&self.name, &known, "known:"),
        };
        Err(ConfigError::UnknownName {
            at: self.at.clone(),
            what,
            name: self.name.clone(),
            table: self.table.clone(),
            hint,
        })
    }
}
