//! Texts in few allocations, numbered, and shared between their copies.

use std::sync::{Arc, Weak};

use crate::memory::vec_bytes;

/// How many texts a chunk holds.
const CHUNK_TEXTS: usize = 1_024;

/// Texts, numbered from 0 in the order in which they came.
///
/// A clone shares them, so it costs one reference for a thousand texts. What either of the two
/// appends later, the other does not see: a chunk that is shared and has room is copied first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// All but the last are full.
    chunks: Vec<Arc<Chunk>>,
}

/// Texts that are of no use here any more, as long as others share them.
#[derive(Debug, Default)]
pub(crate) struct Buried(Vec<Weak<Chunk>>);

#[derive(Clone, Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Where in `bytes` each text ends; it begins where the one before ends.
    ends: Vec<u32>,
}

impl Texts {
    /// Appends a text, and gives its number.
    pub(crate) fn push(&mut self, text: &[u8]) -> u32 {
        let number = u32::try_from(self.len()).expect("limits keep texts below 2^32");
        if self.chunks.last().is_none_or(|last| last.ends.len() == CHUNK_TEXTS) {
            // Texts are about as long as the ones before: so no chunk has to grow often, which
            // would leave holes of every size in the memory.
            let last = self.chunks.last().map_or(0, |last| last.bytes.len());
            self.chunks.push(Arc::new(Chunk::with_room(last + last / 16)));
        }
        let last = self.chunks.last_mut().expect("there is a chunk with room");
        Arc::make_mut(last).push(text);
        number
    }

    /// The text of this number.
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let (chunk, place) = (number as usize / CHUNK_TEXTS, number as usize % CHUNK_TEXTS);
        let Chunk { bytes, ends } = &*self.chunks[chunk];
        let start = if place == 0 { 0 } else { ends[place - 1] };
        &bytes[start as usize..ends[place] as usize]
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        let Some((last, full)) = self.chunks.split_last() else { return 0 };
        full.len() * CHUNK_TEXTS + last.ends.len()
    }

    /// Whether it has the texts of another under the same numbers, as a clone that grew has.
    pub(crate) fn continues(&self, other: &Self) -> bool {
        let mut both = self.chunks.iter().zip(&other.chunks);
        self.chunks.len() >= other.chunks.len()
            && both.all(|(chunk, older)| Arc::ptr_eq(chunk, older) || chunk.continues(older))
    }

    /// Removes all, here alone.
    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// The memory of the texts, in bytes, whoever shares them.
    pub(crate) fn bytes(&self) -> usize {
        self.reference_bytes() + self.chunks.iter().map(|chunk| chunk.heap_bytes()).sum::<usize>()
    }

    /// The memory of the references to them, in bytes.
    pub(crate) fn reference_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Arc<Chunk>>()
    }
}

impl Buried {
    /// Remembers texts, and forgets those that nobody has any more.
    pub(crate) fn push(&mut self, texts: Texts) {
        self.0.retain(|chunk| chunk.strong_count() > 0);
        self.0.extend(texts.chunks.iter().map(Arc::downgrade));
    }

    /// The memory of those that somebody has, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let living = self.0.iter().filter_map(Weak::upgrade);
        vec_bytes(&self.0) + living.map(|chunk| chunk.heap_bytes()).sum::<usize>()
    }
}

impl Chunk {
    /// One with room for texts of so many bytes together.
    fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(CHUNK_TEXTS) }
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).expect("texts are short"));
        if self.ends.len() == CHUNK_TEXTS {
            self.bytes.shrink_to_fit();
        }
    }

    fn continues(&self, other: &Self) -> bool {
        self.ends.starts_with(&other.ends) && self.bytes.starts_with(&other.bytes)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_their_numbers() {
        let mut texts = Texts::default();
        let text = |number: u32| "x".repeat(number as usize % 7) + &number.to_string();
        for number in 0..3_000 {
            assert_eq!(texts.len(), number as usize);
            assert_eq!(texts.push(text(number).as_bytes()), number);
        }
        assert_eq!(texts.push(b""), 3_000);
        for number in 0..3_000 {
            assert_eq!(texts.text(number), text(number).as_bytes());
        }
        assert_eq!(texts.text(3_000), b"");
        texts.clear();
        assert_eq!(texts.push(b"first again"), 0);
        assert_eq!(texts.text(0), b"first again");
    }

    #[test]
    fn a_clone_shares_what_is_full_and_sees_nothing_that_is_appended_later() {
        let mut texts = Texts::default();
        for number in 0..=CHUNK_TEXTS {
            texts.push(number.to_string().as_bytes());
        }
        let clone = texts.clone();
        texts.push(b"later");
        assert_eq!((texts.len(), clone.len()), (CHUNK_TEXTS + 2, CHUNK_TEXTS + 1));
        assert_eq!(texts.text(1_024), clone.text(1_024));
        let shared = |chunk: usize| Arc::ptr_eq(&texts.chunks[chunk], &clone.chunks[chunk]);
        assert_eq!((shared(0), shared(1)), (true, false));
    }

    #[test]
    fn a_full_chunk_has_no_room_to_spare() {
        let mut texts = Texts::default();
        for _ in 0..CHUNK_TEXTS {
            texts.push(&[b'a'; 35]);
        }
        let references = texts.reference_bytes();
        assert_eq!(texts.bytes() - references - size_of::<Chunk>(), CHUNK_TEXTS * (35 + 4));
    }
}
