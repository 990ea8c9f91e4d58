//! What is reported to the `metrics` facade.

use gstatsd_client::{Recorder, Spy, StatsClient};

/// The lines that some code causes.
fn lines(adjust: impl FnOnce(Recorder) -> Recorder, code: impl FnOnce(&Spy)) -> Vec<String> {
    let (client, spy) = StatsClient::spy();
    metrics::with_local_recorder(&adjust(Recorder::new(client)), || code(&spy));
    spy.take()
}

#[test]
fn counters_send_changes_and_absolute_values_send_differences() {
    let lines = lines(
        |recorder| recorder,
        |_| {
            metrics::counter!("a", "k" => "v:|", "bare" => "").increment(2);
            metrics::counter!("b").absolute(5);
            metrics::counter!("b").absolute(3);
            metrics::counter!("b").absolute(7);
            metrics::counter!("b").increment(1);
            metrics::counter!("b").absolute(9);
        },
    );
    assert_eq!(lines, ["a:2|c|#k:v:%7C,bare", "b:5|c", "b:2|c", "b:1|c", "b:1|c"]);
}

#[test]
fn gauges_send_their_values_and_remember_them_by_key() {
    let lines = lines(
        |recorder| recorder,
        |_| {
            metrics::gauge!("a", "k" => "v").set(1.5);
            metrics::gauge!("a", "k" => "v").increment(1);
            metrics::gauge!("a").increment(1);
            metrics::gauge!("a", "k" => "v").decrement(4);
        },
    );
    assert_eq!(lines, ["a:1.5|g|#k:v", "a:2.5|g|#k:v", "a:1|g", "a:-1.5|g|#k:v"]);
}

#[test]
fn histograms_are_of_the_type_that_was_asked_for() {
    let record = |_: &Spy| metrics::histogram!("a", "k" => "v").record(0.25);
    assert_eq!(lines(|recorder| recorder, record), ["a:0.25|h|#k:v"]);
    assert_eq!(lines(Recorder::with_distributions, record), ["a:0.25|d|#k:v"]);
    assert_eq!(lines(Recorder::with_timers, record), ["a:0.25|ms|#k:v"]);
}
