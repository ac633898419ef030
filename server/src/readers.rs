//! A few read-only connections beside the writer, lent out one question at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::data_dir::database;
use crate::store::{OpenError, Reader, StoreError};

/// Questions answered at once. Each waits for the disk at most, and two cores have no use for more.
const READERS: usize = 4;

/// See the module.
#[derive(Debug, Clone)]
pub struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    data: PathBuf,
    idle: Mutex<Vec<Reader>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Readers of a data directory.
    pub fn new(data: PathBuf) -> Self {
        Self(Arc::new(Pool { data, idle: Mutex::default(), turns: Arc::new(Semaphore::new(READERS)) }))
    }

    /// Asks the store something, off the async threads. The question has its turn and is answered whether or not whoever
    /// asked is listening just then: a connection that is busy sending to a slow phone must not keep a reader from the others.
    ///
    /// # Errors
    /// [`StoreError`], from the question or from opening a connection.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let pool = self.0.clone();
        let asking = match pool.turns.clone().try_acquire_owned() {
            Ok(turn) => pool.ask(turn, question),
            // Waited for in a task of its own.
            Err(_) => tokio::spawn(async move {
                let turn = pool.turns.clone().acquire_owned().await.map_err(failing)?;
                pool.ask(turn, question).await.map_err(failing)?
            }),
        };
        asking.await.map_err(failing)?
    }
}

fn failing(why: impl ToString) -> StoreError {
    StoreError::Failing(why.to_string())
}

fn open_error(error: OpenError) -> StoreError {
    StoreError::Failing(error.to_string())
}

impl Pool {
    fn ask<T, F>(self: Arc<Self>, turn: OwnedSemaphorePermit, question: F) -> JoinHandle<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            self.answer(question)
        })
    }

    fn answer<T>(&self, question: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let reader = match self.take() {
            Some(reader) => reader,
            None => Reader::open(&database(&self.data)).map_err(open_error)?,
        };
        let answer = question(&reader);
        self.give_back(reader);
        answer
    }

    fn take(&self) -> Option<Reader> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, reader: Reader) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::data_dir::DataDir;
    use crate::store::Sqlite;

    #[tokio::test]
    async fn who_asks_and_does_not_listen_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().expect("a directory");
        let data = DataDir::hold(directory.path()).expect("it is nobody else's");
        drop(Sqlite::open(&database(data.path()), None).expect("a store"));
        let readers = Readers::new(directory.path().to_owned());
        // Every turn is taken …
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let ask = |readers: Readers, wait: Arc<Mutex<mpsc::Receiver<()>>>| async move {
            readers.ask(move |_| Ok(wait.lock().expect("nobody panics").recv().is_err())).await
        };
        let mut first: Vec<_> = (0..READERS).map(|_| Box::pin(ask(readers.clone(), wait.clone()))).collect();
        first.iter_mut().for_each(|asking| assert!(asking.now_or_never().is_none()));
        // … and as many ask for the next, and look away.
        let mut unheard: Vec<_> = (0..READERS).map(|_| Box::pin(readers.ask(|_| Ok(())))).collect();
        unheard.iter_mut().for_each(|asking| assert!(asking.now_or_never().is_none()));
        drop(go_on);
        let last = tokio::time::timeout(Duration::from_secs(10), readers.ask(|_| Ok(7))).await;
        assert_eq!(last.expect("its turn comes").expect("it is answered"), 7);
    }
}
