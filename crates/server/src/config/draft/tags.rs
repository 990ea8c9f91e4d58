//! The tags: from `[tags]`.

use gstatsd_aggregate::{ConstantTag, TagTemplate};
use gstatsd_wire::{TagStyle, TagStyles};

use super::Draft;
use crate::config::{TagMode, Tags, key::Text, keys::tags as keys};

impl Draft<'_> {
    pub(super) fn tags(&mut self) -> Tags {
        let file = &self.file.tags;
        Tags {
            mode: self
                .one_of(&keys::MODE, file.mode.as_deref(), TagMode::WORDS)
                .unwrap_or(TagMode::Dialect),
            styles: self.styles(),
            count_max: self.whole(&keys::COUNT_MAX, None, file.count_max),
            bytes_max: self.whole(&keys::BYTES_MAX, None, file.bytes_max),
            constant: self.constant_tags(),
            origin: file.origin.unwrap_or(keys::ORIGIN.default),
            folded: self
                .one_of(&keys::OUTPUT, file.output.as_deref(), [("tags", false), ("name", true)])
                .unwrap_or(false),
            template: self.tag_template(),
        }
    }

    fn styles(&mut self) -> Option<TagStyles> {
        let words = self.file.tags.styles.as_ref()?;
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["own"] => return None,
            ["all"] => return Some(TagStyles::ALL),
            _ => {}
        }
        let mut styles = Vec::new();
        for word in words {
            match TagStyle::ALL.into_iter().find(|style| style.word() == word) {
                Some(style) => styles.push(style),
                None => {
                    let known = TagStyle::ALL.map(TagStyle::word).join(", ");
                    let wrong = format!("'{word}' is none of {known}, nor own or all alone");
                    self.wrong_in_file(keys::STYLES.about.path, &wrong);
                }
            }
        }
        Some(TagStyles::of(&styles))
    }

    fn constant_tags(&mut self) -> Vec<ConstantTag> {
        let mut tags: Vec<ConstantTag> = Vec::new();
        let path = keys::CONSTANT.about.path;
        for text in self.file.tags.constant.iter().flatten() {
            let text = match self.expanded(text) {
                Ok(text) => text,
                Err(why) => {
                    self.wrong_in_file(path, &why);
                    continue;
                }
            };
            let (key, value) = match text.split_once(':') {
                Some((key, value)) => (key, Some(value.into())),
                None => (text.as_str(), None),
            };
            if key.is_empty() || text.chars().any(char::is_control) {
                self.wrong_in_file(path, &format!("{text:?} is no tag"));
            } else if tags.iter().any(|(other, _)| **other == *key) {
                self.wrong_in_file(path, &format!("'{key}' is listed twice"));
            } else {
                tags.push((key.into(), value));
            }
        }
        tags
    }

    fn tag_template(&mut self) -> TagTemplate {
        let key: &Text = &keys::TEMPLATE;
        let usual = || TagTemplate::parse(key.default.unwrap_or_default());
        let typed = self.file.tags.template.as_deref().map(TagTemplate::parse);
        let template = typed.unwrap_or_else(usual).or_else(|why| {
            self.wrong_in_file(key.about.path, &why.to_string());
            usual()
        });
        template.expect("the default is a template")
    }
}
