//! `renolog schema`: checks a schema file, and shows what one says.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use renolog_protocol::schema::{KindName, Schema};

use crate::schema_text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum SchemaVerb {
    /// Prints every mistake of a schema file with its line, or says that it is fine.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Shows the kinds of record, or one of them as tables and its states as a diagram.
    Show {
        /// The kind, such as whistle; all of them in a line each if not said.
        kind: Option<KindName>,
        /// A schema file of your own, instead of the built-in one.
        #[arg(long)]
        schema: Option<PathBuf>,
        /// Only the diagram, as Mermaid.
        #[arg(long)]
        mermaid: bool,
    },
}

pub(super) fn run(verb: SchemaVerb) -> Result<()> {
    match verb {
        SchemaVerb::Check { file } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            match Schema::parse(&text) {
                Ok(schema) => println!("{}", schema_text::summary(&schema)),
                Err(bad) => {
                    bad.0.iter().for_each(|mistake| println!("{}:{}: {}", file.display(), mistake.line, mistake.words));
                    bail!("{} 处错误 mistakes in {}", bad.0.len(), file.display());
                }
            }
        }
        SchemaVerb::Show { kind, schema, mermaid } => {
            let schema = super::read_schema(schema.as_deref())?;
            super::print_text(&show(&schema, kind.as_ref(), mermaid)?)?;
        }
    }
    Ok(())
}

fn show(schema: &Schema, kind: Option<&KindName>, mermaid: bool) -> Result<String> {
    let Some(named) = kind else {
        if mermaid {
            bail!("say of which kind: renolog schema show KIND --mermaid");
        }
        return Ok(schema_text::kinds(schema));
    };
    let kind = schema.kinds.get(named).with_context(|| {
        let kinds = schema.kinds.keys().map(KindName::as_str).collect::<Vec<_>>().join(", ");
        format!("there is no kind {named}; kinds are: {kinds}")
    })?;
    let diagram = schema_text::mermaid(kind);
    Ok(if mermaid { diagram } else { format!("{}\n{diagram}", schema_text::kind(schema, kind)) })
}
