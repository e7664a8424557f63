use super::*;

fn one(text: &str) -> Planned {
    let mut all = services(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn fields(planned: &Planned) -> Vec<&str> {
    planned.lost.iter().map(|lost| lost.field.as_str()).collect()
}

/// A definition with these members beside the necessary ones.
fn with(members: &str) -> Planned {
    one(&format!(
        r#"{{"@class":"org.apereo.cas.services.CasRegisteredService","serviceId":"^https://a\\.example/.*","name":"A","id":1,{members}}}"#
    ))
}

fn cas(planned: &Planned) -> &PlannedCas {
    let PlannedKind::Cas(cas) = &planned.kind else { panic!("{:?}", planned.kind) };
    cas
}

#[test]
fn a_definition_as_cas_writes_it_is_planned_whole() {
    let planned = one(r#"
    {
      /* from the overlay */
      "@class" : "org.apereo.cas.services.RegexRegisteredService",
      "serviceId" : "^https://app\\.example\\.org/.*",
      "name" : "App",
      "id" : 10000001,
      "description" : "The app",
      "evaluationOrder" : 10,
      "logo": "https://app.example.org/logo.png",
      "logoutType" : "FRONT_CHANNEL",
      "logoutUrl" : "https://app.example.org/logout",
      "attributeReleasePolicy" : {
        "@class" : "org.apereo.cas.services.ReturnMappedAttributeReleasePolicy",
        "authorizedToReleaseCredentialPassword" : false,
        "allowedAttributes" : {
          "@class" : "java.util.TreeMap",
          "mail" : "email",
          "eduPersonAffiliation" : [ "java.util.ArrayList", [ "affiliation", "role" ] ],
          "x" : "groovy { return ['x'] }"
        }
      },
      "proxyPolicy" : {
        "@class" : "org.apereo.cas.services.RegexMatchingRegisteredServiceProxyPolicy",
        "pattern" : "^https://app\\.example\\.org/proxy$"
      },
      "accessStrategy" : {
        "@class" : "org.apereo.cas.services.DefaultRegisteredServiceAccessStrategy",
        "enabled" : true,
        "ssoEnabled" : true
      },
      "multifactorPolicy" : {
        "@class" : "org.apereo.cas.services.DefaultRegisteredServiceMultifactorPolicy",
        "multifactorAuthenticationProviders" : [ "java.util.LinkedHashSet", [ "mfa-gauth" ] ],
        "bypassEnabled": false
      },
      "contacts" : [ "java.util.ArrayList", [ ] ],
      "theme" : "dark"
    }"#);
    assert_eq!(
        (planned.name.as_str(), planned.number, planned.order, planned.is_enabled),
        ("App", Some(10_000_001), 10, true)
    );
    assert!(planned.wants_second_factor);
    assert_eq!(planned.links.logo.as_deref(), Some("https://app.example.org/logo.png"));
    let cas = cas(&planned);
    assert_eq!(cas.patterns, [ServicePattern::parse("https://app.example.org/**").unwrap()]);
    assert_eq!(cas.proxy_callbacks, [ServicePattern::parse("https://app.example.org/proxy").unwrap()]);
    assert_eq!(
        (cas.logout, cas.logout_url.as_ref().map(ServiceUrl::as_str)),
        (PlannedLogout::Front, Some("https://app.example.org/logout"))
    );
    let Release::Named(released) = &cas.release else { panic!() };
    let mut named: Vec<_> =
        released.iter().map(|r| (r.attribute.as_str(), r.name.as_str(), r.claim)).collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            ("eduPersonAffiliation", "affiliation", None),
            ("eduPersonAffiliation", "role", None),
            ("mail", "email", Some("email"))
        ]
    );
    let mut lost = fields(&planned);
    lost.sort_unstable();
    assert_eq!(
        lost,
        [
            "attributeReleasePolicy.allowedAttributes.x",
            "multifactorPolicy.multifactorAuthenticationProviders",
            "theme"
        ]
    );
}

#[test]
fn the_attribute_told_as_user_name_is_planned() {
    let planned = with(
        r#""usernameAttributeProvider":{"@class":"x.PrincipalAttributeRegisteredServiceUsernameProvider","usernameAttribute":"mail","canonicalizationMode":"NONE"}"#,
    );
    let PlannedKind::Cas(cas) = &planned.kind else { panic!("{:?}", planned.kind) };
    let user = cas.user.as_ref().unwrap();
    assert_eq!((user.attribute.as_str(), user.claim), ("mail", Some("email")));
    assert!(planned.is_enabled && planned.lost.is_empty(), "{:?}", planned.lost);
}

#[test]
fn what_cas_writes_by_itself_is_nothing_lost() {
    for members in [
        r#""acceptableUsagePolicy":{"@class":"x.DefaultRegisteredServiceAcceptableUsagePolicy","enabled":true}"#,
        r#""serviceTicketExpirationPolicy":{"@class":"x.DefaultRegisteredServiceServiceTicketExpirationPolicy","numberOfUses":0}"#,
        r#""singleSignOnParticipationPolicy":{"@class":"x.Chaining","policies":["java.util.ArrayList",[]]},"properties":{"@class":"java.util.HashMap"}"#,
        r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","enabled":true,"ssoEnabled":true,"delegatedAuthenticationPolicy":{"@class":"x.D","allowedProviders":["java.util.ArrayList",[]],"permitUndefined":true,"exclusive":false}}"#,
        r#""multifactorPolicy":{"@class":"x.DefaultRegisteredServiceMultifactorPolicy","failureMode":"UNDEFINED","bypassEnabled":false,"forceExecution":false}"#,
        r#""attributeReleasePolicy":{"@class":"x.DenyAllAttributeReleasePolicy","consentPolicy":{"@class":"x.C","status":"UNDEFINED","order":0},"authorizedToReleaseAuthenticationAttributes":true}"#,
    ] {
        let planned = with(members);
        assert!(planned.is_enabled && planned.lost.is_empty(), "{members}: {:?}", planned.lost);
    }
    for (members, field) in [
        (
            r#""serviceTicketExpirationPolicy":{"@class":"x.D","numberOfUses":3}"#,
            "serviceTicketExpirationPolicy",
        ),
        (r#""acceptableUsagePolicy":{"@class":"x.Other","enabled":true}"#, "acceptableUsagePolicy"),
        (
            r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","delegatedAuthenticationPolicy":{"@class":"x.D","exclusive":true}}"#,
            "accessStrategy.delegatedAuthenticationPolicy",
        ),
        (
            r#""proxyPolicy":{"@class":"x.RegexMatchingRegisteredServiceProxyPolicy","useServiceId":true}"#,
            "proxyPolicy.useServiceId",
        ),
        (r#""proxyPolicy":{"@class":"x.RegexMatchingRegisteredServiceProxyPolicy"}"#, "proxyPolicy.pattern"),
        (
            r#""multifactorPolicy":{"@class":"x.GroovyRegisteredServiceMultifactorPolicy","multifactorAuthenticationProviders":["java.util.HashSet",["mfa-x"]]}"#,
            "multifactorPolicy",
        ),
    ] {
        assert_eq!(fields(&with(members)), [field], "{members}");
    }
}

#[test]
fn what_kept_people_out_disables_when_it_is_lost() {
    for members in [
        r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","requiredAttributes":{"@class":"java.util.HashMap","group":["java.util.HashSet",["staff"]]}}"#,
        r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","ssoEnabled":false}"#,
        r#""accessStrategy":{"@class":"x.TimeBasedRegisteredServiceAccessStrategy","startingDateTime":"2026-01-01"}"#,
        r#""accessStrategy":{"@class":"x.GroovyRegisteredServiceAccessStrategy"}"#,
        r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","enabled":false}"#,
        r#""usernameAttributeProvider":{"@class":"x.PrincipalAttributeRegisteredServiceUsernameProvider","usernameAttribute":"cn","canonicalizationMode":"LOWER"}"#,
        r#""usernameAttributeProvider":{"@class":"x.DefaultRegisteredServiceUsernameProvider","encryptUsername":true}"#,
        r#""expirationPolicy":{"@class":"x.DefaultRegisteredServiceExpirationPolicy","expirationDate":"2020-01-01"}"#,
        r#""requiredHandlers":["java.util.HashSet",["LDAP"]]"#,
        r#""multifactorPolicy":{"@class":"x.GroovyRegisteredServiceMultifactorPolicy","script":"a"}"#,
    ] {
        let planned = with(members);
        assert!(!planned.is_enabled, "{members}");
        assert!(!planned.lost.is_empty() || members.contains("\"enabled\":false"), "{members}");
    }
    for members in [
        r#""accessStrategy":{"@class":"x.DefaultRegisteredServiceAccessStrategy","order":0,"requireAllAttributes":true,"requiredAttributes":{"@class":"java.util.HashMap"}}"#,
        r#""usernameAttributeProvider":{"@class":"x.DefaultRegisteredServiceUsernameProvider","canonicalizationMode":"NONE","encryptUsername":false}"#,
        r#""expirationPolicy":{"@class":"x.DefaultRegisteredServiceExpirationPolicy","deleteWhenExpired":false}"#,
        r#""matchingStrategy":{"@class":"x.FullRegexRegisteredServiceMatchingStrategy"},"responseType":"REDIRECT","description":null"#,
    ] {
        let planned = with(members);
        assert!(planned.is_enabled && planned.lost.is_empty(), "{members}: {:?}", planned.lost);
    }
}

#[test]
fn release_policies_release_no_more_than_before() {
    let release = |policy: &str| {
        let planned = with(&format!(r#""attributeReleasePolicy":{policy}"#));
        (cas(&planned).release.clone(), planned.lost.len())
    };
    assert_eq!(release(r#"{"@class":"x.ReturnAllAttributeReleasePolicy"}"#), (Release::All, 0));
    assert_eq!(release(r#"{"@class":"x.DenyAllAttributeReleasePolicy"}"#), (Release::Nothing, 0));
    assert_eq!(
        release(r#"{"@class":"x.GroovyScriptAttributeReleasePolicy","groovyScript":"x"}"#),
        (Release::Nothing, 1)
    );
    let allowed = r#"{"@class":"x.ReturnAllowedAttributeReleasePolicy","allowedAttributes":["java.util.ArrayList",["sn","x"]]}"#;
    assert_eq!(release(allowed), (Release::Named(vec![released("sn", "sn"), released("x", "x")]), 0));
    let filtered = r#"{"@class":"x.ReturnAllAttributeReleasePolicy","attributeFilter":{"@class":"x.RegisteredServiceRegexAttributeFilter","pattern":"^a"}}"#;
    assert_eq!(release(filtered), (Release::Nothing, 1));
    assert_eq!(
        release(
            r#"{"@class":"x.ReturnAllAttributeReleasePolicy","authorizedToReleaseCredentialPassword":true}"#
        ),
        (Release::All, 1)
    );
    assert_eq!(cas(&with(r#""theme":null"#)).release, Release::Nothing);
}

#[test]
fn addresses_that_cannot_be_said_are_reported() {
    let planned = one(
        r#"{"@class":"x.CasRegisteredService","serviceId":"^(https|imaps)://.*","name":"all","logoutUrl":"app"}"#,
    );
    assert!(cas(&planned).patterns.is_empty());
    assert_eq!(fields(&planned), ["serviceId", "logoutUrl"]);
    assert!(
        planned.lost[0].why.starts_with("cannot be translated: ") && planned.lost[0].value.contains("imaps")
    );
    let less = one(r#"{"@class":"x.CasRegisteredService","serviceId":"https://a.example.*","name":"a"}"#);
    assert!(less.is_enabled && less.lost[0].why.starts_with("is translated to less: "), "{:?}", less.lost);
}

#[test]
fn proxying_is_only_to_known_addresses() {
    for (policy, callbacks, lost) in [
        (r#"{"@class":"x.RefuseRegisteredServiceProxyPolicy"}"#, 0, 0),
        (r#"{"@class":"x.RegexMatchingRegisteredServiceProxyPolicy","pattern":"^https?://.*"}"#, 0, 1),
        (
            r#"{"@class":"x.RegexMatchingRegisteredServiceProxyPolicy","pattern":"^https://p\\.example/.*"}"#,
            1,
            0,
        ),
        (r#"{"@class":"x.RestfulRegisteredServiceProxyPolicy","endpoint":"https://x"}"#, 0, 1),
    ] {
        let planned = with(&format!(r#""proxyPolicy":{policy}"#));
        assert_eq!((cas(&planned).proxy_callbacks.len(), planned.lost.len()), (callbacks, lost), "{policy}");
    }
}

#[test]
fn an_openid_service_is_planned_with_exact_addresses() {
    let planned = one(
        r#"{"@class":"org.apereo.cas.services.OidcRegisteredService","clientId":"shop","clientSecret":"s3cret",
        "serviceId":"^https://shop\\.example/(cb|other/.*)","name":"Shop","scopes":["java.util.HashSet",["openid","profile"]],
        "supportedGrantTypes":["java.util.HashSet",["authorization_code"]],"signIdToken":true,"jwks":"file:/etc/x"}"#,
    );
    let PlannedKind::OpenId(openid) = &planned.kind else { panic!() };
    assert_eq!(openid.client_id, "shop");
    assert_eq!(openid.client_secret, Some(Secret::new("s3cret")));
    assert_eq!(openid.redirect_uris, ["https://shop.example/cb"]);
    assert_eq!(
        (openid.scopes.len(), openid.grant_types.as_slice(), openid.is_openid),
        (2, ["authorization_code".to_owned()].as_slice(), true)
    );
    let mut lost = fields(&planned);
    lost.sort_unstable();
    assert_eq!(lost, ["jwks", "serviceId", "signIdToken"]);
    assert!(planned.lost.iter().all(|lost| lost.field != "jwks" || lost.value == "(hidden)"));
    assert!(!format!("{planned:?}").contains("s3cret"));
    let oauth = one(
        r#"{"@class":"x.OAuthRegisteredService","clientId":"o","clientSecret":"{cas-cipher}abc","serviceId":"https://o\\.example/","name":"O"}"#,
    );
    let PlannedKind::OpenId(openid) = &oauth.kind else { panic!() };
    assert!(!openid.is_openid && openid.client_secret.is_none());
    assert_eq!((oauth.lost[0].field.as_str(), oauth.lost[0].value.as_str()), ("clientSecret", "(hidden)"));
    let nameless = one(r#"{"@class":"x.OidcRegisteredService","serviceId":"https://o\\.example/"}"#);
    assert!(!nameless.is_enabled);
}

#[test]
fn other_kinds_and_other_files_are_said() {
    let saml = one(
        r#"{"@class":"org.apereo.cas.support.saml.services.SamlRegisteredService","serviceId":"urn:x","name":"S","metadataLocation":"https://x"}"#,
    );
    assert_eq!(saml.kind, PlannedKind::Unsupported { class: "SamlRegisteredService".into() });
    assert_eq!(fields(&saml).len(), 2);
    assert_eq!(services("{}").unwrap_err().why, "is no service definition: it has no @class");
    assert_eq!(services("{\n\n\"a\"").unwrap_err().line, 3);
    let two = r#"["java.util.ArrayList",[{"@class":"x.CasRegisteredService","name":"a"},{"@class":"x.CasRegisteredService","name":"b"}]]"#;
    assert_eq!(services(two).unwrap().len(), 2);
}
