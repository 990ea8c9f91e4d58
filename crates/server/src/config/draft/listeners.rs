//! The listeners: from `-b`, from `[[listen]]`, or the default.

use super::Draft;
use crate::config::{Address, Listener, keys, spec};

impl Draft<'_> {
    pub(super) fn listeners(&mut self) -> Vec<Listener> {
        let file = self.file;
        let mut typed: Vec<(String, &str)> =
            self.flags.bind.iter().map(|text| ("-b".to_owned(), text.as_str())).collect();
        if typed.is_empty() {
            for (index, listener) in file.listen.iter().enumerate() {
                let path = format!("listen.{index}.address");
                match &listener.address {
                    Some(text) => typed.push((file.origin.place(&path), text)),
                    None => self.wrong_in_file(&path, "is missing"),
                }
            }
            if file.listen.is_empty() {
                typed.extend(keys::LISTEN_ADDRESS.default.map(|text| (String::new(), text)));
            }
        }
        let mut listeners = Vec::new();
        for (place, text) in typed {
            match self.expanded(text).and_then(|text| spec::listener(&text)) {
                Ok(address) if is_taken(&listeners, &address) => {
                    self.wrong(&place, &format!("'{text}' is listed twice"));
                }
                Ok(address) => listeners.push(Listener { address }),
                Err(why) => self.wrong(&place, &why),
            }
        }
        listeners
    }
}

/// Whether one of the listeners has this address already. Port 0 is another free port each time.
fn is_taken(listeners: &[Listener], address: &Address) -> bool {
    address.port != 0 && listeners.iter().any(|listener| listener.address == *address)
}
