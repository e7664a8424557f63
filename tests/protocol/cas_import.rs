//! `latchbolt import cas`: what a CAS server was configured with, taken over.

mod overlay;

use std::path::Path;

use serde_json::{Value, json};
use testkit::{Server, Setup};

/// Files as CAS writes them, by their names.
const SERVICES: &[(&str, &str)] = &[
    ("Wiki-1001.json", include_str!("cas_import/fixtures/Wiki-1001.json")),
    ("Library_Catalogue-1002.json", include_str!("cas_import/fixtures/Library_Catalogue-1002.json")),
    ("Payroll-1003.json", include_str!("cas_import/fixtures/Payroll-1003.json")),
    ("Everything-1004.json", include_str!("cas_import/fixtures/Everything-1004.json")),
    ("Shop-1005.json", include_str!("cas_import/fixtures/Shop-1005.json")),
    ("Journal-1006.json", include_str!("cas_import/fixtures/Journal-1006.json")),
];
const PHONES: &str = include_str!("cas_import/fixtures/qr-devices.json");

/// The folder of all files.
fn services(server: &Server) -> String {
    let folder = server.folder().join("services");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in SERVICES {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("README.txt"), "not a service").unwrap();
    text(&folder)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn run(server: &Server, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    server.command(&args).done().json()
}

fn of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["services"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} {report}"))
}

