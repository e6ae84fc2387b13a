//! Records of one size, of which only the latest stay in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// So many records stay in memory.
const MOST_RECENT: usize = 1 << 16;

/// So many records are read from the file at once.
const READ_AT_ONCE: usize = 1 << 12;

/// Records in the order in which they came. All but the latest lie in a temporary file that has no
/// name, so that nothing is left of it when the process ends in whatever way. Where no such file can
/// be made or written, they stay in memory.
#[derive(Debug, Default)]
pub(super) struct SpillFile<const SIZE: usize> {
    recent: Vec<[u8; SIZE]>,
    filed: usize,
    file: Option<File>,
    /// A file was of no use.
    stays: bool,
}

impl<const SIZE: usize> SpillFile<SIZE> {
    /// Puts one on top.
    pub(super) fn push(&mut self, record: [u8; SIZE]) {
        self.recent.push(record);
    }

    /// Files what is in memory if it is much. What is pushed from now on stays there until this is
    /// called again.
    pub(super) fn make_room(&mut self) {
        self.file_beyond(MOST_RECENT);
    }

    fn file_beyond(&mut self, most: usize) {
        if self.recent.len() < most || self.stays {
            return;
        }
        match self.file_all() {
            Ok(()) => {
                self.filed += self.recent.len();
                self.recent.clear();
            }
            Err(error) => {
                tracing::debug!(%error, "a temporary file is of no use; notes stay in memory");
                self.stays = true;
            }
        }
    }

    fn file_all(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let file = self.file.insert(file);
        file.write_all_at(self.recent.as_flattened(), place(self.filed, SIZE))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.filed + self.recent.len()
    }

    /// The record with that number, from 0. The file may be unreadable.
    pub(super) fn get(&self, number: usize) -> io::Result<[u8; SIZE]> {
        if let Some(recent) = number.checked_sub(self.filed) {
            return Ok(self.recent[recent]);
        }
        let mut record = [0; SIZE];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(&mut record, place(number, SIZE))?;
        Ok(record)
    }

    /// Gives each record with its number, in their order. The file is read once, a piece at a time.
    pub(super) fn each(&self, mut take: impl FnMut(usize, &[u8; SIZE])) -> io::Result<()> {
        let mut pieces = vec![[0; SIZE]; self.filed.min(READ_AT_ONCE)];
        for first in (0..self.filed).step_by(READ_AT_ONCE) {
            let piece = &mut pieces[..(self.filed - first).min(READ_AT_ONCE)];
            let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
            file.read_exact_at(piece.as_flattened_mut(), place(first, SIZE))?;
            (first..).zip(&*piece).for_each(|(number, record)| take(number, record));
        }
        (self.filed..).zip(&self.recent).for_each(|(number, record)| take(number, record));
        Ok(())
    }

    /// The records from one on that was pushed since room was made last.
    pub(super) fn since(&self, number: usize) -> &[[u8; SIZE]] {
        &self.recent[number - self.filed..]
    }
}

fn place(number: usize, size: usize) -> u64 {
    number as u64 * size as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piled(spill: &mut SpillFile<4>, most: usize, pushed: u32) {
        for number in 0..pushed {
            spill.file_beyond(most);
            assert_eq!(spill.len(), number as usize);
            spill.push(number.to_le_bytes());
            assert_eq!(spill.since(number as usize), [number.to_le_bytes()]);
        }
        for number in (0..pushed).rev() {
            assert_eq!(spill.get(number as usize).unwrap(), number.to_le_bytes());
        }
        let mut all = Vec::new();
        spill.each(|number, record| all.push((number, *record))).unwrap();
        assert_eq!(all, (0..pushed).map(|n| (n as usize, n.to_le_bytes())).collect::<Vec<_>>());
    }

    #[test]
    fn records_are_given_back_from_wherever_they_lie() {
        let mut spill = SpillFile::default();
        piled(&mut spill, 30, 10_000);
        assert_eq!((spill.filed, spill.recent.len()), (9_990, 10));
        let mut spill = SpillFile::default();
        piled(&mut spill, MOST_RECENT, 1000);
        assert_eq!((spill.filed, spill.recent.len()), (0, 1000));
    }

    #[test]
    fn what_cannot_be_filed_stays_in_memory() {
        let readable = File::open("/dev/null").unwrap();
        let mut spill = SpillFile { file: Some(readable), ..SpillFile::default() };
        piled(&mut spill, 30, 1000);
        assert_eq!((spill.filed, spill.recent.len(), spill.stays), (0, 1000, true));
    }

    #[test]
    fn a_file_that_lost_its_end_is_an_error() {
        let mut spill = SpillFile::<4>::default();
        piled(&mut spill, 30, 1000);
        spill.file.as_ref().unwrap().set_len(7).unwrap();
        assert!(spill.get(0).is_ok());
        assert!(spill.get(1).is_err());
        assert!(spill.get(999).is_ok());
        assert!(spill.each(|_, _| ()).is_err());
    }
}
