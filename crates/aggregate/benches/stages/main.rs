//! What each stage behind the parser costs: `cargo bench -p gstatsd-aggregate --bench stages`.
//! Where other programs run beside it, the counted instructions of the example `stage_passes` say
//! more.

mod stage;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use crate::stage::{Stage, Workshop};

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stages");
    for stage in Stage::ALL {
        let mut workshop = Workshop::new();
        workshop.prepare(stage);
        group.throughput(Throughput::Elements(workshop.pass(stage)));
        let workshop = std::cell::RefCell::new(workshop);
        group.bench_function(format!("{stage:?}"), |bencher| {
            let prepare = || workshop.borrow_mut().prepare(stage);
            let pass = |()| workshop.borrow_mut().pass(stage);
            bencher.iter_batched(prepare, pass, BatchSize::PerIteration);
        });
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
