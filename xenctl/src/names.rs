//! The xenstore nodes by which `xl list`, `xl console`, `xl pause` and `xl destroy` know a domain (docs/misc/xenstore-paths).

use crate::{DomId, Result, Store};

/// What is told of a domain.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// The name in `xl list`. A name belongs to one domain.
    pub name: &'a str,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Frame and port of its console, if it has one: xenconsoled then keeps what it says.
    pub console: Option<(u64, u32)>,
}

/// Writes the nodes.
pub fn publish(store: &mut Store, domain: DomId, identity: &Identity<'_>) -> Result<()> {
    let (own, name) = (format!("/local/domain/{domain}"), identity.name);
    let vm = format!("/vm/{}", hyphenated(&identity.uuid));
    store.write(&format!("{vm}/name"), name)?;
    store.write(&format!("/libxl/{domain}/type"), "pvh")?;
    store.write(&format!("{own}/name"), name)?;
    store.write(&format!("{own}/domid"), &domain.to_string())?;
    store.write(&format!("{own}/vm"), &vm)?;
    if let Some((frame, port)) = identity.console {
        store.write(&format!("{own}/console/ring-ref"), &frame.to_string())?;
        store.write(&format!("{own}/console/port"), &port.to_string())?;
        store.write(&format!("{own}/console/limit"), "1048576")?;
        store.write(&format!("{own}/console/type"), "xenconsoled")?;
    }
    Ok(())
}

/// Changes the name, and nothing else.
pub fn rename(store: &mut Store, domain: DomId, uuid: &[u8; 16], name: &str) -> Result<()> {
    store.write(&format!("/vm/{}/name", hyphenated(uuid)), name)?;
    store.write(&format!("/local/domain/{domain}/name"), name)
}

/// Removes what [`publish`] wrote; nodes that are gone already are no error.
pub fn withdraw(store: &mut Store, domain: DomId, uuid: &[u8; 16]) -> Result<()> {
    store.rm(&format!("/local/domain/{domain}"))?;
    store.rm(&format!("/libxl/{domain}"))?;
    store.rm(&format!("/vm/{}", hyphenated(uuid)))
}

/// A UUID as people write it.
pub fn hyphenated(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_read_as_usual() {
        let uuid = std::array::from_fn(|index| index as u8 * 0x11);
        assert_eq!(hyphenated(&uuid), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
