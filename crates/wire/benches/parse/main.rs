//! Time per packet of parsing, for each scanner and for the obvious way: `cargo bench -p
//! gstatsd-wire`. Where one runs beside other programs, the counted instructions of the example
//! `parse_passes` say more.

mod traffic;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gstatsd_wire::{Scanner, parse_obviously};

use crate::traffic::{Sum, Traffic};

fn parse(criterion: &mut Criterion) {
    for traffic in Traffic::ALL {
        let (packets, lines) = traffic.packets();
        let grammar = traffic.grammar();
        let mut group = criterion.benchmark_group(format!("parse {traffic:?}"));
        group.throughput(Throughput::Elements(lines));
        let name = BenchmarkId::from_parameter("obvious");
        group.bench_function(name, |bencher| {
            bencher.iter(|| sum(&packets, |packet, sum| parse_obviously(packet, &grammar, sum)));
        });
        for scanner in Scanner::available() {
            let name = BenchmarkId::new("scan alone", format!("{scanner:?}"));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let counts =
                        packets.iter().map(|packet| scanner.count_marks(black_box(packet)));
                    counts.sum::<u32>()
                });
            });
        }
        for scanner in Scanner::available() {
            let name = BenchmarkId::from_parameter(format!("{scanner:?}"));
            group.bench_function(name, |bencher| {
                bencher.iter(|| sum(&packets, |packet, sum| scanner.parse(packet, &grammar, sum)));
            });
        }
    }
}

fn sum(packets: &[Vec<u8>], mut parse: impl FnMut(&[u8], &mut Sum)) -> Sum {
    let mut sum = Sum::default();
    for packet in packets {
        parse(black_box(packet), &mut sum);
    }
    sum
}

criterion_group!(benches, parse);
criterion_main!(benches);
