//! One running server: the store's writer, its readers, the hub, and what they share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{Epoch, PersonId};
use renolog_protocol::schema::Schema;
use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::command::{Command, Found, Stamped, UseSchema};
use crate::data_dir::{DataDir, DataDirError, Running};
use crate::figures::District;
use crate::gate::Gate;
use crate::hub::Hub;
use crate::ingest::{self, Ingest, IngestError, Rejection, SchemaRefused};
use crate::link::PublicUrl;
use crate::office::{Desk, NotDone, Order, Unfit};
use crate::readers::Readers;
use crate::reception;
use crate::rosters::Rosters;
use crate::secret;
use crate::snapshot::Shelf;
use crate::store::{Store, StoreError};
use crate::ticket::Tickets;
use crate::writer::Writer;

/// Everything a request or connection needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The way to the one write path.
    pub writer: Writer,
    /// Questions to the store.
    pub readers: Readers,
    /// Who is who, as readers last found it.
    pub rosters: Arc<Rosters>,
    /// Who listens to what.
    pub hub: Arc<Hub>,
    /// Snapshots of feeds, for new devices.
    pub shelf: Arc<Shelf>,
    /// The rules.
    pub schema: Arc<Schema>,
    /// Working days.
    pub calendar: Arc<Calendar>,
    /// What the district knows of itself.
    pub district: Arc<District>,
    /// What opens devices' connections.
    pub tickets: Arc<Tickets>,
    /// The hash of the token with which the commands of this program reach this server while it runs.
    pub local: Arc<[u8]>,
    /// Where others reach this server, if that is known: what links begin with.
    pub public_url: Option<Arc<PublicUrl>>,
    /// Who may come in, and how often.
    pub gate: Arc<Gate>,
    /// Held by whoever brings a roster, so that one is done after the other.
    pub importing: Arc<Mutex<()>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Turns true when the server goes down.
    pub stopping: watch::Receiver<bool>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("writer", &self.writer).finish_non_exhaustive()
    }
}

/// Holds a running server; ends it when told.
#[derive(Debug)]
pub struct Handle {
    stop: watch::Sender<bool>,
    writer: JoinHandle<()>,
    data: DataDir,
    local_token: String,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema cannot follow the one that this data directory was used with.
    #[error(transparent)]
    Schema(#[from] SchemaRefused),
}

impl App {
    /// Opens a data directory and starts the writer.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed.
    pub fn start(
        data: DataDir,
        schema: Arc<Schema>,
        clock: Arc<dyn Clock>,
        max_store_bytes: Option<u64>,
    ) -> Result<(Self, Handle), StartError> {
        let ingest = found(data.store(max_store_bytes)?, schema, clock.as_ref())?;
        let schema = ingest.schema().clone();
        let (calendar, district) = (Calendar::built_in(), District::built_in());
        let (hub, shelf) = (Arc::new(Hub::default()), Arc::new(Shelf::default()));
        let (writer, thread) = Writer::start(ingest, hub.clone(), shelf.clone(), clock.clone());
        let (stop, stopping) = watch::channel(false);
        let readers = Readers::new(data.path().to_owned());
        let tickets = Arc::new(Tickets::new(data.ticket_key()?));
        let local_token = secret::new_token();
        let local = secret::token_hash(&local_token).into();
        let gate = Arc::new(Gate::default());
        let app = Self {
            writer,
            readers,
            rosters: Arc::default(),
            hub,
            shelf,
            schema,
            calendar,
            district,
            tickets,
            local,
            public_url: None,
            gate,
            importing: Arc::default(),
            clock,
            stopping,
        };
        Ok((app, Handle { stop, writer: thread, data, local_token }))
    }

    /// Carries out what somebody may ask for, and answers once it is durable.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn take<O: Order>(&self, by: Option<PersonId>, order: O) -> Result<O::Made, NotDone> {
        let (schema, now) = (self.schema.clone(), self.clock.now());
        let ordered = self.readers.ask(move |store| Ok(order.command(&Desk { store, schema: &schema, now })));
        let (command, made) = ordered.await.map_err(Unfit::from)??;
        self.writer.submit_for(by, command).await?;
        Ok(made)
    }
}

/// The ingest over a store that has an epoch, drawn now if the store is new, and that judges by `schema` from here on.
///
/// # Errors
/// [`StartError`]: the store fails, or was used with a schema that this one cannot follow.
pub fn found<S: Store>(store: S, schema: Arc<Schema>, clock: &dyn Clock) -> Result<Ingest<S>, StartError> {
    let mut ingest = Ingest::new(store, schema.clone())?;
    if reception::epoch(ingest.store())? == Epoch(0) {
        // Positive and never 0, since SQLite's integers are signed and 0 says that there is none.
        let epoch = Epoch((u64::from_le_bytes(secret::random()) >> 1) | 1);
        apply(&mut ingest, clock, Command::Found(Found { epoch }))?;
    }
    let named = ingest::schema_in_use(ingest.store())?.is_some();
    if named {
        ingest::fits(ingest.schema(), &schema)?;
    }
    if !named || ingest.schema().version != schema.version {
        let asked = UseSchema { version: schema.version, text: schema.text().to_owned() };
        apply(&mut ingest, clock, Command::UseSchema(asked))?;
    }
    ingest.commit()?;
    Ok(ingest)
}

/// The same with the schema that the store was used with last; the built-in one if it is new.
///
/// # Errors
/// [`StartError::Store`].
pub fn found_as_it_was<S: Store>(store: S, clock: &dyn Clock) -> Result<Ingest<S>, StartError> {
    let schema = ingest::schema_in_use(&store)?.unwrap_or_else(Schema::built_in);
    found(store, schema, clock)
}

fn apply<S: Store>(ingest: &mut Ingest<S>, clock: &dyn Clock, command: Command) -> Result<(), StartError> {
    match ingest.apply(&Stamped::new(clock.now(), command)) {
        Ok(_) => Ok(()),
        Err(IngestError::Store(error)) => Err(error.into()),
        Err(IngestError::Rejected(Rejection::Schema(refused))) => Err(refused.into()),
        Err(IngestError::Rejected(rejection)) => Err(StoreError::Failing(rejection.to_string()).into()),
    }
}

impl Handle {
    /// The data directory it holds.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// Tells the commands of this program how to reach this server. Nothing of it is stored, so that a server starts on a
    /// full disk, too.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn announce(&self, address: SocketAddr, public_url: Option<PublicUrl>) -> Result<(), DataDirError> {
        self.data.announce(&Running { address, token: self.local_token.clone(), public_url })
    }

    /// Tells every connection to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until everything that was taken is written. All clones of the [`App`] must be gone by then.
    pub fn finish(self) {
        if self.writer.join().is_err() {
            tracing::error!("the writer's thread ended badly");
        }
    }
}
