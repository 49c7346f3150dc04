//! Keys in files.

use anju_engine::checkpoint::{Ed25519Signer, VerifierKey};

use crate::desk::Desk;

#[test]
fn a_key_pair_is_two_files_of_which_one_is_secret() {
    let desk = Desk::new();
    let made = desk.ok(&["key", "new", "--out", "audit", "--json"]);
    let (private, public) = (desk.read("audit"), desk.read("audit.pub"));
    assert_eq!(made["key"].as_str().unwrap(), public.trim());
    // Without a log, the key has the name of its file.
    assert_eq!(made["name"], "audit");
    let signer: Ed25519Signer = private.parse().unwrap();
    assert_eq!(signer.verifier(), &public.parse::<VerifierKey>().unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(desk.path("audit"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Nothing is overwritten, neither the one nor the other.
    for gone in ["audit", "audit.pub"] {
        let again = desk.run(&["key", "new", "--out", "audit"]);
        assert_eq!(again.code, 2, "{again:?}");
        assert!(again.err.contains("never overwritten"), "{again:?}");
        assert_eq!(
            (desk.read("audit"), desk.read("audit.pub")),
            (private.clone(), public.clone())
        );
        let kept = desk.read(gone);
        std::fs::remove_file(desk.path(gone)).unwrap();
        assert_eq!(desk.run(&["key", "new", "--out", "audit"]).code, 2);
        std::fs::write(desk.path(gone), kept).unwrap();
    }
    // The secret shows nowhere.
    // PRIVATE+KEY+name+id+secret: the secret is base64 and may hold a plus itself.
    let secret = private.trim().splitn(5, '+').nth(4).unwrap();
    let shown = desk.run(&["key", "new", "--out", "other"]);
    assert!(!shown.out.contains("PRIVATE") && !shown.err.contains("PRIVATE"));
    desk.project();
    for line in [
        vec!["verify", "--against", "audit", "--key", "audit"],
        vec!["verify", "--against", "audit", "--key", "audit.pub"],
        vec!["verify-bundle", "audit", "--key", "audit.pub"],
        vec!["checkpoint", "--key", "audit"],
        vec!["bundle", "p1", "-o", "b", "--key", "audit"],
    ] {
        let shown = desk.run(&line);
        assert!(
            !format!("{shown:?}").contains(secret),
            "{line:?}: {shown:?}"
        );
    }
    for file in std::fs::read_dir(desk.path(".")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "audit" {
            let bytes = std::fs::read(&path).unwrap();
            let there = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!there, "{}", path.display());
        }
    }
}

#[test]
fn a_key_made_at_a_store_is_named_after_its_log_and_signs_for_no_other() {
    let (desk, other) = (Desk::new(), Desk::new());
    desk.project();
    other.project();
    let made = desk.ok(&["key", "new", "--out", "k", "--json"]);
    let name = made["name"].as_str().unwrap();
    assert!(name.starts_with("anju.local/"), "{name}");
    assert_eq!(
        desk.ok(&["checkpoint", "--key", "k", "--json"])["origin"],
        name
    );

    std::fs::copy(desk.path("k"), other.path("k")).unwrap();
    let refused = other.run(&["checkpoint", "--key", "k"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("another log"), "{refused:?}");
    assert!(!other.path("anju.checkpoints").exists());

    // A name of one's own may keep several logs.
    let made = other.ok(&[
        "key",
        "new",
        "--out",
        "own",
        "--name",
        "audit-office",
        "--json",
    ]);
    assert_eq!(made["name"], "audit-office");
    other.ok(&["checkpoint", "--key", "own", "--json"]);
    let refused = other.run(&["key", "new", "--out", "bad", "--name", "audit office"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(!other.path("bad").exists());
}
