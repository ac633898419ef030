//! A few read-only connections beside the writer, lent out one question at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

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
    turns: Semaphore,
}

impl Readers {
    /// Readers of a data directory.
    pub fn new(data: PathBuf) -> Self {
        Self(Arc::new(Pool { data, idle: Mutex::default(), turns: Semaphore::new(READERS) }))
    }

    /// Asks the store something, off the async threads.
    ///
    /// # Errors
    /// [`StoreError`], from the question or from opening a connection.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let stopped = |_| StoreError::Failing("the server is stopping".into());
        let _turn = self.0.turns.acquire().await.map_err(stopped)?;
        let pool = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let reader = match pool.take() {
                Some(reader) => reader,
                None => Reader::open(&database(&pool.data)).map_err(open_error)?,
            };
            let answer = question(&reader);
            pool.give_back(reader);
            answer
        })
        .await
        .unwrap_or_else(|why| Err(StoreError::Failing(why.to_string())))
    }
}

fn open_error(error: OpenError) -> StoreError {
    StoreError::Failing(error.to_string())
}

impl Pool {
    fn take(&self) -> Option<Reader> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, reader: Reader) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }
}
