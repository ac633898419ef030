//! What does not hold in a bundle, and where: the first byte of it.

use std::fmt;

use renolog_protocol::id::{ChangeHash, DeviceId, Link, PersonId, Seq};

/// The first thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Finding {
    /// In which file of the bundle; none where it is the container itself.
    pub file: Option<String>,
    /// Where in it, in bytes from its beginning.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, fault } = self;
        match file {
            Some(file) => write!(f, "{file} 第 {offset} 字节处不符 does not hold at byte {offset}: {fault}"),
            None => write!(f, "压缩包第 {offset} 字节处不符 the container does not hold at byte {offset}: {fault}"),
        }
    }
}

impl Finding {
    /// In a file of the bundle.
    pub(super) fn of_file(file: &str, offset: usize, fault: Fault) -> Self {
        Self { file: Some(file.to_owned()), offset: offset as u64, fault }
    }

    /// In the container.
    pub(super) fn of_container(offset: usize, fault: Fault) -> Self {
        Self { file: None, offset: offset as u64, fault }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A byte is not what it was; nothing where the file ends or should have ended.
    #[error("应为 {}，实为 {} expected {}, found {}", hex(.expected), hex(.found), hex(.expected), hex(.found))]
    Byte {
        /// What it was.
        expected: Option<u8>,
        /// What it is.
        found: Option<u8>,
    },
    /// Not a container that this program writes.
    #[error("不是证据包 not an evidence bundle")]
    NotABundle,
    /// A bundle of a later format.
    #[error("证据包格式为 {0}，本程序只认得 1 the bundle's format is {0}; this build knows 1")]
    Format(u32),
    /// The manifest does not list the file.
    #[error("清单中没有这个文件 the manifest does not list this file")]
    Unlisted,
    /// A file that is listed, or is needed, is not there.
    #[error("缺少这个文件 this file is missing")]
    Missing,
    /// The file as a whole is another one than the manifest says.
    #[error("SHA-256 应为 expected {expected}，实为 found {found}")]
    Sha {
        /// As the manifest says.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// Not what such a file holds.
    #[error("无法读取 cannot be read: {0}")]
    Unreadable(String),
    /// The change under this name is another one.
    #[error("内容与名称不符：这是 the bytes are another change: {0}")]
    AnotherChange(ChangeHash),
    /// Bytes that are no change.
    #[error("不是有效的修改 not a change: {0}")]
    NotAChange(String),
    /// A change or a batch that nothing in the bundle refers to.
    #[error("没有任何条目提到它 nothing refers to it")]
    Unneeded,
    /// The signature does not fit.
    #[error("签名与设备公钥不符 the signature does not fit the key of device {0}")]
    Signature(DeviceId),
    /// There is no key for the device.
    #[error("没有这台设备的公钥 there is no key for device {0}")]
    NoKey(DeviceId),
    /// The device belongs to someone else.
    #[error("设备属于另一人 the device belongs to another person: {0}")]
    AnotherPerson(PersonId),
    /// The batch is none, whatever its signature.
    #[error("批次有误 not a batch: {0}")]
    Batch(String),
    /// No signature covers the change at this place.
    #[error("没有签名覆盖这项修改 no signature covers change {0} here")]
    NotSigned(ChangeHash),
    /// What the entry says is not what its batch or its change says.
    #[error("与批次或修改不一致：应为 does not agree with its batch or change: expected {0}")]
    Disagrees(String),
    /// An entry is missing, or stands where another should.
    #[error("次序不连续：应为第 {expected} 条，实为第 {found} 条 expected entry {expected}, found entry {found}")]
    Gap {
        /// Which should stand here.
        expected: Seq,
        /// Which does.
        found: Seq,
    },
    /// The link does not follow from the one before and the entry.
    #[error("第 {seq} 条的链值应为 the link of entry {seq} should be {expected}，实为 found {found}")]
    Link {
        /// At which position.
        seq: Seq,
        /// What follows.
        expected: Link,
        /// What is written.
        found: Link,
    },
    /// The record or the timeline cannot be made from the changes.
    #[error("无法由修改推出 does not follow: {0}")]
    Broken(String),
    /// A head that a device holds is not a link of the bundle.
    #[error("设备所持的链值 {0} 不在此链中 the head {0} that a device holds is not in this chain")]
    ForeignHead(Link),
}

fn hex(byte: &Option<u8>) -> String {
    byte.map_or_else(|| "∅".to_owned(), |byte| format!("0x{byte:02x}"))
}
