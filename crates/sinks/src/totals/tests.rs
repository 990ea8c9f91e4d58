//! Totals that another process goes on with.

use std::sync::{Arc, Mutex};

use gstatsd_aggregate::{Naming, Window};
use proptest::prelude::*;

use super::*;
use crate::{Format, Prometheus, PrometheusSettings, Scrape, Sink, TimerForm};

/// What is kept, and how it went; a clone is the same.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    kept: Option<Vec<u8>>,
    read: Option<Result<usize, DecodeError>>,
    is_busy: bool,
    ended: bool,
}

impl TotalsKeeper for Memory {
    fn begin(
        &mut self,
        wait: bool,
        read: &mut dyn FnMut(&[u8]) -> Result<usize, DecodeError>,
    ) -> bool {
        let mut told = self.0.lock().unwrap();
        if told.is_busy && !wait {
            return false;
        }
        told.read = told.kept.as_deref().map(read);
        true
    }

    fn keep(&mut self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.0.lock().unwrap().kept = Some(out);
    }

    fn end(&mut self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        self.keep(write);
        self.0.lock().unwrap().ended = true;
    }
}

fn page(timers: TimerForm, seconds: bool, memory: &Memory) -> (Prometheus, Scrape) {
    let settings = PrometheusSettings {
        timers,
        seconds,
        idle_flushes_max: 30,
        quantile_flushes_max: 3,
        text_bytes_max: 1 << 20,
    };
    let (mut page, scrape) = Prometheus::new(settings);
    page.keep_totals(Box::new(memory.clone()));
    (page, scrape)
}

fn naming() -> Naming {
    Naming::gstatsd("", 90.0, "")
}

/// The snapshot of this number, with a bit of everything.
fn snapshot(number: u64) -> Snapshot {
    #[expect(clippy::cast_possible_wrap, reason = "few")]
    let timestamp = 1_700_000_000 + 10 * number as i64;
    let mut snapshot = Snapshot::new(Window { timestamp, seconds: 10.0 });
    snapshot.number = number;
    snapshot.push_counter(b"orders", 2.5);
    snapshot.push_counter(b"requests\x1fenv\x1e\"p\\rod\n", 1e15);
    snapshot.push_gauge(b"load", -0.25);
    snapshot.push_timer(b"latency", &[1.0, 2.0, 500.0]);
    snapshot.push_set(b"users", [&b"a"[..], b"b"]);
    snapshot
}

fn shown(scrape: &Scrape, format: Format) -> String {
    let (mut page, mut exposition) = (Vec::new(), scrape.exposition(format));
    while exposition.write(&mut page) {}
    String::from_utf8_lossy(&page).into_owned()
}

fn forms() -> [TimerForm; 3] {
    [TimerForm::Summary(vec![0.5, 0.9]), TimerForm::Histogram(vec![0.002, 1.0]), TimerForm::Native]
}

#[test]
fn a_page_goes_on_with_its_totals_and_their_start() {
    for form in forms() {
        let (whole, parted) = (Memory::default(), Memory::default());
        let (mut alone, alone_shown) = page(form.clone(), true, &whole);
        let (mut first, _) = page(form.clone(), true, &parted);
        let mut early = snapshot(1);
        early.push_counter(b"only.once", 3.0);
        for page in [&mut alone, &mut first] {
            page.send(&early, &naming()).unwrap();
            page.send(&snapshot(2), &naming()).unwrap();
        }
        let kept = parted.0.lock().unwrap().kept.clone();
        first.end();
        assert_eq!(parted.0.lock().unwrap().kept, kept, "each flush was kept as it was shown");
        assert!(parted.0.lock().unwrap().ended);
        let (mut second, second_shown) = page(form.clone(), true, &parted);
        second.prepare();
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            assert_eq!(shown(&second_shown, format), shown(&alone_shown, format));
        }
        for page in [&mut alone, &mut second] {
            page.send(&snapshot(3), &naming()).unwrap();
        }
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            assert_eq!(shown(&second_shown, format), shown(&alone_shown, format), "{form:?}");
        }
        let text = shown(&second_shown, Format::Text);
        assert!(text.contains("orders_total 7.5\n"), "{text}");
        assert!(text.contains("only_once_total 3\n"), "{text}");
    }
}

#[test]
fn a_snapshot_that_comes_to_the_next_process_too_counts_once() {
    let memory = Memory::default();
    let (mut first, _) = page(forms()[0].clone(), true, &memory);
    first.send(&snapshot(1), &naming()).unwrap();
    let (mut second, scrape) = page(forms()[0].clone(), true, &memory);
    let mut again = snapshot(1);
    // As one that comes from a spool.
    again.number |= Snapshot::OUTLIVED | 0x0123_4567 << 32;
    second.send(&again, &naming()).unwrap();
    assert!(shown(&scrape, Format::Text).contains("orders_total 2.5\n"));
    // Intervals shorter than a second may have all of this alike.
    second.send(&snapshot(1), &naming()).unwrap();
    assert!(shown(&scrape, Format::Text).contains("orders_total 5\n"));
}

