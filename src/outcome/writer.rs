//! The last stage of an outcome: adds the results to rows and writes them to the disk.

use super::Tally;
use super::result_columns::ResultColumns;
use super::rows::Block;
use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// The number of bytes per write.
const WRITTEN_BYTES: usize = 1 << 18;

/// The number of bytes per sync.
const SYNCED_BYTES: usize = 1 << 23;

/// The number of rows per look-up of results.
const LOOKED_UP_ROWS: usize = 256;

/// An outcome that is being written.
pub(super) struct OutcomeWriter<'a> {
    file: &'a File,
    results: ResultColumns<'a>,
    tally: Tally,
    /// The number of rows so far.
    rows: usize,
    /// Bytes to write.
    buffer: Vec<u8>,
    unsynced: usize,
    sync: SyncSender<()>,
}

/// Writes an outcome that starts with `begin`; `write` adds the rows.
///
/// Another thread syncs what was written while more is written, so that the last sync is short. It
/// reports its errors here, because the operating system reports a write-back error only once.
pub(super) fn write_outcome<'a, A>(
    file: &'a File,
    begin: Vec<u8>,
    results: ResultColumns<'a>,
    write: impl FnOnce(&mut OutcomeWriter<'a>) -> (A, io::Result<()>),
) -> (A, io::Result<Tally>) {
    let (sync, asked) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        let syncing = scope.spawn(move || asked.into_iter().try_for_each(|()| file.sync_data()));
        let (tally, rows, unsynced) = (Tally::default(), 0, 0);
        let mut writing =
            OutcomeWriter { file, results, tally, rows, buffer: begin, unsynced, sync };
        let (result, taken) = write(&mut writing);
        let written = taken.and_then(|()| writing.flush());
        let OutcomeWriter { tally, sync, .. } = writing;
        drop(sync);
        let synced = syncing.join().unwrap_or_else(|panic| resume_unwind(panic));
        (result, written.and(synced).and_then(|()| file.sync_all()).map(|()| tally))
    })
}

impl OutcomeWriter<'_> {
    /// Adds the results to the rows of a block, writes them and empties the block.
    pub(super) fn write_block(&mut self, block: &mut Block) -> io::Result<()> {
        let mut start = 0;
        for rows in block.rows.chunks(LOOKED_UP_ROWS) {
            let these = self.rows..self.rows + rows.len();
            self.results.look_up(these, rows.iter().filter_map(|row| row.grant))?;
            let mut looked_up = 0;
            for row in rows {
                self.buffer.extend_from_slice(&block.text[start..row.end]);
                start = row.end;
                if row.grant.is_some() {
                    let Self { results, buffer, tally, .. } = self;
                    results.write(buffer, self.rows, looked_up, tally);
                    looked_up += 1;
                }
                crate::failpoint::hit("outcome-row");
                self.rows += 1;
                if self.buffer.len() >= WRITTEN_BYTES {
                    self.flush()?;
                }
            }
        }
        block.clear();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.unsynced += self.buffer.len();
        self.buffer.clear();
        // If the last sync is still running, the next flush grant again.
        if self.unsynced >= SYNCED_BYTES && self.sync.try_send(()).is_ok() {
            self.unsynced = 0;
        }
        Ok(())
    }
}