fn lost(service: &Value) -> Vec<&str> {
    service["lost"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn services_are_planned_taken_over_once_and_reported() {
    let server = Setup::default().prepare();
    let dir = services(&server);
    let plan = run(&server, &["import", "cas", "--services", &dir]);
    assert_eq!(plan["applied"], false);
    assert_eq!(run(&server, &["client", "list"]), json!([]), "a plan changes nothing");
    let actions: Vec<(&str, &str)> = SERVICES
        .iter()
        .zip(["Wiki", "Library Catalogue", "Payroll", "Everything", "Shop", "Journal"])
        .map(|(_, name)| (name, of(&plan, name)["action"].as_str().unwrap()))
        .collect();
    assert_eq!(
        actions,
        [
            ("Wiki", "create"),
            ("Library Catalogue", "create"),
            ("Payroll", "create"),
            ("Everything", "not possible"),
            ("Shop", "create"),
            ("Journal", "not possible"),
        ]
    );

    let done = run(&server, &["import", "cas", "--services", &dir, "--apply"]);
    assert_eq!(done["applied"], true, "{done}");
    let wiki = run(&server, &["client", "show", "cas-wiki"]);
    let cas = &wiki["latchbolt_cas"];
    assert_eq!(cas["services"], json!(["https://wiki.example.org/**"]));
    assert_eq!(cas["attributes"], json!({"mail": "email", "displayName": "name", "memberOf": "groups"}));
    assert_eq!((&cas["order"], &wiki["token_endpoint_auth_method"]), (&json!(10), &json!("none")));
    assert_eq!((&wiki["client_secret"], &wiki["redirect_uris"]), (&Value::Null, &json!([])));

    let library = of(&done, "Library Catalogue");
    let shown = run(&server, &["client", "show", "cas-library-catalogue"]);
    let cas = &shown["latchbolt_cas"];
    assert_eq!(cas["attributes"], json!({"email": "email", "first": "given_name"}));
    assert_eq!(cas["proxy_callbacks"], json!(["https://library.example.org/proxy/callback"]));
    assert_eq!(
        (&cas["single_logout"], &cas["required_acr"]),
        (&json!("front"), &json!("urn:latchbolt:acr:qr"))
    );
    for field in ["attributeReleasePolicy.eduPersonAffiliation", "logo_uri", "description"] {
        assert!(lost(library).contains(&field), "{field} {library}");
    }

    // Who was kept out is kept out.
    let payroll = of(&done, "Payroll");
    assert_eq!(payroll["enabled"], false);
    assert!(payroll["lost"].as_array().unwrap().iter().any(|one| one["restriction"] == true), "{payroll}");
    assert_eq!(run(&server, &["client", "show", "cas-payroll"])["latchbolt_enabled"], false);

    // It keeps its id and, as it was readable, its secret; which is told nobody.
    let shop = run(&server, &["client", "show", "webshop"]);
    assert_eq!(shop["redirect_uris"], json!(["https://shop.example.org/oidc/callback"]));
    assert_eq!(shop["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert!(!done.to_string().contains("a-secret-of-the-shop"), "{done}");
    assert!(lost(of(&done, "Shop")).contains(&"supportedGrantTypes"));
    for name in ["Everything", "Journal"] {
        assert!(!of(&done, name)["why"].as_str().unwrap().is_empty());
    }

    let again = run(&server, &["import", "cas", "--services", &dir, "--apply"]);
    for name in ["Wiki", "Library Catalogue", "Payroll", "Shop"] {
        assert_eq!(of(&again, name)["action"], "unchanged", "{again}");
    }
    // A change of theirs is one of ours; and what somebody here allowed since, stays so if that is said.
    let changed = SERVICES[0].1.replace("\"evaluationOrder\" : 10", "\"evaluationOrder\" : 11");
    std::fs::write(Path::new(&dir).join(SERVICES[0].0), changed).unwrap();
    let mut payroll = run(&server, &["client", "show", "cas-payroll"]);
    payroll["latchbolt_enabled"] = true.into();
    let file = text(&server.file("payroll.json", &payroll.to_string()));
    run(&server, &["client", "update", "cas-payroll", "--file", &file]);
    let plan = run(&server, &["import", "cas", "--services", &dir, "--keep-enabled"]);
    assert_eq!(of(&plan, "Wiki")["action"], "update", "{plan}");
    assert_eq!(of(&plan, "Payroll")["action"], "unchanged", "{plan}");
    let plan = run(&server, &["import", "cas", "--services", &dir]);
    assert_eq!(of(&plan, "Payroll")["changes"][0]["member"], "latchbolt_enabled");

    // What is exported can be applied, and changes nothing.
    let out = text(&server.folder().join("out"));
    run(&server, &["export", &out]);
    assert_eq!(run(&server, &["apply", &out, "--dry-run"])["plan"], json!([]));
}

#[tokio::test]
async fn phones_come_with_their_people() {
    let server = Setup::default().prepare();
    let _password = server.user("ada");
    let phones = text(&server.file("phones.json", PHONES));
    let people =
        text(&server.file("people.csv", "username,email,name\ngrace,grace@example.org,Grace Hopper\n"));
    let fates = |report: &Value| -> Vec<(String, String)> {
        let rows = report["devices"]["rows"].as_array().unwrap_or_else(|| panic!("{report}"));
        let word = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let mut all: Vec<_> = rows.iter().map(|row| (word(row, "label"), word(row, "fate"))).collect();
        all.sort();
        all
    };
    let expected = |grace: &str| {
        [
            ("ada: pixel-9", "conflict"),
            ("galaxy-1: ada", "create"),
            ("iphone-2: grace", grace),
            ("nokia: nobody", "conflict"),
        ]
        .map(|(label, fate)| (label.to_owned(), fate.to_owned()))
    };
    let alone = run(&server, &["import", "cas", "--qr-devices", &phones]);
    assert_eq!(fates(&alone), expected("conflict"));
    let plan = run(&server, &["import", "cas", "--qr-devices", &phones, "--users", &people]);
    assert_eq!(fates(&plan), expected("create"));
    assert_eq!(run(&server, &["device", "list"]), json!([]));
    assert_eq!(server.command(&["user", "show", "grace"]).code, 1, "nobody was made");
    let done = run(&server, &["import", "cas", "--qr-devices", &phones, "--users", &people, "--apply"]);
    assert_eq!(done["devices"]["counts"]["done"], 2, "{done}");
    let devices = run(&server, &["device", "list"]);
    let mut names: Vec<&str> =
        devices.as_array().unwrap().iter().map(|device| device["cas_name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["galaxy-1", "iphone-2"]);
    let again = run(&server, &["import", "cas", "--qr-devices", &phones, "--users", &people, "--apply"]);
    assert_eq!(again["devices"]["counts"]["to_do"], 0, "{again}");
}

#[tokio::test]
async fn what_cannot_be_read_stops_everything_and_is_named() {
    let server = Setup::default().prepare();
    let dir = services(&server);
    for (name, text) in [("Broken-1.json", "{\"@class\": \"x\",\n  oops"), ("Old-2.yml", "--- !<x>\n")] {
        std::fs::write(Path::new(&dir).join(name), text).unwrap();
        let planned = server.command(&["import", "cas", "--services", &dir]);
        assert_eq!(planned.code, 1, "{planned:?}");
        assert!(planned.out.contains("cas-wiki") && planned.err.contains(name), "{planned:?}");
        let refused = server.command(&["import", "cas", "--services", &dir, "--apply"]);
        assert!(refused.code == 1 && refused.err.contains("Nothing was changed"), "{refused:?}");
        std::fs::remove_file(Path::new(&dir).join(name)).unwrap();
    }
    assert_eq!(run(&server, &["client", "list"]), json!([]));
    let empty = text(&server.folder().join("out"));
    std::fs::create_dir_all(&empty).unwrap();
    for (wrong, code) in [
        (&["import", "cas"][..], 2),
        (&["import", "cas", "--apply"], 2),
        (&["import", "cas", "--services", &empty], 1),
        (&["import", "cas", "--services", "/nowhere/at/all"], 1),
        (&["import", "cas", "--services", &dir, "--claim", "mail"], 1),
        (&["import", "cas", "--qr-devices", "/nowhere.json"], 1),
    ] {
        assert_eq!(server.command(wrong).code, code, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_client_is_a_service_in_every_way_to_it() {
    let server = Server::start().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let wiki = json!({"client_id": "wiki", "client_name": "Wiki", "latchbolt_cas": {"services": ["https://wiki.example/**"], "attributes": {"mail": "email"}}});
    let made = admin.ask("POST", "/clients", Some(&wiki)).await.json();
    assert_eq!((&made["grant_types"], &made["client_secret"]), (&json!([]), &Value::Null), "{made}");
    assert_eq!(made["latchbolt_cas"], wiki["latchbolt_cas"]);
    let listed = admin.ask("GET", "/clients", None).await.json();
    assert_eq!(
        (&listed["items"][0]["kind"], &listed["items"][0]["services"]),
        (&json!("cas"), &json!(["https://wiki.example/**"]))
    );
    // Two that meet are said to.
    let page = json!({"client_id": "page", "client_name": "Page", "latchbolt_cas": {"services": ["https://wiki.example/page/*"], "order": 3}});
    let warned = admin.ask("POST", "/clients", Some(&page)).await.json();
    assert!(warned["warnings"][0].as_str().unwrap().contains("wiki"), "{warned}");
    assert_eq!(admin.ask("GET", "/clients/wiki", None).await.json()["warnings"].as_array().unwrap().len(), 1);
    for (wrong, field) in [
        (json!({"services": ["https://*.example/"]}), "latchbolt_cas.services"),
        (json!({"services": ["^https://wiki\\.example/.*"]}), "latchbolt_cas.services"),
        (json!({"services": []}), "latchbolt_cas.services"),
        (
            json!({"services": ["https://a.example/"], "attributes": {"user": "email"}}),
            "latchbolt_cas.attributes",
        ),
        (
            json!({"services": ["https://a.example/"], "proxy_callbacks": ["http://a.example/"]}),
            "latchbolt_cas.proxy_callbacks",
        ),
        (json!({"services": ["https://a.example/"], "single_logout": "both"}), "latchbolt_cas.single_logout"),
    ] {
        let body = json!({"client_name": "x", "latchbolt_cas": wrong});
        let refused = admin.ask("POST", "/clients", Some(&body)).await;
        assert_eq!(refused.status, 400, "{wrong}");
        let refused = refused.json();
        assert_eq!(
            (&refused["code"], &refused["field"]),
            (&json!("invalid_client_metadata"), &json!(field)),
            "{refused}"
        );
    }
    let test = admin.ask("GET", "/clients/wiki/test", None).await.json();
    assert_eq!(test["kind"], "cas");
    assert!(
        test["url"].as_str().unwrap().ends_with("/cas/login?service=https%3A%2F%2Fwiki.example%2F"),
        "{test}"
    );
    let settings = admin.ask("GET", "/clients/wiki/settings?preset=python-cas", None).await.json();
    assert!(settings["text"].as_str().unwrap().contains("https://wiki.example/"), "{settings}");
}
