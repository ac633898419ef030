//! The two gates: a device's, before an edit is stored, and the server's, when the change arrives.

use renolog_client_core::client::{Client, ClientError};
use renolog_client_core::store::ListedRecord;
use renolog_protocol::batch::Batch;
use renolog_protocol::change::Change;
use renolog_protocol::codec::Parcel;
use renolog_protocol::id::{RecordId, Seq};
use renolog_protocol::record::{Act, Created, Record, RecordView, creation};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{FieldName, Role, Schema, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Ruling;
use renolog_server::command::{Command, Push, Stamped};
use renolog_server::ingest::{Ingest, Outcome};
use renolog_server::reception;
use renolog_server::rosters::Rosters;
use renolog_server::store::{ALL, ChangeRow, Column, Dumped, Memory, Read, RecordRow};
use renolog_tests::checks::visible;

use super::questions::{Question, Wish};
use super::scene::{Scene, Seat};
use super::table::YES;

/// See the module.
pub(crate) struct Gates<'s, 'k> {
    scene: &'s mut Scene<'k>,
    /// Everything the scene's server holds. What is accepted here is taken back again, so that everyone is asked about the
    /// same; what is refused stays in quarantine.
    ingest: Ingest<Memory>,
    /// All that anyone can see of it.
    at_rest: Vec<Dumped>,
    now: UnixMs,
    pushed: u64,
}

impl<'s, 'k> Gates<'s, 'k> {
    pub(crate) fn of(scene: &'s mut Scene<'k>) -> Self {
        let ingest = Ingest::new(scene.world.store().clone(), Schema::built_in()).unwrap();
        let (at_rest, now) = (visible(ingest.store()), scene.world.now() + SpanMs::from_secs(3600));
        Self { scene, ingest, at_rest, now, pushed: 0 }
    }

    pub(crate) fn seats(&self) -> usize {
        self.scene.seats.len()
    }

    /// Whether records of the kind come to a seat: by the rules that its device holds, and by what the server hands out.
    pub(crate) fn reads(&self, seat: usize) -> &'static str {
        let (scene, seat) = (&*self.scene, &self.scene.seats[seat]);
        let standing =
            reception::standing(self.ingest.store(), &Rosters::default(), &scene.schema, seat.person, scene.community, self.now);
        let handed_out = standing.unwrap().unwrap().feeds.iter().any(|(feed, _)| *feed == scene.feed());
        assert_eq!(handed_out, scene.schema.may_read(scene.kind.audience, &seat.roles), "{} as {}", scene.kind.name, seat.role);
        if handed_out { YES } else { "no" }
    }

    /// What every seat is told, by its device and by the server alike. What was refused altered nothing.
    pub(crate) fn ask(&mut self, question: &Question) -> Vec<Result<Role, Refusal>> {
        let seats = 0..self.seats();
        let on_devices: Vec<OnDevice> = match &question.wish {
            Wish::Make(values) => seats.map(|seat| self.make(seat, values(&self.scene.seats[seat]))).collect(),
            Wish::Say(id, act) => {
                let record = self.record(*id);
                let view = record.view(&self.scene.schema).unwrap();
                let act = |me: &Self, seat: usize| [act(&me.scene.seats[seat], &record)];
                seats.map(|seat| self.say(seat, record.clone(), &view, &act(self, seat))).collect()
            }
        };
        let mut told = Vec::new();
        for (number, OnDevice { record, change, answer }) in on_devices.into_iter().enumerate() {
            let by_server = self.push(number, record, change);
            let (kind, name, seat) = (&self.scene.kind.name, &question.name, &self.scene.seats[number]);
            assert_eq!(answer, by_server, "{kind}, {name}, as {} for {}: device and server disagree", seat.role, seat.party);
            told.push(by_server);
        }
        assert_eq!(visible(self.ingest.store()), self.at_rest, "{}: refused, and yet it shows", question.name);
        told
    }

    /// Asks a device to make a record.
    fn make(&mut self, number: usize, values: Vec<(FieldName, Value)>) -> OnDevice {
        let (kind, community, now, seat) = (self.scene.kind, self.scene.community, self.now, &self.scene.seats[number]);
        let client = self.scene.world.client(seat.phone);
        let before = Shown { revision: client.revision(), record: None };
        let done = client.create(now, community, &kind.name, values.clone(), Some(&seat.party));
        let id = *done.as_ref().unwrap_or(&RecordId::from_parts(now, [9; 10]));
        let created = Created {
            kind: kind.name.clone(),
            schema: self.scene.schema.version,
            person: seat.person,
            party: seat.party.clone(),
            device: seat.device,
            device_time: now,
        };
        let change = Record::empty(id).write(&creation(created, kind, values), &seat.stamp(now)).unwrap();
        let answer = answered(client, id, &before, &change, done.map(drop));
        OnDevice { record: id, change, answer }
    }

    /// Asks a device to say something in a record.
    fn say(&mut self, number: usize, mut record: Record, view: &RecordView, acts: &[Act]) -> OnDevice {
        let (id, seat) = (record.id(), &self.scene.seats[number]);
        let client = self.scene.world.client(seat.phone);
        let before = Shown { revision: client.revision(), record: Some((client.listed(id).unwrap(), view.clone())) };
        let offered = offered(client, self.now, id, acts, seat);
        let done = client.edit(self.now, id, acts, Some(&seat.party));
        match (&done, offered) {
            (Ok(()), Err(refusals)) => panic!("{acts:?}: done, and was not offered to {}: {refusals:?}", seat.role),
            // What is said may not fit in itself, whoever says it; of what does fit, both say the same.
            (Err(ClientError::Refused(why)), Err(refusals)) => {
                let unfit = [Code::BadValue, Code::Needed, Code::UnknownField, Code::NotAMember].contains(&why.code);
                assert!(unfit || refusals.contains(why), "{acts:?} by {}: {why}, and not {refusals:?}", seat.role);
            }
            _ => {}
        }
        let change = record.write(acts, &seat.stamp(self.now)).unwrap();
        let answer = answered(client, id, &before, &change, done);
        OnDevice { record: id, change, answer }
    }

    /// A record as everybody has it.
    fn record(&self, id: RecordId) -> Record {
        let rows: Vec<ChangeRow> =
            self.ingest.store().list_by(ChangeRow::BY_RECORD, &[id.to_cell()], Some(&Seq(0).to_cell()), ALL).unwrap();
        let changes: Vec<Change> = rows.iter().map(|row| Change::parse(&row.bytes).unwrap()).collect();
        Record::rebuild(id, &changes).unwrap()
    }

    /// What the server makes of the change, which comes under the signature of the seat's device: one more thing that
    /// happened to the record, or nothing that anybody sees.
    fn push(&mut self, number: usize, id: RecordId, change: Change) -> Result<Role, Refusal> {
        self.pushed += 1;
        let seat = &self.scene.seats[number];
        let batch = Batch::sign(&seat.key, seat.device, self.pushed, self.scene.feed(), self.now, vec![(id, change)]).unwrap();
        let batch = reception::open_batch(self.ingest.store(), Parcel::Plain(batch.to_raw())).unwrap();
        let push = Push { batch, carrier: seat.device, skew: SpanMs(0) };
        let before: Option<RecordRow> = self.ingest.store().get(&[id.to_cell()]).unwrap();
        let Ok(Outcome::Pushed(pushed)) = self.ingest.apply(&Stamped::new(self.now, Command::Push(push))) else {
            panic!("a push that is not judged")
        };
        match pushed.receipt.rulings.iter().next().unwrap().ruling.clone() {
            Ruling::Accepted(_, role) => {
                let after: Option<RecordRow> = self.ingest.store().get(&[id.to_cell()]).unwrap();
                let shown = self.scene.world.client(seat.phone).read(id).unwrap();
                assert_ne!(after, before);
                assert_eq!(after.unwrap().view, serde_json::to_string(&shown).unwrap(), "they show it otherwise");
                assert_eq!(pushed.grown.len(), 1);
                self.ingest.rollback().unwrap();
                Ok(role)
            }
            Ruling::Refused(why) => {
                assert_eq!(pushed.grown, []);
                self.ingest.commit().unwrap();
                Err(why)
            }
            other => panic!("a change that can be judged came to {other:?}"),
        }
    }
}

