//! The coverage page, docs/syscalls.md, as the table makes it: every call that is there with its level and note, and
//! the names of those that are not.

use core::fmt::{Result, Write};

use crate::table::{Level, row, rows};

/// The longest line of running text.
const WIDTH: usize = 118;

/// Writes the page as Markdown.
pub fn write(out: &mut dyn Write) -> Result {
    let count = |level| rows().filter(|row| row.level == level).count();
    let missing = || abi::nr::ALL.iter().filter(|nr| row(**nr).is_none());
    writeln!(out, "# System calls\n")?;
    writeln!(
        out,
        "Made from the table in `posix/src/table.rs` by `cargo xtask docs`; `offshoot syscalls` prints the"
    )?;
    writeln!(
        out,
        "same. *Full* is all that Linux does and a program can see; what a *partial* call lacks stands in"
    )?;
    writeln!(out, "its note.\n")?;
    writeln!(out, "| level | calls |\n|---|---:|")?;
    for level in [Level::Full, Level::Partial] {
        writeln!(out, "| {} | {} |", level.name(), count(level))?;
    }
    writeln!(out, "| missing | {} |\n", missing().count())?;
    writeln!(out, "| nr | name | level | note |\n|---:|---|---|---|")?;
    for row in rows() {
        write!(out, "| {} | `{}` | {} | ", row.nr, row.name, row.level.name())?;
        for piece in row.note.split_inclusive('|') {
            match piece.strip_suffix('|') {
                Some(before) => write!(out, "{before}\\|")?,
                None => out.write_str(piece)?,
            }
        }
        writeln!(out, "{}|", if row.note.is_empty() { "" } else { " " })?;
    }
    writeln!(out, "\n## Missing\n")?;
    writeln!(
        out,
        "These answer `ENOSYS`, are counted, and are named when the family ends; so do numbers that Linux has"
    )?;
    writeln!(out, "not given out.\n")?;
    let mut column = 0;
    for name in missing().filter_map(|nr| abi::nr::name(*nr)) {
        // The name between two backticks, and a space.
        let width = name.len() + 3;
        if column + width > WIDTH {
            writeln!(out)?;
            column = 0;
        } else if column > 0 {
            out.write_char(' ')?;
        }
        write!(out, "`{name}`")?;
        column += width;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    #[test]
    fn every_number_is_on_the_page_once() {
        let mut page = String::new();
        super::write(&mut page).unwrap();
        for nr in abi::nr::ALL {
            let name = alloc::format!("`{}`", abi::nr::name(*nr).unwrap());
            assert_eq!(page.matches(&name).count(), 1, "{name}");
        }
    }
}
