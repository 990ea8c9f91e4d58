//! Who may send to a listener: lists of networks.

use std::{fmt, net::IpAddr, str::FromStr};

/// Who may send to a listener. By default everybody.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sources {
    /// Where this is not empty, only these may send.
    pub(crate) allow: Vec<Network>,
    /// These may not, even where `allow` has them.
    pub(crate) deny: Vec<Network>,
}

/// All addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    /// Zero behind the first `bits`; never an IPv4 address in IPv6 clothes.
    address: IpAddr,
    bits: u32,
}

impl Sources {
    /// Whether everybody may send, so that nobody needs to be looked at.
    pub(crate) fn are_all(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether this one may send. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is
    /// the IPv4 address.
    pub(crate) fn admit(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let has = |networks: &[Network]| networks.iter().any(|network| network.has(source));
        (self.allow.is_empty() || has(&self.allow)) && !has(&self.deny)
    }
}

impl Network {
    /// Whether an address is one of the network's. It is none in IPv6 clothes.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                shifted(u128::from(own.to_bits() ^ other.to_bits()), 32 - self.bits) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                shifted(own.to_bits() ^ other.to_bits(), 128 - self.bits) == 0
            }
            _ => false,
        }
    }
}

/// To the right by any number of bits: 128 leave nothing.
fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("'{text}' is not a network, as in 10.0.0.0/8 or fd00::/8"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits.map(str::parse::<u32>) {
            None => width,
            Some(Ok(bits)) if bits <= width => bits,
            Some(_) => return Err(format!("'{text}': what follows '/' is not from 0 to {width}")),
        };
        let network = match (address, address.to_canonical()) {
            // The first 96 bits say that it is IPv4.
            (IpAddr::V6(_), address @ IpAddr::V4(_)) if bits >= 96 => {
                Self { address, bits: bits - 96 }
            }
            (address, _) => Self { address, bits },
        };
        let begin = network.begin();
        if begin != network.address {
            return Err(format!(
                "'{text}' has bits behind the first {}: is {begin}/{} meant?",
                network.bits, network.bits
            ));
        }
        Ok(network)
    }
}

impl Network {
    /// Its first address.
    fn begin(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, Sources};

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn admits(allow: &[&str], deny: &[&str], source: &str) -> bool {
        let sources = Sources { allow: networks(allow), deny: networks(deny) };
        sources.admit(source.parse().unwrap())
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.168.1.128/25", "192.168.1.128", "192.168.1.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "::2"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
        ] {
            assert!(admits(&[network], &[], inside), "{network} {inside}");
            assert!(!admits(&[network], &[], outside), "{network} {outside}");
        }
    }

    #[test]
    fn a_network_of_no_bits_is_its_whole_family() {
        assert!(admits(&["0.0.0.0/0"], &[], "255.1.2.3"));
        assert!(!admits(&["0.0.0.0/0"], &[], "::1"));
        assert!(admits(&["::/0"], &[], "ffff::1"));
        assert!(!admits(&["::/0"], &[], "10.0.0.1"));
    }

    #[test]
    fn f29_an_ipv4_address_that_is_written_as_ipv6_is_the_ipv4_address() {
        assert!(admits(&["10.0.0.0/8"], &[], "::ffff:10.1.2.3"));
        assert!(!admits(&[], &["10.0.0.0/8"], "::ffff:10.1.2.3"));
        assert!(admits(&["::ffff:10.0.0.0/104"], &[], "10.1.2.3"));
        assert!(!admits(&["::/0"], &[], "::ffff:10.1.2.3"));
        assert_eq!(networks(&["::ffff:10.0.0.0/104"])[0].to_string(), "10.0.0.0/8");
    }

    #[test]
    fn without_a_list_everybody_may_send_and_denial_wins() {
        assert!(Sources::default().are_all());
        assert!(admits(&[], &[], "10.0.0.1"));
        assert!(!admits(&[], &["10.0.0.0/8"], "10.0.0.1"));
        assert!(admits(&[], &["10.0.0.0/8"], "::1"));
        assert!(!admits(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.0.1"));
        assert!(admits(&["10.0.0.0/8", "::1"], &["10.1.0.0/16"], "::1"));
        let denied = Sources { deny: networks(&["::1"]), ..Sources::default() };
        assert!(!denied.are_all());
    }

    #[test]
    fn a_network_shows_as_it_is_typed() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "fd00::/8", "::1/128", "::/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_network_is_told_why() {
        for (text, why) in [
            ("", "'' is not a network, as in 10.0.0.0/8 or fd00::/8"),
            ("localhost", "'localhost' is not a network, as in 10.0.0.0/8 or fd00::/8"),
            ("10.0.0.0/33", "'10.0.0.0/33': what follows '/' is not from 0 to 32"),
            ("::/x", "'::/x': what follows '/' is not from 0 to 128"),
            ("10.1.2.3/8", "'10.1.2.3/8' has bits behind the first 8: is 10.0.0.0/8 meant?"),
            ("fd00::1/8", "'fd00::1/8' has bits behind the first 8: is fd00::/8 meant?"),
        ] {
            assert_eq!(text.parse::<Network>(), Err(why.to_owned()));
        }
    }
}
