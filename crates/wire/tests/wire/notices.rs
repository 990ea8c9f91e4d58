//! Events and service checks, field by field.

use gstatsd_wire::{Event, Notice, NoticeFields, ServiceCheck, Status};

fn event(line: &str) -> Event<'_> {
    match Notice::read(line.as_bytes()) {
        Some(Notice::Event(event)) => event,
        other => panic!("{other:?} of {line}"),
    }
}

fn check(line: &str) -> ServiceCheck<'_> {
    match Notice::read(line.as_bytes()) {
        Some(Notice::ServiceCheck(check)) => check,
        other => panic!("{other:?} of {line}"),
    }
}

/// Tags as `key:value`, apart by commas.
fn tags(fields: &NoticeFields<'_>) -> String {
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let tags = fields.tags().map(|tag| match tag.value {
        Some(value) => format!("{}:{}", shown(tag.key), shown(value)),
        None => shown(tag.key),
    });
    tags.collect::<Vec<_>>().join(",")
}

#[test]
fn an_event_has_what_its_line_says() {
    let plain = event("_e{5,4}:title|text");
    assert_eq!((plain.title, plain.text), (&b"title"[..], &b"text"[..]));
    assert_eq!(plain.fields, NoticeFields::default());
    let nothing = (plain.priority, plain.alert_type, plain.aggregation_key, plain.source_type);
    assert_eq!(nothing, (None, None, None, None));

    let full = event(
        "_e{3,8}:a|b|x\\ny|z\\n|d:1700000000|h:web1|k:key|p:low|s:src|t:error|zz|#env:prod,b",
    );
    assert_eq!((full.title, full.text), (&b"a|b"[..], &br"x\ny|z\n"[..]));
    assert_eq!(full.fields.timestamp, Some(1_700_000_000));
    assert_eq!(full.fields.host, Some(&b"web1"[..]));
    assert_eq!(full.priority, Some(&b"low"[..]));
    assert_eq!(full.alert_type, Some(&b"error"[..]));
    assert_eq!(full.aggregation_key, Some(&b"key"[..]));
    assert_eq!(full.source_type, Some(&b"src"[..]));
    assert_eq!(tags(&full.fields), "env:prod,b");
}

#[test]
fn a_service_check_has_what_its_line_says() {
    for (index, status) in Status::ALL.into_iter().enumerate() {
        let line = format!("_sc|a b:c|{index}");
        let plain = check(&line);
        assert_eq!((plain.name, plain.status), (&b"a b:c"[..], status));
        assert_eq!((plain.fields, plain.message), (NoticeFields::default(), None));
    }
    assert_eq!(Status::ALL.map(Status::word), ["ok", "warning", "critical", "unknown"]);

    let full = check("_sc|redis|2|d:7|h:web1|#env:dev,,x=y,:no|m:down: all of it");
    assert_eq!(full.fields.timestamp, Some(7));
    assert_eq!(full.fields.host, Some(&b"web1"[..]));
    assert_eq!(full.message, Some(&b"down: all of it"[..]));
    assert_eq!(tags(&full.fields), "env:dev,x:y");
}

#[test]
fn of_several_fields_the_last_holds_and_one_that_cannot_be_read_is_none() {
    let twice = check("_sc|a|0|m:x|m:y|h:1|h:2|#a|#b|d:1|d:x");
    assert_eq!((twice.message, twice.fields.host), (Some(&b"y"[..]), Some(&b"2"[..])));
    assert_eq!((tags(&twice.fields), twice.fields.timestamp), ("b".to_owned(), None));
}

#[test]
fn what_is_not_recognised_is_not_read() {
    for line in ["", "a:1|c", "_e{1,1}:ab|c", "_e{1,1}:a|bc", "_e{", "_sc|", "_sc|a|4", "_sc|a|0x"]
    {
        assert_eq!(Notice::read(line.as_bytes()), None, "{line}");
    }
}