/// What came of asking a device: its answer, and the change that the wish comes to whether or not it is allowed.
struct OnDevice {
    record: RecordId,
    change: Change,
    answer: Result<Role, Refusal>,
}

/// What a device shows: when anything last changed on it, and the record it is asked about.
#[derive(Debug, PartialEq)]
struct Shown {
    revision: u64,
    record: Option<(ListedRecord, RecordView)>,
}

impl Shown {
    fn on(client: &mut Client, record: Option<RecordId>) -> Self {
        let record = record.map(|id| (client.listed(id).unwrap(), client.read(id).unwrap()));
        Self { revision: client.revision(), record }
    }
}

/// What a device made of it: it keeps just this change and shows it, or it shows what it showed before.
fn answered(
    client: &mut Client,
    id: RecordId,
    before: &Shown,
    change: &Change,
    done: Result<(), ClientError>,
) -> Result<Role, Refusal> {
    match done {
        Ok(()) => {
            assert_ne!(Shown::on(client, Some(id)).record, before.record);
            let kept = client.change_bytes(change.hash()).unwrap();
            assert_eq!(kept.as_deref(), Some(change.bytes()), "the device wrote something else");
            Ok(client.writer_of(change.hash()).unwrap().unwrap().role.unwrap())
        }
        Err(ClientError::Refused(why)) => {
            let asked = before.record.as_ref().map(|_| id);
            assert_eq!(Shown::on(client, asked), *before, "refused, and yet it shows");
            Err(why)
        }
        Err(other) => panic!("a device answers: {other}"),
    }
}

/// Whether a form would offer it to someone in this seat, in any of their roles; else why not.
fn offered(client: &mut Client, now: UnixMs, id: RecordId, acts: &[Act], seat: &Seat) -> Result<(), Vec<Refusal>> {
    let offers = client.offers(now, id).unwrap();
    let refusals = offers.into_iter().filter(|offers| offers.party == seat.party).map(|offers| {
        acts.iter().find_map(|act| match act {
            Act::Move { name, .. } => offers.moves.get(name).cloned().flatten(),
            Act::Set { field, .. } | Act::Write { field, .. } | Act::Put { field, .. } => {
                offers.fields.get(field).cloned().flatten()
            }
            Act::Create(_) => None,
        })
    });
    let refusals: Vec<Option<Refusal>> = refusals.collect();
    if refusals.iter().any(Option::is_none) { Ok(()) } else { Err(refusals.into_iter().flatten().collect()) }
}
