//! One module at work: what it asks for, and the whole way from there to the person's claims.
//!
//! Owns: which kind of response is tested, requests, complete flows, which all pass through the one checker
//! (`check`). Not here: what each module is about (`modules`).

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};
use testkit::wire::{Answer, Request, encode};
use testkit::{Browser, b64, random, sha256};
use tokio::sync::MutexGuard;
use url::Url;

use super::check;
use super::house::House;
use super::party::Party;
use super::visitor::{Visit, Visitor};

/// What is tested: a column of the checklist's section 14, the response mode, and who registers clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) plan: &'static str,
    pub(crate) types: &'static str,
    pub(crate) form_post: bool,
    pub(crate) dynamic: bool,
}

impl At {
    fn has(self, word: &str) -> bool {
        self.types.split(' ').any(|one| one == word)
    }
    pub(crate) fn has_code(self) -> bool {
        self.has("code")
    }
    pub(crate) fn has_id_token(self) -> bool {
        self.has("id_token")
    }
    pub(crate) fn has_token(self) -> bool {
        self.has("token")
    }
    pub(crate) fn has_front_tokens(self) -> bool {
        self.has_id_token() || self.has_token()
    }
    /// No access token comes out of it: the claims of scopes are in the ID token.
    pub(crate) fn is_id_token_alone(self) -> bool {
        self.types == "id_token"
    }
}

