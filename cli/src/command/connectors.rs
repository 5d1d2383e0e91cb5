//! `connectors`: the profiles.

use serde::Serialize;

use crate::args::{Connectors, ConnectorsCommand};
use crate::context::Context;
use crate::failure::Result;
use crate::profile::{ConnectorInfo, Origin, Profiles, describe};
use crate::show::{Align, Table};

#[derive(Serialize)]
struct Document {
    name: String,
    title: String,
    configured: bool,
    built_in: bool,
    roots: Vec<String>,
}

/// Lists the profiles or shows one.
pub(crate) fn run(cx: &mut Context, args: &Connectors) -> Result<()> {
    if let Some(ConnectorsCommand::Check { names }) = &args.command {
        return super::check::run(cx, names);
    }
    let profiles = Profiles::load(&cx.config)?;
    if let Some(ConnectorsCommand::Show { name }) = &args.command {
        let profile = profiles.get(name)?;
        return match cx.out.json {
            true => cx.out.json_line(&ConnectorInfo::new(profile)),
            false => cx.out.line(describe(profile, &cx.config).trim_end()),
        };
    }
    let configured: Vec<&str> = profiles
        .configured(&cx.config)
        .into_iter()
        .map(|(profile, _)| profile.name.as_str())
        .collect();
    let documents: Vec<Document> = profiles
        .iter()
        .map(|profile| Document {
            name: profile.name.clone(),
            title: profile.title.clone(),
            configured: configured.contains(&profile.name.as_str()),
            built_in: profile.origin == Origin::BuiltIn,
            roots: profile.roots.iter().map(|root| root.name.clone()).collect(),
        })
        .collect();
    if cx.out.json {
        return cx.out.json_line(&documents);
    }
    let mut table = Table::new(&[
        ("CONNECTOR", Align::Left),
        ("CONFIGURED", Align::Left),
        ("ROOTS", Align::Left),
        ("WHAT IT IS", Align::Left),
    ]);
    for document in documents {
        let configured = if document.configured { "yes" } else { "no" };
        table.row(vec![
            document.name,
            configured.into(),
            document.roots.join(", "),
            document.title,
        ]);
    }
    for line in table.lines() {
        cx.out.line(&line)?;
    }
    if configured.is_empty() {
        cx.out
            .notice("none is configured: name where their directories lie under [roots] in restante.toml");
    }
    Ok(())
}