#[test]
fn what_was_idle_for_too_long_while_nobody_ran_is_gone() {
    let memory = Memory::default();
    let (mut first, _) = page(forms()[0].clone(), true, &memory);
    let mut old = snapshot(1);
    old.push_counter(b"old", 1.0);
    first.send(&old, &naming()).unwrap();
    for (gone, is_shown) in [(29, true), (31, false)] {
        let (mut second, scrape) = page(forms()[0].clone(), true, &memory);
        let kept = memory.0.lock().unwrap().kept.clone();
        second.send(&snapshot(1 + gone), &naming()).unwrap();
        memory.0.lock().unwrap().kept = kept;
        assert_eq!(shown(&scrape, Format::Text).contains("old_total"), is_shown, "{gone}");
    }
}

#[test]
fn timers_that_were_shown_in_another_way_begin_anew_and_the_rest_goes_on() {
    let ways = forms().into_iter().flat_map(|form| [(form.clone(), true), (form, false)]);
    for (form, seconds) in ways {
        let memory = Memory::default();
        let (mut first, _) = page(TimerForm::Summary(vec![0.25]), true, &memory);
        first.send(&snapshot(1), &naming()).unwrap();
        let (mut second, scrape) = page(form, seconds, &memory);
        second.prepare();
        assert_eq!(memory.0.lock().unwrap().read, Some(Ok(4)));
        let text = shown(&scrape, Format::Text);
        assert!(text.contains("orders_total 2.5") && !text.contains("latency"), "{text}");
    }
}

#[test]
fn while_another_process_has_the_totals_only_a_snapshot_waits_for_them() {
    let memory = Memory::default();
    page(forms()[0].clone(), true, &memory).0.send(&snapshot(1), &naming()).unwrap();
    memory.0.lock().unwrap().is_busy = true;
    let (mut second, scrape) = page(forms()[0].clone(), true, &memory);
    second.prepare();
    assert_eq!(shown(&scrape, Format::Text), "");
    second.send(&snapshot(2), &naming()).unwrap();
    assert!(shown(&scrape, Format::Text).contains("orders_total 5\n"));
}

#[test]
fn what_is_not_sound_changes_nothing() {
    let honest = page_image();
    let read = |bytes: &[u8]| {
        let memory = Memory::default();
        memory.0.lock().unwrap().kept = Some(bytes.to_vec());
        let (mut page, scrape) = page(forms()[0].clone(), true, &memory);
        page.prepare();
        let read = memory.0.lock().unwrap().read.take().unwrap();
        assert!(read.is_ok() || shown(&scrape, Format::Text).is_empty());
        read
    };
    assert_eq!(read(&honest), Ok(5));
    for cut in 0..honest.len() {
        assert!(read(&honest[..cut]).is_err(), "{cut}");
    }
    assert!(read(&[&honest[..], b"x"].concat()).is_err());
    let newer = [&[VERSION + 1], &honest[1..]].concat();
    assert_eq!(read(&newer), Err(DecodeError::Version(VERSION + 1)));
    // Those of another kind of sink are nobody's fault.
    let other = [&[VERSION, Totalled::Otlp as u8], &honest[2..]].concat();
    assert_eq!(read(&other), Ok(0));
}

fn page_image() -> Vec<u8> {
    let memory = Memory::default();
    let (mut page, _) = page(forms()[0].clone(), true, &memory);
    page.send(&snapshot(1), &naming()).unwrap();
    memory.0.lock().unwrap().kept.clone().unwrap()
}

/// What a sink wrote, without what stands before it.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for form in forms() {
        let memory = Memory::default();
        page(form, true, &memory).0.send(&snapshot(1), &naming()).unwrap();
        let image = memory.0.lock().unwrap().kept.clone().unwrap();
        let mut reader = Reader::new(&image);
        read_head(Totalled::Page, &mut reader).unwrap();
        let mut head = vec![VERSION, Totalled::Page as u8, 1];
        put_signed(snapshot(1).window.timestamp, &mut head);
        put(1, &mut head);
        bodies.push(image[head.len()..].to_vec());
    }
    bodies.push(crate::otlp::image_of(&snapshot(1)));
    bodies
}

proptest! {
    #[test]
    fn property_test_any_change_of_bytes_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
    ) {
        for mut bytes in bodies() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            fuzz_totals(&bytes);
        }
    }

    #[test]
    fn property_test_any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        fuzz_totals(&bytes);
    }
}
