//! Finding the cases: `cases/AREA/NAME.{c,rs,sh}`, one entry for each way a file is built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::header::{Build, Header};

/// The language of a case's source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    C(Build),
    Rust,
    Bash,
}

/// One case, built one way.
#[derive(Clone, Debug)]
pub struct Case {
    pub area: String,
    /// AREA/NAME, with the build's suffix.
    pub name: String,
    pub source: PathBuf,
    pub kind: Kind,
    pub header: Header,
}

/// All cases under `root`, in the order of their names.
pub fn discover(root: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for area in entries(root)?.into_iter().filter(|path| path.is_dir()) {
        for source in entries(&area)? {
            add(&mut cases, &area, &source).with_context(|| source.display().to_string())?;
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn add(cases: &mut Vec<Case>, area: &Path, source: &Path) -> Result<()> {
    let kind = match source.extension().and_then(|ext| ext.to_str()) {
        Some("c") => None,
        Some("rs") => Some(Kind::Rust),
        Some("sh") => Some(Kind::Bash),
        _ => return Ok(()),
    };
    let header = Header::parse(&fs::read_to_string(source)?)?;
    let area = file_stem(area);
    let stem = file_stem(source);
    let kinds = match kind {
        Some(kind) => vec![(kind, "")],
        None => header.builds.iter().map(|&build| (Kind::C(build), build.suffix())).collect(),
    };
    for (kind, suffix) in kinds {
        cases.push(Case {
            area: area.clone(),
            name: format!("{area}/{stem}{suffix}"),
            source: source.to_owned(),
            kind,
            header: header.clone(),
        });
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)
        .with_context(|| format!("cannot read the cases in {}", dir.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
