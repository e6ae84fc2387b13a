//! A list of records of one size, of which only the latest stay in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The maximum number of records in memory.
const MOST_RECENT: usize = 1 << 16;

/// The number of records per read.
const READ_AT_ONCE: usize = 1 << 12;

/// Records in order. All but the latest are in a temporary file without a name, which disappears
/// when the process ends in any way. If it can't be created or written, they stay in memory.
#[derive(Debug, Default)]
pub(super) struct SpillFile<const SIZE: usize> {
    recent: Vec<[u8; SIZE]>,
    in_file: usize,
    file: Option<File>,
    /// The file can't be used.
    is_unusable: bool,
}

impl<const SIZE: usize> SpillFile<SIZE> {
    /// Adds a record.
    pub(super) fn push(&mut self, record: [u8; SIZE]) {
        self.recent.push(record);
    }

    /// Moves the records in memory to the file if there are many. Records added from now on stay in
    /// memory until the next call.
    pub(super) fn make_room(&mut self) {
        self.spill_beyond(MOST_RECENT);
    }

    fn spill_beyond(&mut self, most: usize) {
        if self.recent.len() < most || self.is_unusable {
            return;
        }
        match self.spill() {
            Ok(()) => {
                self.in_file += self.recent.len();
                self.recent.clear();
            }
            Err(error) => {
                tracing::debug!(%error, "a temporary file is of no use; notes stay in memory");
                self.is_unusable = true;
            }
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let file = self.file.insert(file);
        file.write_all_at(self.recent.as_flattened(), place(self.in_file, SIZE))
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.in_file + self.recent.len()
    }

    /// The record with that number, from 0. Fails if the file can't be read.
    pub(super) fn get(&self, number: usize) -> io::Result<[u8; SIZE]> {
        if let Some(recent) = number.checked_sub(self.in_file) {
            return Ok(self.recent[recent]);
        }
        let mut record = [0; SIZE];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(&mut record, place(number, SIZE))?;
        Ok(record)
    }

    /// Calls `take` with each record and its number, in order. The file is read once, in pieces.
    pub(super) fn each(&self, mut take: impl FnMut(usize, &[u8; SIZE])) -> io::Result<()> {
        let mut pieces = vec![[0; SIZE]; self.in_file.min(READ_AT_ONCE)];
        for first in (0..self.in_file).step_by(READ_AT_ONCE) {
            let piece = &mut pieces[..(self.in_file - first).min(READ_AT_ONCE)];
            let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
            file.read_exact_at(piece.as_flattened_mut(), place(first, SIZE))?;
            (first..).zip(&*piece).for_each(|(number, record)| take(number, record));
        }
        (self.in_file..).zip(&self.recent).for_each(|(number, record)| take(number, record));
        Ok(())
    }

    /// The records from `number` on, which must have been added since the last
    /// [`SpillFile::make_room`].
    pub(super) fn since(&self, number: usize) -> &[[u8; SIZE]] {
        &self.recent[number - self.in_file..]
    }
}

fn place(number: usize, size: usize) -> u64 {
    number as u64 * size as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_all(spill: &mut SpillFile<4>, most: usize, pushed: u32) {
        for number in 0..pushed {
            spill.spill_beyond(most);
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
    fn records_are_read_from_file_and_memory() {
        let mut spill = SpillFile::default();
        push_all(&mut spill, 30, 10_000);
        assert_eq!((spill.in_file, spill.recent.len()), (9_990, 10));
        let mut spill = SpillFile::default();
        push_all(&mut spill, MOST_RECENT, 1000);
        assert_eq!((spill.in_file, spill.recent.len()), (0, 1000));
    }

    #[test]
    fn records_stay_in_memory_if_the_file_cannot_be_written() {
        let readable = File::open("/dev/null").unwrap();
        let mut spill = SpillFile { file: Some(readable), ..SpillFile::default() };
        push_all(&mut spill, 30, 1000);
        assert_eq!((spill.in_file, spill.recent.len(), spill.is_unusable), (0, 1000, true));
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let mut spill = SpillFile::<4>::default();
        push_all(&mut spill, 30, 1000);
        spill.file.as_ref().unwrap().set_len(7).unwrap();
        assert!(spill.get(0).is_ok());
        assert!(spill.get(1).is_err());
        assert!(spill.get(999).is_ok());
        assert!(spill.each(|_, _| ()).is_err());
    }
}
