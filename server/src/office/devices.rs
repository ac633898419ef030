//! Devices: lost, stolen, handed on.

use renolog_protocol::id::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, reason};
use crate::command::{Command, RevokeDevice};
use crate::store::{Column, DeviceRow, Read};

/// A device to be ended for good.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Revocation {
    /// Which.
    pub device: DeviceId,
    /// Why.
    pub reason: String,
}

impl Order for Revocation {
    const PATH: &'static str = "devices/revoke";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let known: Option<DeviceRow> = desk.store.get(&[self.device.to_cell()])?;
        known.ok_or_else(|| Unfit::unknown("device", self.device))?;
        Ok((Command::RevokeDevice(RevokeDevice { device: self.device, reason: reason(&self.reason)? }), Done {}))
    }
}
