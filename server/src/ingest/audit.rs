//! What administrators do, written down as they do it.

use crate::command::{Command, Guest, Stamped};
use crate::store::AuditRow;

/// The line that a command leaves in the audit, if it is an administrator's.
pub(super) fn line(id: u64, stamped: &Stamped) -> Option<AuditRow> {
    let (action, subject, reason) = deed(&stamped.command)?;
    let (received, person) = (stamped.received, stamped.by);
    Some(AuditRow { command: id, received, person, action: action.to_owned(), subject, reason: reason.to_owned() })
}

/// What was done, to whom or what, and why.
fn deed(command: &Command) -> Option<(&'static str, String, &str)> {
    Some(match command {
        Command::Found(_) | Command::Push(_) | Command::Saw(_) | Command::Runs(_) | Command::Left(_) => return None,
        Command::AddCommunity(add) => ("community_added", format!("{} {}", add.slug, add.name), ""),
        Command::Invite(invite) => match &invite.guest {
            Guest::New(name) => ("person_invited", name.clone(), ""),
            Guest::Known(person) => ("device_invited", person.to_string(), ""),
        },
        Command::WithdrawInvite(_) => ("invite_withdrawn", String::new(), ""),
        Command::Enrol(enrol) => ("device_enrolled", enrol.device.to_string(), ""),
        Command::IssueToken(issue) => ("token_issued", issue.label.clone(), ""),
        Command::RevokeToken(_) => ("token_revoked", String::new(), ""),
        Command::Settle(settle) if settle.release => ("change_released", settle.change.to_string(), &settle.reason),
        Command::Settle(settle) => ("change_dismissed", settle.change.to_string(), &settle.reason),
        Command::UseSchema(schema) => ("schema_used", schema.version.to_string(), ""),
        Command::SetOrganisation(set) => ("organisation_set", set.name.clone(), ""),
        Command::SetPerson(set) => ("person_set", format!("{} {}", set.id, set.name), ""),
        Command::GiveRole(give) => ("role_given", format!("{} {}", give.person, give.duty.role), ""),
        Command::EndRole(end) => ("role_ended", format!("{} {}", end.community, end.number), ""),
        Command::SetAdministrator(set) if set.administrator => ("administrator_made", set.person.to_string(), ""),
        Command::SetAdministrator(set) => ("administrator_unmade", set.person.to_string(), ""),
        Command::RevokeDevice(revoke) => ("device_revoked", revoke.device.to_string(), &revoke.reason),
        Command::SuspendPerson(suspend) if suspend.suspended => ("person_suspended", suspend.person.to_string(), &suspend.reason),
        Command::SuspendPerson(readmit) => ("person_readmitted", readmit.person.to_string(), &readmit.reason),
        Command::Erase(erase) => ("record_erased", erase.record.to_string(), &erase.reason),
        Command::Restored(restored) => ("backup_restored", restored.taken.0.to_string(), ""),
    })
}
