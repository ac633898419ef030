//! The face of the crate: a device with a real clock and real sockets.
//!
//! A [`Device`] is a handle that can be cloned and used from any thread. Reading and writing never wait for the network.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use renolog_protocol::deadlines::Due;
use renolog_protocol::id::{CommunityId, EntryId, RecordId};
use renolog_protocol::record::{Act, RecordView};
use renolog_protocol::schema::{FieldName, KindName, MoveName, Value};
use renolog_protocol::tally::Tally;
use renolog_protocol::time::UnixMs;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::asking::AskError;
use crate::client::{Client, ClientError, HistoryEntry, Input, Overdue, OverdueFilter, Status, SyncState};
use crate::driver::{Shared, drive, lock};
use crate::enrol::{self, Enrolment};
pub use crate::settings::Settings;
use crate::store::{Enrolled, Filter, ListedRecord, Place};
use crate::trust::{BadRoots, Trust};
use crate::ways::Ways;

/// What time it is.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// Why a device could not do something.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The client could not.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Enrolment failed.
    #[error(transparent)]
    Enrol(#[from] AskError),
    /// The system gave no randomness to draw ids and keys from.
    #[error("no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// The roots that it was to trust are none.
    #[error(transparent)]
    BadRoots(#[from] BadRoots),
    /// The device was stopped while something waited for it.
    #[error("the device was stopped")]
    Stopped,
}

/// See the module.
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
    driver: Arc<Driver>,
}

/// The task that moves frames. It holds the shared part only, so the last handle's end is its end.
#[derive(Default)]
struct Driver(Mutex<Option<JoinHandle<()>>>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.0).take() {
            task.abort();
        }
    }
}

fn system_clock() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("id", &self.peek(|client| client.device())).finish_non_exhaustive()
    }
}

