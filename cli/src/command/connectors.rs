//! `connectors`: the profiles.

use std::time::Duration;

use serde::Serialize;

use crate::args::{Connectors, ConnectorsCommand};
use crate::context::Context;
use crate::failure::Result;
use crate::profile::{ConnectorInfo, Origin, Profiles, Stage, Statements, describe, show_duration};
use crate::show::{Align, Table};

#[derive(Serialize)]
struct Document {
    name: String,
    title: String,
    configured: bool,
    built_in: bool,
    stage: Stage,
    every_seconds: Option<u64>,
    roots: Vec<String>,
}

/// Lists the profiles, shows one, or prints what statements they answer to.
pub(crate) fn run(cx: &mut Context, args: &Connectors) -> Result<()> {
    let profiles = Profiles::load(&cx.config)?;
    match &args.command {
        Some(ConnectorsCommand::Show { name }) => {
            let profile = profiles.get(name)?;
            match cx.out.json {
                true => cx.out.json_line(&ConnectorInfo::new(profile)),
                false => cx.out.line(describe(profile, &cx.config).trim_end()),
            }
        }
        Some(ConnectorsCommand::Check { names }) => super::check::run(cx, &profiles, names),
        Some(ConnectorsCommand::Statements) => {
            let statements = Statements::load()?;
            match cx.out.json {
                true => cx.out.json_line(&statements),
                false => cx.out.line(statements.table().trim_end()),
            }
        }
        None => list(cx, &profiles),
    }
}

/// Lists the profiles.
fn list(cx: &mut Context, profiles: &Profiles) -> Result<()> {
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
            stage: profile.stage.unwrap_or_default(),
            every_seconds: profile.every.map(|every| every.as_secs()),
            roots: profile.roots.iter().map(|root| root.name.clone()).collect(),
        })
        .collect();
    if cx.out.json {
        return cx.out.json_line(&documents);
    }
    let mut table = Table::new(&[
        ("CONNECTOR", Align::Left),
        ("CONFIGURED", Align::Left),
        ("STAGE", Align::Left),
        ("EVERY", Align::Left),
        ("ROOTS", Align::Left),
        ("WHAT IT IS", Align::Left),
    ]);
    for document in documents {
        let every = document
            .every_seconds
            .map(|seconds| show_duration(Duration::from_secs(seconds)));
        let configured = if document.configured { "yes" } else { "no" };
        table.row(vec![
            document.name,
            configured.into(),
            document.stage.word().into(),
            every.unwrap_or_default(),
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
