//! Events and service checks on their way from a worker to the sinks, as the lines they came in.

/// How many bytes of them a worker holds at most in an interval.
pub(crate) const NOTICE_BYTES_MAX: usize = 1 << 20;
/// What each takes besides its bytes.
const OVERHEAD: usize = size_of::<usize>();

/// Lines, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How many bytes of the same interval are held elsewhere.
    elsewhere: usize,
}

impl Notices {
    /// Appends a line; says whether there was room for it.
    pub(crate) fn push(&mut self, line: &[u8]) -> bool {
        let has_room = self.elsewhere + self.bytes() + line.len() + OVERHEAD <= NOTICE_BYTES_MAX;
        if has_room {
            self.append(line);
        }
        has_room
    }

    /// Goes on with an interval of which another holds the lines so far.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.elsewhere = other.elsewhere + other.bytes();
    }

    /// Appends all lines of another.
    pub(crate) fn extend(&mut self, other: &Self) {
        other.iter().for_each(|line| self.append(line));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |next, &end| {
            let start = std::mem::replace(next, end);
            Some(&self.text[start..end])
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * OVERHEAD
    }

    /// All of the memory that they have.
    pub(crate) fn room_bytes(&self) -> usize {
        crate::memory::vec_bytes(&self.text) + crate::memory::vec_bytes(&self.ends)
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.elsewhere = 0;
    }

    /// Appends a line, whether there is room for it or not.
    pub(crate) fn append(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_in_order_and_those_of_several_workers_together() {
        let mut notices = Notices::default();
        for line in ["_sc|a|0", "_e{0,0}:|", "_sc|b|1"] {
            assert!(notices.push(line.as_bytes()));
        }
        let other = notices.clone();
        notices.extend(&other);
        let lines: Vec<_> = notices.iter().collect();
        assert_eq!(lines[..3], [&b"_sc|a|0"[..], b"_e{0,0}:|", b"_sc|b|1"]);
        assert_eq!((lines.len(), lines[3..] == lines[..3], notices.len()), (6, true, 6));
        notices.clear();
        assert_eq!((notices.len(), notices.bytes(), notices.iter().count()), (0, 0, 0));
    }

    #[test]
    fn a_worker_holds_so_many_bytes_and_no_more() {
        let mut notices = Notices::default();
        let line = [b'x'; 1_000];
        let mut taken = 0;
        while notices.push(&line) {
            taken += 1;
        }
        assert_eq!(taken, NOTICE_BYTES_MAX / (line.len() + OVERHEAD));
        assert!(notices.bytes() <= NOTICE_BYTES_MAX);
        assert!(notices.push(b""), "a shorter one fits in");
    }
}
