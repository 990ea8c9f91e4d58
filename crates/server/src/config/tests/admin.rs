//! `[admin]`: its keys, and who may reach it.

use super::{errors_of_file, of_file, text};
use crate::config::{Address, Admin, TlsFiles, file::FileAdmin};

/// A value for every key, none of them the default.
pub(super) fn full_file() -> FileAdmin {
    FileAdmin {
        listen: text("192.0.2.1:9125"),
        hosts: Some(vec!["Stats.example".to_owned()]),
        token_file: text("${HOSTNAME}.token"),
        tls_certificate: text("cert.pem"),
        tls_key: text("/etc/key.pem"),
        tls_client_ca: text("ca.pem"),
        allow_insecure_http: Some(true),
    }
}

pub(super) fn full() -> Admin {
    Admin {
        address: Some(Address { host: "192.0.2.1".to_owned(), port: 9125 }),
        hosts: vec!["stats.example".to_owned()],
        token_file: Some("/srv/web1.token".into()),
        tls: Some(TlsFiles {
            certificate: "/srv/cert.pem".into(),
            key: "/etc/key.pem".into(),
            client_ca: Some("/srv/ca.pem".into()),
        }),
        allow_insecure_http: true,
    }
}

fn listening(at: &str, more: &str) -> String {
    format!("[admin]\nlisten = \"{at}\"\n{more}")
}

#[test]
fn only_this_machine_reaches_it_without_a_token_and_tls() {
    for at in ["9125", ":9125", "localhost:9125", "127.0.0.9:9125", "[::1]:9125"] {
        let admin = of_file(&listening(at, "")).admin;
        assert!(!admin.is_public() && !admin.is_insecure(), "{at}");
        assert_eq!(admin.address.unwrap().port, 9125);
    }
    let tls = "tls_certificate = \"/c\"\ntls_key = \"/k\"\n";
    for at in ["0.0.0.0:9125", "[::]:9125", "192.0.2.1:9125", "stats.example:9125"] {
        for (more, missing) in [
            ("", "admin.token_file and admin.tls_certificate"),
            ("token_file = \"/t\"", "admin.tls_certificate"),
            (tls, "admin.token_file"),
        ] {
            let expected = format!(
                "a.toml: line 2: admin.listen: others than this machine may reach it: it needs \
                 {missing}, or admin.allow_insecure_http = true"
            );
            assert_eq!(errors_of_file(&listening(at, more)), [expected]);
            let allowed = format!("{more}\nallow_insecure_http = true");
            assert!(of_file(&listening(at, &allowed)).admin.is_insecure());
        }
        let secure = of_file(&listening(at, &format!("token_file = \"/t\"\n{tls}"))).admin;
        assert!(secure.is_public() && !secure.is_insecure());
    }
}

#[test]
fn what_is_wrong_with_it_is_told() {
    for (text, error) in [
        (
            "listen = \"::1\"",
            "line 2: admin.listen: '::1' is no address: it needs brackets and a port, as in \
             '[::1]:8125'",
        ),
        ("hosts = [\"a/b\"]", "line 2: admin.hosts: 'a/b' is no name of a host without a port"),
        ("tls_key = \"/k\"", "line 1: admin.tls_certificate: is missing: TLS needs both"),
        ("token_file = \"${NO}\"", "line 2: admin.token_file: variable NO is not set"),
    ] {
        let errors = errors_of_file(&format!("[admin]\n{text}"));
        assert!(errors[0].starts_with(&format!("a.toml: {error}")), "{errors:?}");
        assert_eq!(errors.len(), 1);
    }
}
