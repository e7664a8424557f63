//! `/.well-known/webfinger` (RFC 7033, OpenID Connect Discovery §2).

use testkit::Server;
use testkit::wire::{Request, encode};

const REL: &str = "http://openid.net/specs/connect/1.0/issuer";

fn about(resource: &str) -> Request {
    Request::get(&format!("/.well-known/webfinger?{}", encode(&[("resource", resource), ("rel", REL)])))
}

#[tokio::test]
async fn whoever_asks_about_our_host_is_sent_here() {
    let server = Server::start().await;
    let line = server.browser();
    let host = server.issuer.strip_prefix("http://").unwrap().to_owned();
    let _password = server.user("ada");
    for resource in [
        format!("acct:ada@{host}"),
        format!("acct:nobody@{host}"),
        server.issuer.clone(),
        format!("ada@{host}"),
    ] {
        let answer = line.send(about(&resource).header("origin", "https://app.example")).await;
        assert_eq!(answer.status, 200, "{resource}");
        assert_eq!(answer.header("content-type"), Some("application/jrd+json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let found = answer.json();
        assert_eq!(found["subject"], resource.as_str());
        assert_eq!(found["links"][0]["rel"], REL);
        assert_eq!(found["links"][0]["href"], server.issuer.as_str());
        assert_eq!(found["links"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn it_does_not_tell_who_has_an_account() {
    let server = Server::start().await;
    let line = server.browser();
    let host = server.issuer.strip_prefix("http://").unwrap().to_owned();
    let _password = server.user("ada");
    let told = async |name: &str| {
        let answer = line.send(about(&format!("acct:{name}@{host}"))).await;
        (answer.status, answer.text().replace(name, "x"))
    };
    assert_eq!(told("ada").await, told("nobody").await);
}

#[tokio::test]
async fn others_are_not_found_and_nonsense_is_told() {
    let server = Server::start().await;
    let line = server.browser();
    for foreign in ["acct:ada@example.org", "https://example.org/ada", "acct:ada@localhost:1"] {
        let answer = line.send(about(foreign)).await;
        assert_eq!(answer.status, 404, "{foreign}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    for bad in
        ["", "?rel=x", "?resource=", "?resource=ada", "?resource=a%40b&resource=c%40d", "?resource=%ff"]
    {
        let answer = line.send(Request::get(&format!("/.well-known/webfinger{bad}"))).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    assert_eq!(line.send(Request::new("POST", "/.well-known/webfinger")).await.status, 405);
}
