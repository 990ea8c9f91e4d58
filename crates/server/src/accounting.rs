//! How the books stand: what each flush publishes, and the identities in it.
//!
//! ```text
//! flush --> Board: an immutable Standing <-- whoever shows it
//! ```
//!
//! Nothing is asked of the flush: who looks sees how everything stood at the last one.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

/// How everything stood at a flush.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The timestamp of the flush, in seconds since the epoch.
    pub(crate) timestamp: Option<i64>,
    /// What stands before the names of own metrics, with its dot; empty where there are none.
    pub(crate) prefix: String,
    /// Every own metric by its name without what stands before it, in the order in which they are
    /// told.
    pub(crate) metrics: Vec<(String, u64)>,
    /// How far each identity is from closing.
    pub(crate) identities: Vec<Identity>,
    /// Who sends most and makes most names.
    pub(crate) heaviest: Heaviest,
}

/// Who sends most of what was looked at, and whose names make most of the new series, each with
/// its share in hundredths: bounded in number and in length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heaviest {
    /// Prefixes of names, made safe to be shown.
    pub(crate) prefixes: Vec<(String, u64)>,
    /// IP addresses.
    pub(crate) senders: Vec<(String, u64)>,
}

impl Heaviest {
    /// The shares by their places, as own metrics: the names are no part of these.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, u64)) {
        for (what, all) in [("prefixes", &self.prefixes), ("senders", &self.senders)] {
            for (place, (_, percent)) in (1..).zip(all) {
                emit(&format!("heaviest.{what}.{place}.percent"), *percent);
            }
        }
    }

    fn json(&self) -> Value {
        let list = |all: &[(String, u64)], what: &str| -> Vec<Value> {
            all.iter().map(|(name, percent)| json!({ what: name, "percent": percent })).collect()
        };
        json!({
            "prefixes": list(&self.prefixes, "prefix"),
            "senders": list(&self.senders, "address"),
        })
    }
}

/// How far an identity is from closing, and which own metrics are its terms.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What it is about.
    pub(crate) name: String,
    /// 0 when everything is accounted for.
    pub(crate) residual: i128,
    /// Its terms are the own metrics whose names begin so.
    pub(crate) stem: String,
}

/// Where the last standing is to be seen. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<Arc<Standing>>>);

impl Board {
    /// Shows a standing in place of the last one.
    pub(crate) fn publish(&self, standing: Standing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(standing);
    }

    /// The last one.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Standing {
    /// Each identity with its terms and its residual, and all own metrics, as JSON.
    pub(crate) fn json(&self) -> String {
        let all = |stem: &str| -> Map<String, Value> {
            let terms = self.metrics.iter().filter(|(name, _)| name.starts_with(stem));
            terms.map(|(name, count)| (name.clone(), Value::from(*count))).collect()
        };
        let identities = self.identities.iter().map(|Identity { name, residual, stem }| {
            // Far from all that fits: what does not is as wrong as what does.
            let residual = i64::try_from(*residual).unwrap_or(i64::MAX);
            json!({ "name": name, "residual": residual, "terms": all(stem) })
        });
        let identities: Vec<Value> = identities.collect();
        let closes = self.identities.iter().all(|identity| identity.residual == 0);
        let text = json!({
            "timestamp": self.timestamp,
            "closes": closes,
            "identities": identities,
            "heaviest": self.heaviest.json(),
            "metrics": all(""),
        });
        format!("{text:#}\n")
    }

    /// Each identity with its residual, and then all own metrics, as lines of text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let when = match self.timestamp {
            Some(timestamp) => format!("flush at {timestamp}"),
            None => "before the first flush".to_owned(),
        };
        let mut lines: Vec<_> = self
            .identities
            .iter()
            .map(|Identity { name, residual, .. }| format!("{when}: {name}.residual={residual}"))
            .collect();
        let metrics = self.metrics.iter().map(|(name, count)| format!(" {name}={count}"));
        lines.push(format!("{when}:{}", metrics.collect::<String>()));
        lines
    }

    /// All own metrics in the text format of Prometheus, called as its sink calls them.
    pub(crate) fn prometheus(&self) -> String {
        // Without a name for own metrics they still need one here.
        let prefix = if self.prefix.is_empty() { "gstatsd." } else { &self.prefix };
        let mut text = String::new();
        for (name, count) in &self.metrics {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name: String = format!("{prefix}{name}")
                .chars()
                .map(|c| if is_plain(c) { c } else { '_' })
                .collect();
            // A digit cannot begin a name.
            let before = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
            text.push_str(&format!(
                "# HELP {before}{name} Of the daemon itself.\n# TYPE {before}{name} untyped\n\
                 {before}{name} {count}\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let metrics = [("lines.received", 3), ("lines.metric", 2), ("sinks.a-b.points.emitted", 1)];
        let metrics = metrics.map(|(name, count)| (name.to_owned(), count)).to_vec();
        let (name, stem) = ("lines".to_owned(), "lines.".to_owned());
        let identities = vec![Identity { name, residual: 1, stem }];
        let heaviest = Heaviest {
            prefixes: vec![("shop.cart".to_owned(), 71)],
            senders: vec![("10.0.0.1".to_owned(), 62), ("::1".to_owned(), 30)],
        };
        Standing { timestamp: Some(7), prefix: "9own.".to_owned(), metrics, identities, heaviest }
    }

    #[test]
    fn an_identity_has_its_terms_and_its_residual() {
        let board = Board::default();
        board.clone().publish(standing());
        let shown: Value = serde_json::from_str(&board.standing().json()).unwrap();
        let lines = json!({ "lines.received": 3, "lines.metric": 2 });
        assert_eq!(
            shown["identities"],
            json!([{ "name": "lines", "residual": 1, "terms": lines }])
        );
        let shop = json!([{ "prefix": "shop.cart", "percent": 71 }]);
        assert_eq!(shown["heaviest"]["prefixes"], shop);
        assert_eq!(shown["heaviest"]["senders"][1], json!({ "address": "::1", "percent": 30 }));
        let mut named = Vec::new();
        standing().heaviest.named(|name, percent| named.push(format!("{name}={percent}")));
        assert_eq!(
            named,
            [
                "heaviest.prefixes.1.percent=71",
                "heaviest.senders.1.percent=62",
                "heaviest.senders.2.percent=30",
            ]
        );
        assert_eq!((&shown["timestamp"], &shown["closes"]), (&json!(7), &json!(false)));
        assert_eq!(shown["metrics"]["sinks.a-b.points.emitted"], 1);
    }

    #[test]
    fn lines_tell_each_residual_and_all_metrics() {
        let expected = [
            "flush at 7: lines.residual=1",
            "flush at 7: lines.received=3 lines.metric=2 sinks.a-b.points.emitted=1",
        ];
        assert_eq!(standing().lines(), expected);
        assert_eq!(Standing::default().lines(), ["before the first flush:"]);
    }

    #[test]
    fn prometheus_finds_valid_names() {
        let text = standing().prometheus();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected =
            ["_9own_lines_received 3", "_9own_lines_metric 2", "_9own_sinks_a_b_points_emitted 1"];
        assert_eq!(lines, expected);
        assert!(text.starts_with("# HELP _9own_lines_received Of the daemon itself.\n"), "{text}");
        let unnamed = Standing { prefix: String::new(), ..standing() };
        assert!(unnamed.prometheus().contains("\ngstatsd_lines_metric 2\n"));
    }
}
