//! A whole overlay of CAS as it stands on a disk: definitions of every kind, one folder deeper, Hjson, phones and people.
//!
//! Owns: that each member of each file is taken or named, that doing it again changes nothing, and that people sign in
//! for what was taken over. The files are in `fixtures/overlay`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::wire::{Request, encode};
use testkit::{Server, Setup};

use super::{lost, of, run, text};

/// Service, what is done with it, whether it is enabled, and the members that are named as lost. All others are taken, or
/// say nothing.
type Fate = (&'static str, &'static str, bool, &'static [&'static str]);
const FATES: &[Fate] = &[
    // All that CAS writes by itself.
    ("Intranet", "create", true, &[]),
    ("Timetable & Rooms", "create", true, &["contacts", "description", "theme"]),
    ("Mail", "not possible", true, &["attributeReleasePolicy.allowedAttributes.displayName", "serviceId"]),
    (
        "Portal",
        "create",
        true,
        &["attributeReleasePolicy.excludedAttributes", "proxyPolicy.pattern", "serviceId"],
    ),
    (
        "Vault",
        "create",
        false,
        &[
            "accessStrategy.rejectedAttributes",
            "accessStrategy.requiredAttributes",
            "accessStrategy.unauthorizedRedirectUrl",
            "multifactorPolicy",
            "multifactorPolicy.multifactorAuthenticationProviders",
        ],
    ),
    ("Old Shop", "create", false, &["expirationPolicy"]),
    ("Second Shop", "create", true, &["id", "properties", "publicKey"]),
    ("Any Host", "not possible", true, &["serviceId"]),
    ("Labs", "not possible", true, &["serviceId"]),
    (
        "Campus App",
        "create",
        true,
        &[
            "bypassApprovalPrompt",
            "clientSecret",
            "generateRefreshToken",
            "jwks",
            "signIdToken",
            "subjectType",
            "token_endpoint_auth_method",
        ],
    ),
    (
        "Build Server",
        "create",
        true,
        &["clientSecret", "jwtAccessToken", "serviceId", "supportedGrantTypes", "token_endpoint_auth_method"],
    ),
    ("Library SP", "not possible", true, &["metadataLocation", "requiredNameIdFormat", "serviceId"]),
    (
        "Cluster",
        "create",
        false,
        &[
            "accessStrategy.ssoEnabled",
            "attributeReleasePolicy.department",
            "attributeReleasePolicy.homeDirectory",
        ],
    ),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/cas_import/fixtures/overlay")
}

/// A copy of the folder of definitions that a test may change.
fn services(server: &Server) -> PathBuf {
    let to = server.folder().join("services");
    for folder in ["", "research"] {
        std::fs::create_dir_all(to.join(folder)).unwrap();
        for entry in std::fs::read_dir(fixtures().join(folder)).unwrap().flatten() {
            let name = entry.file_name();
            if entry.path().is_file() && name.to_string_lossy().contains("-20") {
                std::fs::copy(entry.path(), to.join(folder).join(name)).unwrap();
            }
        }
    }
    to
}

fn import(server: &Server, services: &Path, more: &[&str]) -> Value {
    let (phones, people) = (text(&fixtures().join("qr-devices.json")), text(&fixtures().join("people.csv")));
    let dir = text(services);
    let args = ["import", "cas", "--services", &dir, "--qr-devices", &phones, "--users", &people];
    run(server, &[&args[..], more].concat())
}