impl Device {
    /// Opens the device kept in a file, or makes a new one there.
    ///
    /// # Errors
    /// [`ClientError::Store`]; [`DeviceError::NoRandomness`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DeviceError> {
        Self::open_with(path, Settings::default())
    }

    /// The same with other surroundings.
    ///
    /// # Errors
    /// [`ClientError::Store`]; [`DeviceError::NoRandomness`]; [`DeviceError::BadRoots`].
    pub fn open_with(path: impl AsRef<Path>, settings: Settings) -> Result<Self, DeviceError> {
        let trust = Trust::new(settings.roots.as_deref())?;
        let mut seed = [0; 32];
        match settings.seed {
            Some(given) => seed = given,
            None => getrandom::fill(&mut seed).map_err(DeviceError::NoRandomness)?,
        }
        let clock = settings.clock.unwrap_or_else(|| Arc::new(system_clock));
        let client = Client::open(&Place::File(path.as_ref().to_owned()), seed, clock())?;
        let revision = watch::Sender::new(client.revision());
        let shared = Shared {
            client: Mutex::new(client),
            clock,
            trust,
            traffic: Arc::default(),
            ways: Mutex::new(Ways::default()),
            since: Instant::now(),
            work: Notify::new(),
            revision,
            activity: watch::Sender::new(0),
        };
        Ok(Self { shared: Arc::new(shared), driver: Arc::default() })
    }

    /// Exchanges a one-time code for a place on the server (`https://…`; `http://…` only where the network itself is
    /// trusted), and follows every community the person has a role in. A device that a restored server does not know any
    /// more (`unknown_device`) enrols again with a new code: it keeps all it has, and sends it.
    ///
    /// # Errors
    /// [`AskError`]; [`ClientError::Store`].
    pub async fn enrol(&self, server: &str, code: &str, device_name: &str) -> Result<Enrolment, DeviceError> {
        let was = |client: &Client| client.enrolment().map(|enrolled| enrolled.person);
        let who = self.peek(|client| (client.device(), client.public_key(), was(client)));
        let (address, code, device_name) = (server.to_owned(), code.to_owned(), device_name.to_owned());
        let trust = self.shared.trust.clone();
        let asked = tokio::task::spawn_blocking(move || enrol::enrol(&trust, &address, &code, who, &device_name));
        let enrolment = asked.await.map_err(|_| DeviceError::Stopped)??;
        self.with(|client, now| {
            let Enrolment { person, name, token, .. } = enrolment.clone();
            client.enrolled(Enrolled { server: server.to_owned(), person, name, token })?;
            enrolment.communities.iter().try_for_each(|community| client.follow(now, community.id))?;
            // Whoever was turned away until now need not wait.
            client.handle(now, Input::Nudge)
        })?;
        Ok(enrolment)
    }

    /// Connects now and stays connected whenever it can be, until [`Device::stop`] or [`Device::go_offline`]. To be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn start(&self) -> Result<(), DeviceError> {
        self.with(|client, now| client.handle(now, Input::Start))?;
        let mut task = lock(&self.driver.0);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(drive(self.shared.clone())));
        }
        Ok(())
    }

    /// Ends the connection and the task behind it. The store stays open; [`Device::start`] begins again.
    pub async fn stop(&self) {
        self.go_offline();
        let task = lock(&self.driver.0).take();
        if let Some(task) = task {
            task.abort();
            // Cancelled is how it is meant to end.
            drop(task.await);
        }
    }

    /// Is offline from now on, as in a stairwell without signal.
    pub fn go_offline(&self) {
        if let Err(error) = self.with(|client, now| client.handle(now, Input::Stop)) {
            tracing::warn!(%error, "going offline");
        }
    }

    /// Is online again from now on.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn go_online(&self) -> Result<(), DeviceError> {
        self.start()
    }

    /// Tells that someone looks at the screen, or that the network changed: it connects, or asks for a sign of life, now.
    pub fn nudge(&self) {
        lock(&self.shared.ways).nudged(self.shared.since.elapsed());
        if let Err(error) = self.with(|client, now| client.handle(now, Input::Nudge)) {
            tracing::warn!(%error, "a nudge");
        }
    }

    /// Comes and goes, for a background task that has so much time: brings what is unsent and fetches what is new, each time in
    /// one request, and is offline again afterwards. Whether everything was done. A device that is connected stays so.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Store`].
    pub async fn visit(&self, within: Duration) -> Result<bool, DeviceError> {
        let runs = lock(&self.driver.0).as_ref().is_some_and(|task| !task.is_finished());
        lock(&self.shared.ways).only_visits = !runs;
        let done = match self.start() {
            Ok(()) => tokio::time::timeout(within, self.settled()).await.map_or(Ok(false), |settled| settled.map(|()| true)),
            Err(error) => Err(error),
        };
        if !runs {
            self.stop().await;
        }
        lock(&self.shared.ways).only_visits = false;
        done
    }

    /// Whether the network breaks websockets, as far as is known, and the device visits the server now and then instead.
    pub fn is_visiting(&self) -> bool {
        lock(&self.shared.ways).is_visiting()
    }

    /// Whether the device saves data; see [`Client::save_data`].
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn save_data(&self, saves: bool) -> Result<(), DeviceError> {
        Ok(self.with(|client, now| client.save_data(now, saves))?)
    }

    /// Another address for the same server, from the next connection on.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Store`].
    pub fn set_server(&self, server: &str) -> Result<(), DeviceError> {
        Ok(self.with(|client, _| client.set_server(server))?)
    }

    /// Follows a community.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn follow(&self, community: CommunityId) -> Result<(), DeviceError> {
        Ok(self.with(|client, now| client.follow(now, community))?)
    }

    /// Makes a record; see [`Client::create`].
    ///
    /// # Errors
    /// As there.
    pub fn create(
        &self,
        community: CommunityId,
        kind: &KindName,
        values: Vec<(FieldName, Value)>,
    ) -> Result<RecordId, DeviceError> {
        Ok(self.with(|client, now| client.create(now, community, kind, values, None))?)
    }

    /// Says something in a record; see [`Client::edit`].
    ///
    /// # Errors
    /// As there.
    pub fn edit(&self, record: RecordId, acts: &[Act]) -> Result<(), DeviceError> {
        Ok(self.with(|client, now| client.edit(now, record, acts, None))?)
    }

    /// Moves a record; see [`Client::transition`].
    ///
    /// # Errors
    /// As there.
    pub fn transition(&self, record: RecordId, name: &MoveName, reason: Option<&str>) -> Result<EntryId, DeviceError> {
        Ok(self.with(|client, now| client.transition(now, record, name, reason, None))?)
    }

    /// Stops a record's clocks for a while; see [`Client::pause`].
    ///
    /// # Errors
    /// As there.
    pub fn pause(&self, record: RecordId, until_day: &str, reason: &str) -> Result<EntryId, DeviceError> {
        Ok(self.with(|client, now| client.pause(now, record, until_day, reason, None))?)
    }

    /// Adds a remark; see [`Client::note`].
    ///
    /// # Errors
    /// As there.
    pub fn note(&self, record: RecordId, text: &str) -> Result<EntryId, DeviceError> {
        Ok(self.with(|client, now| client.note(now, record, text, None))?)
    }

    /// Records, latest first; see [`Client::list`].
    ///
    /// # Errors
    /// As there.
    pub fn list(&self, filter: &Filter) -> Result<Vec<ListedRecord>, DeviceError> {
        Ok(self.peek(|client| client.list(filter))?)
    }

    /// A record; see [`Client::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&self, record: RecordId) -> Result<RecordView, DeviceError> {
        Ok(self.peek(|client| client.read(record))?)
    }

    /// The clocks of a record; see [`Client::due`].
    ///
    /// # Errors
    /// As there.
    pub fn due(&self, record: RecordId) -> Result<Vec<Due>, DeviceError> {
        let now = (self.shared.clock)();
        Ok(self.peek(|client| client.due(now, record))?)
    }

    /// What is overdue; see [`Client::overdue`].
    ///
    /// # Errors
    /// As there.
    pub fn overdue(&self, filter: &OverdueFilter, limit: usize) -> Result<Vec<Overdue>, DeviceError> {
        let now = (self.shared.clock)();
        Ok(self.peek(|client| client.overdue(now, filter, limit))?)
    }

    /// The count of a motion; see [`Client::tally`].
    ///
    /// # Errors
    /// As there.
    pub fn tally(&self, motion: RecordId) -> Result<Option<Tally>, DeviceError> {
        Ok(self.peek(|client| client.tally(motion))?)
    }

    /// The history of a record; see [`Client::history`].
    ///
    /// # Errors
    /// As there.
    pub fn history(&self, record: RecordId) -> Result<Vec<HistoryEntry>, DeviceError> {
        Ok(self.peek(|client| client.history(record))?)
    }

    /// How far a record has come; see [`Client::sync_state`].
    ///
    /// # Errors
    /// As there.
    pub fn sync_state(&self, record: RecordId) -> Result<SyncState, DeviceError> {
        Ok(self.peek(|client| client.sync_state(record))?)
    }

    /// How the device is doing; see [`Client::status`].
    ///
    /// # Errors
    /// As there.
    pub fn status(&self) -> Result<Status, DeviceError> {
        let status = self.peek(|client| client.status())?;
        let (up, down) = self.link_bytes();
        Ok(Status { usage: status.usage.of_link(up, down), ..status })
    }

    /// TCP payload sent and received since the device was opened, in bytes: everything there is but the packets' headers.
    pub fn link_bytes(&self) -> (u64, u64) {
        (self.shared.traffic.up(), self.shared.traffic.down())
    }

    /// The revision, whenever it grows. Not a queue: a slow watcher sees the latest, and asks [`Client::changed_since`] for
    /// what it missed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }

    /// Waits until nothing is unsent and nothing is still to come; see [`Client::is_settled`].
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub async fn settled(&self) -> Result<(), DeviceError> {
        self.until(|client| client.is_settled()).await
    }

    /// Waits until something is true of the client; asks again after whatever happens.
    ///
    /// # Errors
    /// Those of `condition`.
    pub async fn until(&self, condition: impl Fn(&mut Client) -> Result<bool, ClientError>) -> Result<(), DeviceError> {
        let mut activity = self.shared.activity.subscribe();
        while !self.peek(&condition)? {
            activity.changed().await.map_err(|_| DeviceError::Stopped)?;
        }
        Ok(())
    }

    /// Does anything with the client, at the device's own time; then what it wants sent is sent and watchers are told.
    pub fn with<T>(&self, work: impl FnOnce(&mut Client, UnixMs) -> T) -> T {
        self.shared.with(work)
    }

    /// Looks at the client without telling anyone.
    pub fn peek<T>(&self, look: impl FnOnce(&mut Client) -> T) -> T {
        look(&mut lock(&self.shared.client))
    }
}
