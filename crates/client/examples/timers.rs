//! How do I measure how long something takes?

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread::sleep;
use std::time::Duration;

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::new("localhost:8125")?;
    let mut timer = client.get_timer("work");

    // A closure.
    let sum = timer.time(|| 1 + 1);

    // A part of a function: until the guard is dropped.
    {
        let _guard = timer.guard();
        sleep(Duration::from_millis(sum));
    }

    // A stopwatch.
    timer.start();
    sleep(Duration::from_millis(1));
    let took = timer.stop();
    assert!(took >= Some(Duration::from_millis(1)));

    // A future, in any runtime; this one is ready at once.
    let future = pin!(timer.time_future(async { "done" }));
    assert_eq!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready("done"));

    // Something that measured itself.
    timer.record(Duration::from_micros(1_500));
    Ok(())
}