fn actions(report: &Value) -> Vec<(&str, &str)> {
    FATES.iter().map(|(name, ..)| (*name, of(report, name)["action"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn nothing_of_an_overlay_is_lost_silently() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    let dir = services(&server);
    let plan = import(&server, &dir, &[]);
    assert_eq!(plan["services"].as_array().unwrap().len(), FATES.len(), "{plan}");
    for (name, action, is_enabled, named) in FATES {
        let service = of(&plan, name);
        let mut fields = lost(service);
        fields.sort_unstable();
        assert_eq!(fields, *named, "{name}");
        assert_eq!((&service["action"], &service["enabled"]), (&json!(action), &json!(is_enabled)), "{name}");
        let is_why_said = service["why"].as_str().is_some_and(|why| !why.is_empty());
        assert_eq!(is_why_said, *action == "not possible", "{service}");
        // What is disabled here was so there, or says why.
        let is_restricted =
            service["lost"].as_array().unwrap().iter().any(|lost| lost["restriction"] == true);
        assert_eq!(is_restricted, !is_enabled, "{service}");
    }
    assert_eq!(of(&plan, "Cluster")["file"], "research/Cluster-2012.json");
    let of_two = of(&plan, "Second Shop");
    assert!(of_two["lost"].to_string().contains("Old_Shop-2006.json"), "{of_two}");
    // No secret is shown, and nothing was done.
    assert!(!plan.to_string().contains("cas-cipher"), "{plan}");
    assert_eq!(run(&server, &["client", "list"]), json!([]));
    assert_eq!(run(&server, &["device", "list"]), json!([]));

    // A claim that is named takes what was lost; one that is defined needs no name.
    let defined = ["claim", "create", "department", "--kind", "text", "--edited-by", "admin"];
    assert_eq!(server.command(&defined).code, 0);
    let plan = import(&server, &dir, &["--claim", "homeDirectory=profile"]);
    assert_eq!(lost(of(&plan, "Cluster")), ["accessStrategy.ssoEnabled"], "{plan}");

    // One broken file among many: everything is said, nothing is done.
    std::fs::write(dir.join("research/Broken-2099.json"), "{\n  \"@class\": \"x\",\n  \"name\": \"B\n}")
        .unwrap();
    let people = text(&fixtures().join("people.csv"));
    let folder = text(&dir);
    let args = ["import", "cas", "--services", &folder, "--users", &people, "--apply"];
    let refused = server.command(&args);
    assert_eq!(refused.code, 1, "{refused:?}");
    for word in ["research/Broken-2099.json", "line 3", "Nothing was changed"] {
        assert!(refused.err.contains(word), "{word}: {refused:?}");
    }
    assert_eq!(run(&server, &["client", "list"]), json!([]));
    assert_eq!(server.command(&["user", "show", "grace"]).code, 1, "nobody was made");
}

#[tokio::test]
async fn people_sign_in_for_what_was_taken_over() {
    let mut server = Setup::default().set("cas.enabled", true).set("cas_qr.enabled", true).prepare();
    let password = server.user("ada");
    let dir = services(&server);
    let done = import(&server, &dir, &["--apply"]);
    assert_eq!((&done["applied"], &done["devices"]["counts"]["done"]), (&json!(true), &json!(2)), "{done}");
    let again = import(&server, &dir, &["--apply"]);
    for (name, action) in actions(&again) {
        assert!(["unchanged", "not possible"].contains(&action), "{name}: {again}");
        assert_eq!(action == "unchanged", of(&done, name)["action"] == "create", "{name}");
    }
    let counts = |report: &Value, what: &str| report[what]["counts"]["to_do"].clone();
    assert_eq!((counts(&again, "users"), counts(&again, "devices")), (json!(0), json!(0)), "{again}");
    // It is known there by its mail address, as before.
    let timetable = run(&server, &["client", "show", "cas-timetable-rooms"]);
    assert_eq!(timetable["latchbolt_cas"]["user_claim"], "email", "{timetable}");

    server.run_again().await;
    let browser = server.browser();
    let at = |service: &str| format!("/cas/login?{}", encode(&[("service", service)]));
    let landed = browser.sign_in(&at("https://intranet.example.org/start?x=1#top"), "ada", &password).await;
    let ticket = landed.query("ticket").unwrap_or_else(|| panic!("{}: {}", landed.url, landed.html()));
    let told = |service: &'static str, ticket: String| {
        let query = encode(&[("service", service), ("ticket", &ticket)]);
        let asking = server.browser();
        async move { asking.send(Request::get(&format!("/cas/p3/serviceValidate?{query}"))).await.text() }
    };
    let xml = told("https://intranet.example.org/start?x=1", ticket).await;
    assert!(xml.contains("<cas:user>ada</cas:user>") && xml.contains("<cas:uid>ada</cas:uid>"), "{xml}");
    // The session counts at the next one; those that came disabled or not at all stay out.
    let landed = browser.follow(&at("https://www.timetable.example.org/rooms")).await;
    assert!(landed.query("ticket").is_some(), "{}", landed.url);
    for closed in
        ["https://vault.example.org/", "https://oldshop.example.org/", "https://x.apps.example.org/"]
    {
        let page = browser.follow(&at(closed)).await;
        assert_eq!((page.status(), page.query("ticket")), (403, None), "{closed}");
    }

    // Her phone gets its token, by its name in any letters; nobody else's does for her password.
    for (device, status) in [("Pixel-9-ADA", 201), ("galaxy.21", 401), ("tablet", 401)] {
        let fields = [
            ("username", "ada"),
            ("password", password.as_str()),
            ("token", "true"),
            ("QR_AUTHENTICATION_DEVICE_ID", device),
        ];
        let answer = server.browser().send(Request::form("/cas/v1/tickets", &fields)).await;
        assert_eq!(answer.status, status, "{device}: {}", answer.text());
    }
}
