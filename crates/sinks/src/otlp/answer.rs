//! What a collector answers, over whichever transport.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;

use crate::http::shown;
use crate::pieces::Outcome;

/// What a peer says of a request that need not be sent again.
#[derive(Debug)]
pub(super) enum Reply {
    /// It has it, or as much of it as this message says.
    Taken(Vec<u8>),
    /// It is too long.
    TooLarge,
    /// It does not take it, and this is why.
    Refused(String),
}

impl Reply {
    /// What became of the points, and what the peer says of those that it refused.
    pub(super) fn outcome(self) -> (Outcome, Option<String>) {
        let message = match self {
            Self::TooLarge => return (Outcome::TooLarge, None),
            Self::Refused(why) => return (Outcome::Refused, Some(why)),
            Self::Taken(message) => message,
        };
        // What cannot be read does not say that anything was refused.
        let response = ExportMetricsServiceResponse::decode(&message[..]).unwrap_or_default();
        let partial = response.partial_success.unwrap_or_default();
        let rejected = u64::try_from(partial.rejected_data_points).unwrap_or_default();
        let why = shown(partial.error_message.as_bytes());
        (Outcome::Taken { rejected }, Some(why).filter(|why| !why.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;

    use super::*;

    fn taken(rejected_data_points: i64, error_message: &str) -> (Outcome, Option<String>) {
        let error_message = error_message.to_owned();
        let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message };
        let response = ExportMetricsServiceResponse { partial_success: Some(partial) };
        Reply::Taken(response.encode_to_vec()).outcome()
    }

    #[test]
    fn f58_a_partial_success_counts_and_garbage_refuses_nothing() {
        let all = Outcome::Taken { rejected: 0 };
        assert_eq!(taken(3, "a\nb"), (Outcome::Taken { rejected: 3 }, Some("a b".to_owned())));
        assert_eq!(taken(0, "a warning"), (all, Some("a warning".to_owned())));
        assert_eq!(taken(-5, ""), (all, None));
        assert_eq!(taken(1, &"x".repeat(100_000)).1.map(|why| why.len()), Some(200));
        for garbage in [&b"<html>"[..], b"\xff\xff\xff", b"{}", b""] {
            assert_eq!(Reply::Taken(garbage.to_vec()).outcome(), (all, None));
        }
    }
}