/// A running module.
pub(crate) struct Module {
    pub(crate) house: &'static House,
    pub(crate) at: At,
    /// Discovery.
    pub(crate) metadata: Value,
    /// A caller without cookies of its own.
    pub(crate) line: Browser,
    made: Mutex<Vec<(String, String)>>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Module {
    pub(crate) async fn begin(at: At, is_timed: bool) -> Self {
        let (house, turn) = if is_timed {
            let (house, turn) = House::timed().await;
            (house, Some(turn))
        } else {
            (House::shared().await, None)
        };
        let line = house.caller();
        let answer = line.send(Request::get("/.well-known/openid-configuration")).await;
        assert_eq!(answer.status, 200, "discovery: {}", answer.text());
        Self { house, at, metadata: answer.json(), line, made: Mutex::default(), _turn: turn }
    }

    /// Whether a list of the metadata has a word.
    pub(crate) fn supports(&self, member: &str, word: &str) -> bool {
        self.metadata[member].as_array().is_some_and(|list| list.iter().any(|one| one == word))
    }

    /// Clients of the plan "Dynamic" authenticate with their keys.
    pub(crate) fn is_dynamic_plan(&self) -> bool {
        self.at.plan == "dynamic"
    }

    /// Takes back what it registered: 204 where deletion is offered (section 2).
    pub(crate) async fn end(self) {
        let made = std::mem::take(&mut *self.made.lock().expect("registrations"));
        for (uri, token) in made {
            let path = Url::parse(&uri).expect("an address").path().to_owned();
            let bearer = format!("Bearer {token}");
            let delete = || Request::new("DELETE", &path).header("authorization", &bearer);
            let answer = self.line.send(delete()).await;
            assert_eq!((answer.status, answer.body.len()), (204, 0), "DELETE: {}", answer.text());
            assert_eq!(self.line.send(delete()).await.status, 401, "deleted and still there");
        }
    }

    /// Remembers a client that is to be deleted at the end.
    pub(crate) fn remember(&self, registered: &Value) {
        let word = |member: &str| registered[member].as_str().map(str::to_owned);
        if let (Some(uri), Some(token)) = (word("registration_client_uri"), word("registration_access_token"))
        {
            self.made.lock().expect("registrations").push((uri, token));
        }
    }

    /// An endpoint by its name in the metadata.
    #[track_caller]
    pub(crate) fn endpoint(&self, name: &str) -> Url {
        let url = self.metadata[name].as_str().unwrap_or_else(|| panic!("no {name} in the metadata"));
        assert!(url.starts_with("https://"), "{name}: {url}");
        Url::parse(url).expect("an address")
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(self.house)
    }

    /// The request of most modules.
    pub(crate) fn asked(&self, party: &Party) -> Asked {
        let mut asked = Asked {
            fields: Vec::new(),
            outer: None,
            endpoint: self.endpoint("authorization_endpoint"),
            verifier: None,
        };
        asked = asked
            .with("client_id", &party.id)
            .with("redirect_uri", &party.redirect_uri)
            .with("scope", "openid")
            .with("state", &b64(&random::<9>()))
            .with("nonce", &b64(&random::<9>()))
            .with("response_type", self.at.types);
        if self.at.form_post { asked.with("response_mode", "form_post") } else { asked }
    }

    /// Goes there, and checks how it comes back.
    pub(crate) async fn respond(&self, visitor: &Visitor, party: &Party, asked: &Asked) -> (Visit, Response) {
        let visit = visitor.visit(&asked.url()).await;
        let response = check::response(self, party, asked, &visit);
        (visit, response)
    }

    /// The whole flow with every check of section 2.
    pub(crate) async fn flow(&self, visitor: &Visitor, party: &Party, asked: Asked) -> Flow {
        let (visit, response) = self.respond(visitor, party, &asked).await;
        self.finish(party, asked, visit, response).await
    }

    /// From a response on.
    pub(crate) async fn finish(&self, party: &Party, asked: Asked, visit: Visit, response: Response) -> Flow {
        let mut flow = self.finish_signed(party, asked, visit, response).await;
        let tokens = [flow.response.get("access_token"), flow.back.as_ref().map(Tokens::access_token)];
        let tokens: Vec<String> = tokens.into_iter().flatten().map(str::to_owned).collect();
        for token in tokens {
            let answer = self.userinfo(&token).await;
            flow.userinfo = Some(check::userinfo(&flow, &answer));
        }
        flow
    }

    /// The same without asking userinfo, which is no plain JSON for every client.
    pub(crate) async fn finish_signed(
        &self,
        party: &Party,
        asked: Asked,
        visit: Visit,
        response: Response,
    ) -> Flow {
        response.is_success(self, &visit);
        let keys = self.keys().await;
        let mut flow = Flow { asked, response, visit, front: None, back: None, userinfo: None };
        if let Some(token) = flow.response.get("id_token") {
            let beside = check::Beside {
                code: flow.response.get("code"),
                access_token: flow.response.get("access_token"),
                is_front: true,
            };
            flow.front = Some(check::id_token(self, party, &flow.asked, token, &keys, &beside));
        }
        if let Some(code) = flow.response.get("code") {
            let answer = self.redeem(party, &flow.asked, code).await;
            let tokens = check::token_response(&answer);
            let id_token = tokens["id_token"].as_str().expect("an ID token");
            let beside = check::Beside {
                code: Some(code),
                access_token: tokens["access_token"].as_str(),
                is_front: false,
            };
            let claims = check::id_token(self, party, &flow.asked, id_token, &keys, &beside);
            if let Some(front) = &flow.front {
                for same in ["iss", "sub", "auth_time", "sid", "acr"] {
                    assert_eq!(front[same], claims[same], "{same} of the two ID tokens");
                }
            }
            flow.back = Some(Tokens { claims, id_token: id_token.to_owned(), all: tokens });
        }
        flow
    }

    /// Sends a code to the token endpoint.
    pub(crate) async fn redeem(&self, party: &Party, asked: &Asked, code: &str) -> Answer {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
        fields.extend(asked.get("redirect_uri").map(|uri| ("redirect_uri", uri)));
        fields.extend(asked.verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
        party.token(self, &fields).await
    }

    /// Userinfo by GET with the bearer header.
    pub(crate) async fn userinfo(&self, access_token: &str) -> Answer {
        let path = self.endpoint("userinfo_endpoint").path().to_owned();
        let bearer = format!("Bearer {access_token}");
        self.line.send(Request::get(&path).header("authorization", &bearer)).await
    }

    /// The published keys, checked.
    pub(crate) async fn keys(&self) -> Value {
        let path = self.endpoint("jwks_uri").path().to_owned();
        let answer = self.line.send(Request::get(&path)).await;
        check::keys(&answer)
    }
}

/// An authorization request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What is asked, wherever it stands.
    fields: Vec<(String, String)>,
    /// What stands in the query, where that is something else.
    outer: Option<Vec<(String, String)>>,
    endpoint: Url,
    verifier: Option<String>,
}

impl Asked {
    /// With a parameter set.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    /// With a PKCE challenge (S256).
    pub(crate) fn with_pkce(mut self) -> Self {
        let verifier = b64(&random::<32>());
        let challenge = b64(&sha256(verifier.as_bytes()));
        self.verifier = Some(verifier);
        self.with("code_challenge", &challenge).with("code_challenge_method", "S256")
    }

