//! Reads back what the steps of an offboarding are for, and turns their errors into those of a command.

use crate::api::reading::{Lookup, ReadError, Reader};
use crate::api::transport::Transport;
use crate::commands::reading::read_again;
use crate::exit::{Exit, Failure};
use crate::offboard::{SendStepsError, StepLogError};
use std::time::Duration;

/// The users that are locked, as read back; users that are not are read again, for reads may lag.
pub(super) async fn locked<T: Transport>(
    reader: &Reader<T>,
    users: &[String],
    settle: Duration,
) -> Result<Vec<String>, ReadError> {
    let other = read_again(users.to_vec(), settle, async |open| {
        let states = lock_states(reader, open).await?;
        let others = states.into_iter().filter(|(_, state)| *state != Lookup::Found(true));
        Ok(others.map(|(id, _)| id).collect())
    });
    let other = other.await?;
    Ok(users.iter().filter(|user| !other.contains(user)).cloned().collect())
}

/// Whether each of the users is locked.
pub(in crate::commands) async fn lock_states<T: Transport>(
    reader: &Reader<T>,
    users: Vec<String>,
) -> Result<Vec<(String, Lookup<bool>)>, ReadError> {
    let read = |reader: Reader<T>, id: String| async move {
        let state = match reader.user(&id).await? {
            Lookup::Found(user) => Lookup::Found(user.is_locked()),
            Lookup::NotFound => Lookup::NotFound,
            Lookup::NotChecked(why) => Lookup::NotChecked(why),
        };
        Ok::<_, ReadError>((id, state))
    };
    reader.read_all(users, read).await
}

impl From<StepLogError> for Failure {
    fn from(error: StepLogError) -> Self {
        Self::new(Exit::File, error.to_string())
    }
}

impl From<SendStepsError> for Failure {
    fn from(error: SendStepsError) -> Self {
        match error {
            SendStepsError::Record(error) => error.into(),
            SendStepsError::Stopped { .. } => {
                let message = format!("{error}; run the same command again to continue");
                Self::new(Exit::Credentials, message)
            }
        }
    }
}
