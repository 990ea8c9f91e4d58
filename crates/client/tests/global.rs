//! The macros, and the client that they send through.

use std::time::Duration;

use gstatsd_client::{
    StatsClient, counter, decrement, distribution, gauge, global, histogram, increment, set,
    set_global, timer,
};

#[test]
fn macros_send_through_the_client_that_was_set_and_nothing_before() {
    increment!("a");
    assert!(global().is_none());
    let (client, spy) = StatsClient::spy();
    set_global(client).unwrap();
    assert!(set_global(StatsClient::nop()).is_err());
    let name = String::from("b");
    counter!("a", 2);
    increment!(name, "k" => "v",);
    decrement!("c", "k" => name, "bare" => "");
    timer!("d", Duration::from_micros(1_500));
    gauge!("e", 0.5, "k" => "v");
    set!("f", name);
    set!("f", "x", "k" => "v");
    histogram!("g", 1_u64);
    distribution!("h", -1.5);
    assert_eq!(
        spy.take(),
        [
            "a:2|c",
            "b:1|c|#k:v",
            "c:-1|c|#k:b,bare",
            "d:1.5|ms",
            "e:0.5|g|#k:v",
            "f:b|s",
            "f:x|s|#k:v",
            "g:1|h",
            "h:-1.5|d",
        ]
    );
}
