//! Ways in and long work through the admin API: enrolments, the approval queue, files, letters, deeds to many.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, DeviceKey, Kind, Phone, Server, Setup, picture_of_svg};

mod bulk;

const PHONE: &str = "/api/phone/v1";

async fn server() -> (Server, Administrator) {
    let server = Setup::one_node().set("limits.factor", 1000).start().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    (server, admin)
}

async fn made(admin: &Administrator, path: &str, body: &Value) -> Value {
    let answer = admin.ask("POST", path, Some(body)).await;
    assert!(answer.status == 200 || answer.status == 201, "{path}: {} {}", answer.status, answer.text());
    answer.json()
}

async fn got(admin: &Administrator, path: &str) -> Value {
    let answer = admin.ask("GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

async fn upload(admin: &Administrator, kind: &str, file: &[u8]) -> Answer {
    let mut request = admin.request("POST", &format!("/imports?kind={kind}"), None);
    request.headers.push(("content-type".to_owned(), "text/csv".to_owned()));
    request.body = file.to_vec();
    admin.browser.send(request).await
}

async fn planned(admin: &Administrator, kind: &str, file: &str) -> Value {
    let answer = upload(admin, kind, file.as_bytes()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let job = answer.json();
    assert_eq!(job["state"], "ready");
    job
}

/// Starts a job and waits until it stands so.
async fn run(admin: &Administrator, job: &Value, state: &str) -> Value {
    let id = job["id"].as_str().unwrap();
    made(admin, &format!("/jobs/{id}/start"), &json!({})).await;
    reached(admin, id, state).await
}

async fn reached(admin: &Administrator, id: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let job = got(admin, &format!("/jobs/{id}")).await;
        if job["state"] == state {
            return job;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn rows(admin: &Administrator, job: &Value, query: &str) -> Vec<Value> {
    let id = job["id"].as_str().unwrap();
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = got(admin, &format!("/jobs/{id}/rows?limit=200{query}{cursor}")).await;
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Label, fate, field and outcome of each row.
fn fates(rows: &[Value]) -> Vec<(&str, &str, Option<&str>, Option<&str>)> {
    rows.iter()
        .map(|row| {
            let word = |name: &str| row[name].as_str();
            (word("label").unwrap(), word("fate").unwrap(), word("field"), word("outcome"))
        })
        .collect()
}

/// A phone asks for the sessions it approved, which only one that may act is told.
async fn asked(phone: &Phone) -> Answer {
    phone.signed("/devices/self/sessions", Some(&json!({}))).await
}

async fn begin(server: &Server, body: &Value) -> Answer {
    server.browser().send(Request::json(&format!("{PHONE}/enrolments"), body)).await
}

#[tokio::test]
async fn sec_071_a_typed_code_is_good_once_with_its_user_name() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    let _ = server.user("bob");
    let code = made(&admin, "/enrolments", &json!({"user": "ada", "kind": "code"})).await;
    assert_eq!((code["state"].as_str(), code["url"].as_str()), (Some("open"), None));
    let typed = code["code"].as_str().unwrap();
    let life = |made: &Value| made["expires_at"].as_str().unwrap().to_owned();
    assert!(life(&code).as_str() > code["created_at"].as_str().unwrap());

    let wrong = typed.replace(typed.chars().next().unwrap(), if typed.starts_with('A') { "B" } else { "A" });
    for body in [
        json!({"username": "ada", "code": wrong}),
        json!({"username": "bob", "code": typed}),
        json!({"username": "nobody", "code": typed}),
        json!({"username": "ada", "code": "0"}),
    ] {
        assert_eq!(begin(&server, &body).await.status, 410, "{body}");
    }
    for body in [json!({"code": typed}), json!({"username": "ada", "code": typed, "password": "x"})] {
        assert_eq!(begin(&server, &body).await.status, 400, "{body}");
    }
    let sloppy = typed.to_lowercase().replace('-', " ");
    let begun = begin(&server, &json!({"username": "ADA", "code": sloppy})).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    assert_eq!(begin(&server, &json!({"username": "ada", "code": typed})).await.status, 410, "spent");
    let shown = got(&admin, &format!("/enrolments/{}", code["id"].as_str().unwrap())).await;
    assert_eq!((shown["state"].as_str(), &shown["device"]), (Some("begun"), &Value::Null));
    let key = DeviceKey::generate();
    let phone = Phone::finish_enrolment(server.browser(), &begun.json(), Kind::App, key).await.unwrap();
    let shown = got(&admin, &format!("/enrolments/{}", code["id"].as_str().unwrap())).await;
    assert_eq!(
        (shown["state"].as_str(), shown["device"].as_str()),
        (Some("completed"), Some(phone.device.as_str()))
    );
    assert!(shown.get("code").is_none() && shown.get("url").is_none(), "no secret is told again");
}

#[tokio::test]
async fn sec_071_codes_cannot_be_guessed_at() {
    let server = Setup::one_node().start().await;
    let admin = server.administrator("root", &["superadmin"]).await;
    let _ = server.user("ada");
    let code = made(&admin, "/enrolments", &json!({"user": "ada", "kind": "letter"})).await;
    let mut statuses = BTreeSet::new();
    for number in 0..8 {
        let guess = format!("2345-6789-AAA{}", ["A", "B", "C", "D", "E", "F", "G", "H"][number]);
        statuses.insert(begin(&server, &json!({"username": "ada", "code": guess})).await.status);
    }
    assert_eq!(statuses, BTreeSet::from([410, 429]));
    // Also the right one has to wait now; the QR of the same letter is no guess.
    let right = json!({"username": "ada", "code": code["code"]});
    assert_eq!(begin(&server, &right).await.status, 429);
    let token = code["url"].as_str().unwrap().split_once("#e1").unwrap().1;
    assert_eq!(begin(&server, &json!({"token": token})).await.status, 200);
}

#[tokio::test]
async fn sec_071_an_account_has_one_open_enrolment_of_each_sort() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    let offer = |kind: &'static str| {
        let admin = &admin;
        async move { made(admin, "/enrolments", &json!({"user": "ada", "kind": kind})).await }
    };
    let (link, letter) = (offer("link").await, offer("letter").await);
    assert_eq!(link["code"], Value::Null);
    let (code, second) = (offer("code").await, offer("letter").await);
    let listed = got(&admin, "/enrolments?user=&q=ad").await;
    let states: Vec<(&str, &str)> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    for (made, state) in [(&link, "replaced"), (&letter, "replaced"), (&code, "open"), (&second, "open")] {
        assert!(states.contains(&(made["id"].as_str().unwrap(), state)), "{states:?}");
    }
    let open = got(&admin, "/enrolments?state=open&kind=letter").await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    let path = format!("/enrolments/{}", second["id"].as_str().unwrap());
    assert_eq!(admin.ask("DELETE", &path, None).await.json()["state"], "cancelled");
    assert_eq!(admin.ask("DELETE", &path, None).await.status, 409);
    let token = second["url"].as_str().unwrap().split_once("#e1").unwrap().1;
    assert_eq!(begin(&server, &json!({"token": token})).await.status, 410);
    // The symbol on the screen says the same as the link.
    let third = offer("link").await;
    let png = picture_of_svg(third["qr"].as_str().unwrap());
    let mut grids = rqrr::PreparedImage::prepare(image::load_from_memory(&png).unwrap().to_luma8());
    assert_eq!(grids.detect_grids()[0].decode().unwrap().1, third["url"].as_str().unwrap());
    for bad in [json!({"user": "nobody"}), json!({"user": "acc_x"})] {
        assert_eq!(admin.ask("POST", "/enrolments", Some(&bad)).await.status, 404);
    }
    for bad in [
        "/enrolments?state=x",
        "/enrolments?kind=x",
        "/enrolments?limit=0",
        "/enrolments?cursor=YQ",
        "/enrolments?x=1",
    ] {
        assert_eq!(admin.ask("GET", bad, None).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn sec_090_who_a_phone_is_for_comes_from_the_account() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    let id = got(&admin, "/enrolments").await;
    assert_eq!(id["items"], json!([]));
    for body in [
        json!({"user": "ada", "account": "acc_x"}),
        json!({"user": "ada", "email": "eve@example.org"}),
        json!({"user": "ada", "expires_at": "2099-01-01T00:00:00Z"}),
        json!({"user": "ada", "session": "ses_x"}),
    ] {
        assert_eq!(admin.ask("POST", "/enrolments", Some(&body)).await.status, 400, "{body}");
    }
    let fault = upload(&admin, "letters", b"username,email\nada,eve@example.org\n").await;
    assert_eq!((fault.status, fault.json()["field"].as_str()), (400, Some("email")));
    let link = made(&admin, "/enrolments", &json!({"user": "ada"})).await;
    let token = link["url"].as_str().unwrap().split_once("#e1").unwrap().1;
    let begun = begin(&server, &json!({"token": token, "username": "root"})).await;
    assert_eq!(begun.status, 400, "a token names its user by itself");
    let begun = begin(&server, &json!({"token": token})).await.json();
    assert_eq!(begun["account"]["username"], "ada");
}

#[tokio::test]
async fn sec_075_a_new_phone_waits_where_policy_says_so() {
    let (server, admin) = server().await;
    let password = server.user("ada");
    let policy = got(&admin, "/policies/devices").await;
    let request = admin
        .request("PATCH", "/policies/devices", Some(&json!({"approval": true})))
        .header("if-match", &format!("\"{}\"", policy["version"]));
    let saved = admin.browser.send(request).await;
    assert_eq!(saved.status, 200, "{}", saved.text());
    let line = || server.browser();
    let phone = Phone::enrol(line(), "ada", &password, Kind::App).await;
    let offered = made(&admin, "/enrolments", &json!({"user": "ada"})).await;
    let other = Phone::enrol_by_link(line(), offered["url"].as_str().unwrap(), Kind::App).await;

    let queue = got(&admin, "/approvals").await;
    let waiting: Vec<&str> =
        queue["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(waiting, [phone.device.as_str(), other.device.as_str()]);
    let first = &queue["items"][0];
    assert_eq!((first["username"].as_str(), first["added_by"].as_str()), (Some("ada"), Some("owner")));
    assert_eq!((first["attestation"].as_str(), first["verifies_user"].as_bool()), (Some("none"), Some(true)));
    assert_eq!(queue["items"][1]["added_by"], "admin");

    let decide = |ids: Value, decision: &'static str| {
        let admin = &admin;
        async move {
            made(admin, "/approvals/decide", &json!({"ids": ids, "decision": decision, "reason": "seen"}))
                .await
        }
    };
    // A waiting phone is told its state and nothing else.
    assert_eq!(asked(&phone).await.status, 403);
    let own = phone.signed("/devices/self", Some(&json!({}))).await;
    assert_eq!((own.status, own.word("state")), (200, "pending".to_owned()));
    let results = decide(json!([phone.device, "dev_x"]), "approve").await;
    let outcomes: BTreeSet<&str> =
        results["results"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, BTreeSet::from(["done", "not_found"]));
    let results = decide(json!([phone.device, other.device]), "reject").await;
    let of = |id: &str| {
        results["results"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["outcome"].clone()
    };
    assert_eq!((of(&phone.device), of(&other.device)), (json!("not_pending"), json!("done")));
    assert_eq!(got(&admin, "/approvals").await["items"], json!([]));
    assert_eq!(asked(&phone).await.status, 200);
    assert_eq!(asked(&other).await.status, 403);
    assert_eq!(
        (server.audit("device.approved").await.len(), server.audit("device.rejected").await.len()),
        (1, 1)
    );
    let many: Vec<String> = (0..201).map(|n| format!("dev_{n}")).collect();
    let refused =
        admin.ask("POST", "/approvals/decide", Some(&json!({"ids": many, "decision": "approve"}))).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn an_import_of_people_says_what_becomes_of_each_row() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    made(&admin, "/groups", &json!({"name": "Staff"})).await;
    made(&admin, "/groups", &json!({"name": "Admins", "roles": ["superadmin"]})).await;
    let file = "username,email,name,groups,language\n\
        ada,,,,\n\
        ADA,,,,\n\
        bob,bob@example.org,=cmd(),Staff,de\n\
        eve x,,,,\n\
        carl,nobody,,,\n\
        dora,,,Nowhere,\n\
        emil,,,,!!\n\
        fay,,\"a\u{202e}b\",,\n\
        gus\n";
    let job = planned(&admin, "users", file).await;
    assert_eq!(
        (&job["rows"]["total"], &job["rows"]["to_do"], &job["rows"]["unchanged"]),
        (&json!(9), &json!(1), &json!(1))
    );
    let before = rows(&admin, &job, "").await;
    let by_row = fates(&before);
    assert_eq!(by_row[0], ("ada", "unchanged", None, None));
    assert_eq!(by_row[1], ("ADA", "conflict", Some("username"), None));
    assert_eq!(by_row[2], ("bob", "create", None, None));
    for (row, field) in by_row[3..].iter().zip(["username", "email", "groups", "language", "claims", "row"]) {
        assert_eq!((row.1, row.2), ("conflict", Some(field)), "{row:?}");
    }
    assert!(before[1]["reason"].as_str().unwrap().contains("line 2"), "{}", before[1]);
    assert_eq!(got(&admin, "/users?q=bob").await["items"], json!([]), "a dry run changes nothing");

    let done = run(&admin, &job, "finished").await;
    assert_eq!((&done["rows"]["done"], &done["rows"]["failed"]), (&json!(1), &json!(0)));
    let bob = got(&admin, "/users?q=bob").await["items"][0].clone();
    assert_eq!(bob["groups"], json!(["Staff"]), "{bob}");
    let again = planned(&admin, "users", file).await;
    assert_eq!(rows(&admin, &again, "&fate=create").await, Vec::<Value>::new());
    for verb in ["start", "undo"] {
        let refused = admin
            .ask("POST", &format!("/jobs/{}/{verb}", done["id"].as_str().unwrap()), Some(&json!({})))
            .await;
        assert_eq!(refused.status, 409, "{verb}");
    }
    let csv = admin.ask("GET", &format!("/jobs/{}/rows.csv", job["id"].as_str().unwrap()), None).await;
    assert!(csv.text().lines().count() == 10 && csv.header("content-type").unwrap().starts_with("text/csv"));

    // Who may not give a role gives none by a file either (SEC-181), whoever starts it.
    let with_role = "username,groups\nhans,Admins\n";
    let manager = server.administrator("registrar", &["device_registrar"]).await;
    assert_eq!(upload(&manager, "users", with_role.as_bytes()).await.status, 403);
    assert_eq!(upload(&manager, "letters", b"username\nada\n").await.status, 201);
    let by_root = planned(&admin, "users", with_role).await;
    let start = format!("/jobs/{}/start", by_root["id"].as_str().unwrap());
    assert_eq!(manager.ask("POST", &start, Some(&json!({}))).await.status, 403);
    run(&admin, &by_root, "finished").await;
}

#[tokio::test]
async fn bad_files_say_what_to_mend_and_where() {
    let (_server, admin) = server().await;
    let utf16: Vec<u8> = "\u{feff}username\nada\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = format!("username\n{}\n", "x".repeat(11_000));
    for (kind, file, row, field, words) in [
        ("users", &b""[..], None, None, "empty"),
        ("users", b"usrename\nada\n", Some(1), Some("usrename"), "Is \u{201c}username\u{201d} meant?"),
        ("users", b"username,roles\nada,superadmin\n", Some(1), Some("roles"), "not known"),
        ("users", b"username,username\nada,ada\n", Some(1), Some("username"), "twice"),
        ("devices", b"username\nada\n", Some(1), Some("public_key"), "missing"),
        ("users", b"username\nbj\xf6rn\n", Some(2), None, "not UTF-8"),
        ("users", &utf16, None, None, "UTF-16"),
        ("users", long.as_bytes(), Some(2), None, "10 kB"),
    ] {
        let answer = upload(&admin, kind, file).await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (400, Some("invalid_file")), "{problem}");
        assert_eq!((problem["row"].as_u64(), problem["field"].as_str()), (row, field), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{words}: {problem}");
    }
    assert_eq!(upload(&admin, "sessions", b"x").await.status, 400);
    assert_eq!(got(&admin, "/jobs").await["items"], json!([]), "nothing is left of them");
}

#[tokio::test]
async fn sec_084_an_import_cannot_change_whose_a_phone_is() {
    let (server, admin) = server().await;
    let _ = server.user("ada");
    let _ = server.user("eve");
    let (key, other) = (DeviceKey::generate(), DeviceKey::generate());
    let cell = |key: &DeviceKey| key.jwk().to_string().replace('"', "\"\"");
    let row = |user: &str, key: &DeviceKey| format!("{user},\"{}\",Tablet,iPad\n", cell(key));
    let header = "username,public_key,name,platform\n";
    let job = planned(&admin, "devices", &format!("{header}{}", row("ada", &key))).await;
    let done = run(&admin, &job, "finished").await;
    assert_eq!(done["rows"]["done"], 1);
    let device = rows(&admin, &done, "").await[0]["subject"].as_str().unwrap().to_owned();

    let private = other.jwk().as_object().map(|jwk| {
        let mut jwk = jwk.clone();
        jwk.insert("d".to_owned(), json!("AAAA"));
        Value::Object(jwk).to_string().replace('"', "\"\"")
    });
    let file = format!(
        "{header}{}{}{}{}eve,\"{}\",x,y\neve,AAAA,x,y\nnobody,\"{}\",x,y\n",
        row("ada", &key),
        row("eve", &key),
        row("eve", &other),
        row("ada", &other),
        private.unwrap(),
        cell(&DeviceKey::generate()),
    );
    let job = planned(&admin, "devices", &file).await;
    let looked = rows(&admin, &job, "").await;
    let fates: Vec<(&str, Option<&str>)> = fates(&looked).into_iter().map(|row| (row.1, row.2)).collect();
    assert_eq!(
        fates,
        [
            ("unchanged", None),
            ("conflict", Some("public_key")),
            ("create", None),
            ("conflict", Some("public_key")),
            ("conflict", Some("public_key")),
            ("conflict", Some("public_key")),
            ("conflict", Some("username")),
        ]
    );
    let done = run(&admin, &job, "finished").await;
    assert_eq!(done["rows"]["done"], 1);
    let shown = got(&admin, &format!("/devices/{device}")).await;
    assert!(shown.to_string().contains("\"ada\"") && !shown.to_string().contains("\"eve\""), "{shown}");
    let fault = upload(&admin, "devices", b"username,public_key,user_id\nada,x,acc_x\n").await;
    assert_eq!((fault.status, fault.json()["field"].as_str()), (400, Some("user_id")));
}

#[tokio::test]
async fn letters_are_printed_read_by_a_camera_and_forgotten() {
    if Command::new("pdftoppm").arg("-v").output().is_err() {
        // `crates/letters` reads its own symbols without it; `tests/run all` installs it.
        return println!("poppler-utils is not installed: letters are not drawn");
    }
    let (server, admin) = server().await;
    for name in ["ada", "bob", "zoë"] {
        let _ = server.user(name);
    }
    let job = planned(&admin, "letters", "username,language\nada,de\nbob,\nzoë,en\nnobody,\n").await;
    let done = run(&admin, &job, "finished").await;
    assert_eq!((&done["rows"]["done"], &done["rows"]["conflict"]), (&json!(3), &json!(1)));
    assert!(done["letters"]["until"].is_string());
    let id = done["id"].as_str().unwrap().to_owned();
    let listed = got(&admin, &format!("/enrolments?job={id}&kind=letter&state=open")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);

    let mut urls = BTreeSet::new();
    for (layout, pages) in [("letter", 3), ("labels", 1)] {
        let pdf = admin.ask("GET", &format!("/jobs/{id}/letters.pdf?layout={layout}"), None).await;
        assert_eq!((pdf.status, pdf.header("content-type")), (200, Some("application/pdf")));
        let read = read_pdf(&server, &pdf.body, layout);
        assert_eq!(read.pages, pages, "{layout}");
        assert!(read.text.contains("zoë") && read.text.contains("Gültig bis"), "{}", read.text);
        assert_eq!(read.symbols.len(), 3, "{layout}: {:?}", read.symbols);
        urls.insert(read.symbols);
    }
    assert_eq!(urls.len(), 1, "both layouts hold the same secrets");
    let url = urls.first().unwrap().first().unwrap().clone();
    assert!(url.starts_with(&format!("{}/phone#e1", server.issuer)), "{url}");
    let token = url.split_once("#e1").unwrap().1;
    let kept = server.database_bytes();
    assert!(!kept.windows(token.len()).any(|part| part == token.as_bytes()), "the secrets are sealed");
    assert_eq!(admin.ask("GET", &format!("/jobs/{id}/letters.pdf?layout=poster"), None).await.status, 400);

    let phone = Phone::enrol_by_link(server.browser(), &url, Kind::App).await;
    assert_eq!(asked(&phone).await.status, 200);
    let confirmed = made(&admin, &format!("/jobs/{id}/letters/confirm"), &json!({})).await;
    assert_eq!(confirmed["letters"], Value::Null);
    assert_eq!(admin.ask("GET", &format!("/jobs/{id}/letters.pdf"), None).await.status, 410);
    assert_eq!(admin.ask("POST", &format!("/jobs/{id}/letters/confirm"), Some(&json!({}))).await.status, 410);
    // Everybody who has no phone: ada or whoever came first has one now.
    let rest = made(&admin, "/imports/letters", &json!({"without_device": true})).await;
    assert_eq!(rest["rows"]["to_do"], 3, "two of them, and root: {rest}");
}

struct Read {
    pages: usize,
    text: String,
    symbols: BTreeSet<String>,
}

/// Draws a PDF as a printer would and reads the symbols on it, one in each third of a page and eighth of its height
/// where there are labels.
fn read_pdf(server: &Server, pdf: &[u8], layout: &str) -> Read {
    let file = server.folder().join(format!("{layout}.pdf"));
    std::fs::write(&file, pdf).unwrap();
    let pictures = server.folder().join(layout);
    let drawn =
        Command::new("pdftoppm").args(["-r", "200", "-gray", "-png"]).arg(&file).arg(&pictures).status();
    assert!(drawn.expect("pdftoppm of poppler-utils").success());
    let text = Command::new("pdftotext").arg(&file).arg("-").output().unwrap();
    let mut read = Read { pages: 0, text: String::from_utf8(text.stdout).unwrap(), symbols: BTreeSet::new() };
    let (columns, lines) = if layout == "labels" { (3, 8) } else { (1, 1) };
    for entry in std::fs::read_dir(server.folder()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !(name.starts_with(&format!("{layout}-")) && name.ends_with(".png")) {
            continue;
        }
        read.pages += 1;
        let page = image::open(entry.path()).unwrap().to_luma8();
        let (width, height) = (page.width() / columns, page.height() / lines);
        for cell in 0..columns * lines {
            let at = (cell % columns * width, cell / columns * height);
            let cell = image::imageops::crop_imm(&page, at.0, at.1, width, height).to_image();
            let mut prepared = rqrr::PreparedImage::prepare(cell);
            read.symbols.extend(prepared.detect_grids().iter().map(|grid| grid.decode().unwrap().1));
        }
    }
    read
}
