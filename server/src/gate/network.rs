//! Ranges of addresses, as operators write them.

use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses, written `ADDRESS` or `ADDRESS/BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Text that is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// The part before the slash is no address.
    #[error("{0:?} is no IP address; write one such as 10.0.0.2 or fd00::2, or a range such as 10.0.0.0/24")]
    Address(String),
    /// The part after the slash is no number of bits of that address.
    #[error("/{given} is no length of a range; it is a number from 0 to {most}")]
    Bits {
        /// As written.
        given: String,
        /// The bits that such an address has.
        most: u8,
    },
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| BadNetwork::Address(address.to_owned()))?;
        let most = width(address);
        let wrong = |given: &str| BadNetwork::Bits { given: given.to_owned(), most };
        let bits = match bits {
            None => most,
            Some(given) => given.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| wrong(given))?,
        };
        Ok(Self { address, bits })
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Network {
    /// Whether `address` is in it; an IPv4 address inside an IPv6 one is what it stands for.
    pub fn contains(&self, address: IpAddr) -> bool {
        let dropped = u32::from(width(self.address) - self.bits);
        match (self.address, address.to_canonical()) {
            // Shifting by the whole width is no number; nothing is left to compare then.
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (ours.to_bits() ^ theirs.to_bits()).checked_shr(dropped).unwrap_or(0) == 0,
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits() ^ theirs.to_bits()).checked_shr(dropped).unwrap_or(0) == 0,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_everywhere() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.9/32", "10.0.0.9", true),
            ("10.0.0.9", "10.0.0.8", false),
            ("10.0.0.9", "::ffff:10.0.0.9", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::/0", "2001:db8::1", true),
            ("::1", "::1", true),
        ] {
            let network: Network = network.parse().expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), inside, "{network:?} {address}");
        }
        for (text, words) in [
            ("proxy.local", "is no IP address"),
            ("", "is no IP address"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("fd00::/129", "from 0 to 128"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0.0/-1", "from 0 to 32"),
        ] {
            let told = text.parse::<Network>().expect_err(text).to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