    /// With the parameters in the opposite order.
    pub(crate) fn reversed(mut self) -> Self {
        self.fields.reverse();
        self
    }

    /// What is asked as the claims of a request object for this audience.
    pub(crate) fn object(&self, audience: &str) -> Value {
        let mut claims: Map<String, Value> =
            self.fields.iter().map(|(n, v)| (n.clone(), Value::from(v.as_str()))).collect();
        claims.insert("iss".into(), self.get("client_id").into());
        claims.insert("aud".into(), audience.into());
        for name in ["max_age", "claims"] {
            if let Some(text) = self.get(name) {
                claims.insert(name.into(), serde_json::from_str(text).expect("JSON"));
            }
        }
        Value::Object(claims)
    }

    /// With these parameters in the query, while the rest stands in a request object.
    pub(crate) fn with_outer(mut self, outer: &[(&str, &str)]) -> Self {
        self.outer = Some(outer.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let fields = self.outer.as_ref().unwrap_or(&self.fields);
        fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("{}?{}", self.endpoint, encode(&self.pairs()))
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// Names that the `claims` parameter asks for in one place.
    pub(crate) fn claims_by_name(&self, place: &str) -> Vec<String> {
        let asked: Value =
            self.get("claims").map_or(json!({}), |text| serde_json::from_str(text).expect("JSON"));
        asked[place].as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
    }
}

/// What came back to the client.
#[derive(Debug)]
pub(crate) struct Response(pub(crate) BTreeMap<String, String>);

impl Response {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    #[track_caller]
    fn is_success(&self, m: &Module, visit: &Visit) {
        assert!(self.get("error").is_none(), "{:?} for {:?} after {:?}", self.0, m.at, visit.met);
    }

    /// One of these errors came.
    #[track_caller]
    pub(crate) fn is_error(&self, codes: &[&str]) {
        let error = self.get("error").unwrap_or_else(|| panic!("no error: {:?}", self.0));
        assert!(codes.contains(&error), "{error} is not one of {codes:?}: {:?}", self.0);
    }
}

/// What the token endpoint gave.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) claims: Value,
    pub(crate) id_token: String,
    pub(crate) all: Value,
}

impl Tokens {
    pub(crate) fn access_token(&self) -> &str {
        self.all["access_token"].as_str().unwrap_or_default()
    }
}

/// A complete flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) asked: Asked,
    pub(crate) response: Response,
    pub(crate) visit: Visit,
    /// Claims of the ID token of the authorization endpoint.
    pub(crate) front: Option<Value>,
    pub(crate) back: Option<Tokens>,
    pub(crate) userinfo: Option<Value>,
}

impl Flow {
    /// Claims of an ID token of it.
    pub(crate) fn claims(&self) -> &Value {
        self.back.as_ref().map(|tokens| &tokens.claims).or(self.front.as_ref()).expect("an ID token")
    }

    /// An ID token of it.
    pub(crate) fn id_token(&self) -> &str {
        let back = self.back.as_ref().map(|tokens| tokens.id_token.as_str());
        back.or_else(|| self.response.get("id_token")).expect("an ID token")
    }

    /// An access token of it.
    pub(crate) fn access_token(&self) -> Option<&str> {
        self.back.as_ref().map(Tokens::access_token).or_else(|| self.response.get("access_token"))
    }

    /// The person's claims, wherever they come from with this response type.
    pub(crate) fn personal(&self) -> &Value {
        self.userinfo.as_ref().unwrap_or_else(|| self.claims())
    }

    pub(crate) fn number(&self, claim: &str) -> i64 {
        self.claims()[claim].as_i64().unwrap_or_else(|| panic!("no {claim} in {}", self.claims()))
    }

    /// The same person at the same time as in another flow.
    #[track_caller]
    pub(crate) fn is_same_sign_in(&self, other: &Self) {
        for same in ["sub", "auth_time"] {
            assert_eq!(self.claims()[same], other.claims()[same], "{same}");
        }
    }
}
