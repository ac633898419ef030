//! Devices: lost, stolen, handed on.

use renolog_protocol::id::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, reason};
use crate::command::{Command, RevokeDevice};
use crate::roll::Version;
use crate::store::{Column, DeviceRow, Read};

/// A device to be ended for good.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Revocation {
    /// Which.
    pub device: DeviceId,
    /// Why.
    pub reason: String,
}

impl Revocation {
    fn known<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<DeviceRow, Unfit> {
        desk.store.get(&[self.device.to_cell()])?.ok_or_else(|| Unfit::unknown("device", self.device))
    }
}

impl Order for Revocation {
    const PATH: &'static str = "devices/revoke";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(Some(Version::of_row(&self.known(desk)?)))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let device = self.known(desk)?.id;
        Ok((Command::RevokeDevice(RevokeDevice { device, reason: reason(&self.reason)? }), Done {}))
    }
}
