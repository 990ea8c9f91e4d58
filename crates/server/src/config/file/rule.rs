//! The tables `[[rule]]` as typed.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Numbers, ShortNumber, short_number};

/// One table `[[rule]]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileRule {
    /// `rule.match`
    #[serde(rename = "match")]
    pub(crate) glob: Option<String>,
    /// `rule.contains`
    pub(crate) contains: Option<String>,
    /// `rule.kinds`
    pub(crate) kinds: Option<Vec<String>>,
    /// `rule.drop`
    pub(crate) drop: Option<bool>,
    /// `rule.rename`
    pub(crate) rename: Option<String>,
    /// `rule.absolute`
    pub(crate) absolute: Option<bool>,
    /// `rule.percent`
    pub(crate) percent: Option<Numbers>,
    /// `rule.timer_statistics`
    pub(crate) timer_statistics: Option<Vec<String>>,
    /// `rule.buckets`
    pub(crate) buckets: Option<Vec<Bound>>,
    /// `rule.ttl`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) ttl: Option<f64>,
    /// `rule.tags`
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// The upper bound of a bucket: a number or `"inf"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound(pub(crate) f64);

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number or \"inf\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Bound, E> {
        #[expect(clippy::cast_precision_loss, reason = "TOML means the nearest number")]
        let number = number as f64;
        Ok(Bound(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Bound, E> {
        Ok(Bound(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bound, E> {
        match text {
            "inf" => Ok(Bound(f64::INFINITY)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_infinite() {
            true => serializer.serialize_str("inf"),
            false => ShortNumber(self.0).serialize(serializer),
        }
    }
}
