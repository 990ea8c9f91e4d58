//! Frames, whole and in pieces.

use proptest::prelude::*;

use super::*;

/// What came of a stream: the frames, the begin of one, and whether it was too long.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    frames: Vec<Vec<u8>>,
    begun: Option<Vec<u8>>,
    too_long: bool,
}

/// Pushes the pieces one after the other. Lines come apart, however they were handed on.
fn outcome(framing: Framing, max: usize, pieces: &[&[u8]]) -> Outcome {
    let mut framer = Framer::new(framing, max);
    let mut frames = Vec::new();
    let mut too_long = false;
    for piece in pieces {
        let pushed = framer.push(piece, |handed_on| {
            for frame in handed_on {
                match framing {
                    Framing::Lines => {
                        frames.extend(frame.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec));
                    }
                    Framing::LengthPrefixed => frames.push(frame.to_vec()),
                }
            }
        });
        if pushed.is_err() {
            too_long = true;
            break;
        }
    }
    // How much is kept of one that is too long depends on the pieces.
    let begun = framer.begun().filter(|_| !too_long).map(<[u8]>::to_vec);
    Outcome { frames, begun, too_long }
}

/// The slow and obvious twin: byte by byte.
fn twin(framing: Framing, max: usize, bytes: &[u8]) -> Outcome {
    let mut twin = Outcome::default();
    let mut begun = Vec::new();
    for byte in bytes {
        begun.push(*byte);
        let (head, whole, long) = match framing {
            Framing::Lines => {
                let whole = *byte == b'\n';
                (0, whole, begun.len() - usize::from(whole) > max)
            }
            Framing::LengthPrefixed => match begun.first_chunk::<4>() {
                None => (4, false, false),
                Some(length) => {
                    let length = u32::from_le_bytes(*length) as usize;
                    (4, begun.len() == 4 + length, length > max)
                }
            },
        };
        if long {
            twin.too_long = true;
            return twin;
        }
        if whole {
            twin.frames.push(begun.split_off(head));
            begun.clear();
        }
    }
    if !begun.is_empty() {
        let head = if framing == Framing::Lines { 0 } else { begun.len().min(4) };
        twin.begun = Some(begun.split_off(head));
    }
    twin
}

fn prefixed(packets: &[&[u8]]) -> Vec<u8> {
    let with_length = |packet: &&[u8]| {
        let length = u32::try_from(packet.len()).unwrap();
        [&length.to_le_bytes(), *packet].concat()
    };
    packets.iter().flat_map(with_length).collect()
}

#[test]
fn f37_a_line_that_is_cut_anywhere_is_one_line() {
    let bytes = b"a:1|c\nbc:2|ms\r\n\nd:3|g";
    let whole = outcome(Framing::Lines, 10, &[bytes]);
    assert_eq!(whole.frames, [&b"a:1|c\n"[..], b"bc:2|ms\r\n", b"\n"]);
    assert_eq!(whole.begun.as_deref(), Some(&b"d:3|g"[..]));
    for at in 0..=bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(outcome(Framing::Lines, 10, &[left, right]), whole, "{at}");
    }
}

#[test]
fn f37_a_packet_that_is_cut_anywhere_is_one_packet() {
    let mut bytes = prefixed(&[b"a:1|c\nb:1|c", b"", b"c:1|c\n"]);
    bytes.extend_from_slice(&[9, 0, 0, 0, b'd']);
    let whole = outcome(Framing::LengthPrefixed, 11, &[&bytes]);
    assert_eq!(whole.frames, [&b"a:1|c\nb:1|c"[..], b"", b"c:1|c\n"]);
    assert_eq!(whole.begun.as_deref(), Some(&b"d"[..]));
    for at in 0..=bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(outcome(Framing::LengthPrefixed, 11, &[left, right]), whole, "{at}");
    }
}

#[test]
fn f32_a_line_may_be_as_long_as_the_limit_and_no_longer() {
    for (line, fits) in [(&b"1234\n"[..], true), (b"12345\n", false), (b"1234", true)] {
        for pieces in [vec![line], line.chunks(1).collect(), line.chunks(3).collect()] {
            let all: Vec<&[u8]> = [&[&b"a\n"[..]], pieces.as_slice()].concat();
            let outcome = outcome(Framing::Lines, 4, &all);
            assert_eq!(outcome.too_long, !fits, "{line:?}");
            assert_eq!(outcome.frames[0], b"a\n");
        }
    }
    // Seen as soon as it is too long, not when it ends.
    assert!(outcome(Framing::Lines, 4, &[b"12345"]).too_long);
}

#[test]
fn f42_a_length_is_believed_only_up_to_the_limit_and_takes_no_memory() {
    for pieces in [vec![&b"\xff\xff\xff\xff"[..]], vec![&b"\xff\xff"[..], b"\xff", b"\xff"]] {
        assert!(outcome(Framing::LengthPrefixed, 8_192, &pieces).too_long);
    }
    let mut framer = Framer::new(Framing::LengthPrefixed, 8_192);
    framer.push(&[0, 32, 0, 0], |_| ()).unwrap();
    assert!(framer.begun.capacity() < 64, "8,192 bytes are announced and none has come");
    assert_eq!(framer.begun(), Some(&b""[..]));
    assert_eq!(framer.push(&[0; 8_192], |_| ()), Ok(()));
    assert_eq!(framer.begun(), None);
    assert_eq!(framer.push(&[1, 32, 0, 0], |_| ()), Err(TooLong));
}

#[test]
fn of_a_line_that_is_too_long_the_begin_is_kept_to_be_shown() {
    for pieces in [&[&b"abcdefgh"[..]][..], &[b"ab", b"cdefgh"], &[b"abcd", b"e"]] {
        let mut framer = Framer::new(Framing::Lines, 4);
        let pushed: Vec<_> = pieces.iter().map(|piece| framer.push(piece, |_| ())).collect();
        assert_eq!(pushed.last(), Some(&Err(TooLong)));
        assert!(framer.begun().unwrap().starts_with(b"abcd"));
        assert!(framer.begun().unwrap().len() <= 8);
    }
}

proptest! {
    #[test]
    fn property_test_any_split_of_a_stream_gives_the_same_frames(
        bytes in prop_oneof![
            "[ab\r\n]{0,60}".prop_map(String::into_bytes),
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..6)
                .prop_map(|packets| {
                    prefixed(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>())
                }),
            prop::collection::vec(0_u8..4, 0..60),
        ],
        cuts in prop::collection::vec(0_usize..60, 0..10),
        max in 1_usize..12,
        framing in prop_oneof![Just(Framing::Lines), Just(Framing::LengthPrefixed)],
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let expected = twin(framing, max, &bytes);
        prop_assert_eq!(&outcome(framing, max, &[&bytes]), &expected);
        prop_assert_eq!(&outcome(framing, max, &pieces), &expected);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&outcome(framing, max, &single), &expected);
    }
}
