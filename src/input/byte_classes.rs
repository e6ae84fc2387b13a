//! Finds the end of a field and the classes of the characters in it.
//!
//! It reads one byte at a time, through a table: the fields of a column have similar lengths, so
//! the processor predicts their ends. Eight bytes at a time took twice as long, because each field
//! had to wait for the end of the one before it.

use super::cells::CharClass;

/// What sort of character each byte is, in a field that some of them end.
#[derive(Debug, Clone)]
pub(super) struct ByteClasses([u8; 256]);

/// Ends a field; no set of classes has this value.
const STOP: u8 = u8::MAX;

impl ByteClasses {
    /// Fields that three characters end.
    #[expect(clippy::cast_possible_truncation, reason = "the table has 256 places")]
    pub(super) const fn of(stops: [u8; 3]) -> Self {
        let mut sorts = [STOP; 256];
        let mut byte = 0;
        while byte <= u8::MAX as usize {
            let is_stop =
                byte == stops[0] as usize || byte == stops[1] as usize || byte == stops[2] as usize;
            if !is_stop {
                sorts[byte] = CharClass::of(byte as u8).0;
            }
            byte += 1;
        }
        Self(sorts)
    }

    /// The position of the first stop byte from `at` on, or the end of the text; and the classes
    /// before it.
    #[inline]
    pub(super) fn find(&self, text: &[u8], at: usize) -> (usize, CharClass) {
        let (mut held, mut start) = (CharClass::NONE, at);
        let mut stops = |byte: &u8| match self.0[usize::from(*byte)] {
            STOP => true,
            sort => {
                held = held.and(CharClass(sort));
                false
            }
        };
        // Four at once only to make the loop long: the time of a short one depends on where the
        // linker places it.
        while let Some(four) = text[start..].first_chunk::<4>() {
            if let Some(place) = four.iter().position(&mut stops) {
                return (start + place, held);
            }
            start += 4;
        }
        let place = text[start..].iter().position(&mut stops);
        (place.map_or(text.len(), |place| start + place), held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte after the other.
    fn slowly(stops: [u8; 3], text: &[u8], at: usize) -> (usize, CharClass) {
        let rest = &text[at..];
        let length = rest.iter().position(|b| stops.contains(b)).unwrap_or(rest.len());
        let inside = &rest[..length];
        let is_word = |b: &u8| b.is_ascii_alphabetic() || b"-_.".contains(b);
        let words = inside.iter().any(is_word);
        let other = inside.iter().any(|b| !is_word(b) && !b.is_ascii_digit());
        let class = if words { CharClass::of(b'a') } else { CharClass::NONE };
        (at + length, if other { class.and(CharClass::UNKNOWN) } else { class })
    }

    #[test]
    fn every_byte_is_what_it_is_at_every_place() {
        let stops = [b',', b'\n', b'\r'];
        for byte in 0..=u8::MAX {
            for length in 0..4 {
                for at in 0..length {
                    for fill in [b'0', b'a', 0xff, byte] {
                        let mut text = vec![fill; length];
                        text[at] = byte;
                        let found = ByteClasses::of(stops).find(&text, 0);
                        assert_eq!(found, slowly(stops, &text, 0), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn stops_are_found_from_any_place_on() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let stops = [random.choice(b",;\t").copied().unwrap_or(b','), b'\n', b'\r'];
            let alphabet = b"0123456789abcXYZ-_. ,;\t\n\r\"\0\x7f\xe4\xb8\xad\xff";
            let length = random.usize(..40);
            let text: Vec<u8> =
                (0..length).map(|_| alphabet[random.usize(..alphabet.len())]).collect();
            let at = random.usize(..=length);
            assert_eq!(
                ByteClasses::of(stops).find(&text, at),
                slowly(stops, &text, at),
                "{text:?}"
            );
        }
    }
}
