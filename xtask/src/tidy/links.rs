//! Links of the pages: what they lead to exists.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::File;

/// Checks every link of the pages that leads to a file, a folder or a heading of this repository.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<&str> =
        files.iter().flat_map(|file| with_folders(&file.path)).chain([""]).collect();
    let mut findings = Vec::new();
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, text) in (1..).zip(page.text.iter().flat_map(|text| text.lines())) {
            for link in links(text).filter(|link| !link.contains("://")) {
                let (target, heading) = link.split_once('#').unwrap_or((link, ""));
                let path = match target {
                    "" => page.path.clone(),
                    _ => resolve(&page.path, target),
                };
                let led_to = files.iter().find(|file| file.path == path);
                let headings = led_to.and_then(|file| file.text.as_deref());
                if !paths.contains(path.as_str()) {
                    let message = format!("a link to {target}, which is not there");
                    findings.push(Finding::new(&page.path, line, message));
                } else if !heading.is_empty() && !has_heading(headings, heading) {
                    let message = format!("a link to #{heading}, which {path} does not have");
                    findings.push(Finding::new(&page.path, line, message));
                }
            }
        }
    }
    findings
}

/// A path, and each folder that it lies in.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    folders.chain([path])
}

/// What stands in the parentheses of `[text](link)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// The path that a link of a page leads to.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a page has a heading that a link calls so: in lower case, `-` for a blank.
fn has_heading(page: Option<&str>, called: &str) -> bool {
    let headings = page.into_iter().flat_map(str::lines).filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).any(|heading| {
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.collect::<String>().to_lowercase().replace(' ', "-") == called
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            bytes: 1,
            text: Some(text.to_owned()),
        };
        let files = [
            file("README.md", "# A thing\n\n## The client, as it is\n"),
            file("docs/page.md", text),
            file("docs/decisions/0001-why.md", "# Why\n"),
        ];
        check(&files).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn what_is_there_can_be_linked_to() {
        let good = "[a](../README.md) [b](decisions/0001-why.md#why) [c](decisions)\n\
                    [d](decisions/) [e](https://example.org/x) [f](#here) [g](../README.md#the-client-as-it-is)\n\
                    # Here\n";
        assert_eq!(found(good), [0_usize; 0]);
    }

    #[test]
    fn what_is_not_there_is_found_at_its_line() {
        assert_eq!(found("[a](README.md)\n\n[b](../README.md#nothing) [c](#here)\n"), [1, 3, 3]);
    }
}
