//! Which plan runs what: sections 7 to 14 of the checklist as data, and the test that every row is one.
//!
//! Owns: module names as the official suite writes them, and the response types of each plan. Not here: the tests
//! (`plans`).

use std::collections::BTreeSet;

use super::flow::At;
use super::plans;

/// Columns of section 14, and the response type of each.
const COLUMNS: [(&str, &str); 7] = [
    ("B", "code"),
    ("I1", "id_token"),
    ("I2", "id_token token"),
    ("H1", "code id_token"),
    ("H2", "code token"),
    ("H3", "code id_token token"),
    ("D", "code"),
];

/// Module, and where it runs: columns of section 14, or plans of one response type at choice.
const ROWS: &[(&str, &str)] = &[
    ("oidcc-server", "B I1 I2 H1 H2 H3 D"),
    ("oidcc-response-type-missing", "B I2 H1"),
    ("oidcc-idtoken-signature", "B I1 I2 H1 H2 H3"),
    ("oidcc-idtoken-unsigned", "B D"),
    ("oidcc-userinfo-get", "B I2 H1 H2 H3"),
    ("oidcc-userinfo-post-header", "B I2 H1 H2 H3"),
    ("oidcc-userinfo-post-body", "B I2 H1 H2 H3"),
    ("oidcc-ensure-request-without-nonce-succeeds-for-code-flow", "B H2"),
    ("oidcc-ensure-request-without-nonce-fails", "I1 I2 H1 H3"),
    ("oidcc-scope-profile", "B I1 I2 H1 H2 H3"),
    ("oidcc-scope-email", "B I1 I2 H1 H2 H3"),
    ("oidcc-scope-address", "B I1 I2 H1 H2 H3"),
    ("oidcc-scope-phone", "B I1 I2 H1 H2 H3"),
    ("oidcc-scope-all", "B I1 I2 H1 H2 H3"),
    ("oidcc-alternate-happy-flow", "B I1 I2 H1"),
    ("oidcc-display-page", "B I1 I2 H1 H2 H3"),
    ("oidcc-display-popup", "B I1 I2 H1 H2 H3"),
    ("oidcc-prompt-login", "B I1 I2 H1 H2 H3"),
    ("oidcc-prompt-none-not-logged-in", "B I1 I2 H1 H2 H3"),
    ("oidcc-prompt-none-logged-in", "B I1 I2 H1 H2 H3"),
    ("oidcc-max-age-1", "B I1 I2 H1 H2 H3"),
    ("oidcc-max-age-10000", "B I1 I2 H1 H2 H3"),
    ("oidcc-ensure-request-with-unknown-parameter-succeeds", "B I1 I2 H1 H2 H3"),
    ("oidcc-id-token-hint", "B I1 I2 H1 H2 H3"),
    ("oidcc-login-hint", "B I1 I2 H1 H2 H3"),
    ("oidcc-ui-locales", "B I1 I2 H1 H2 H3"),
    ("oidcc-claims-locales", "B I1 I2 H1 H2 H3"),
    ("oidcc-ensure-request-with-acr-values-succeeds", "B I1 I2 H1 H2 H3"),
    ("oidcc-codereuse", "B H1 H2 H3"),
    ("oidcc-codereuse-30seconds", "B H1 H2 H3"),
    ("oidcc-ensure-registered-redirect-uri", "B I1 I2 H1 H2 H3"),
    ("oidcc-ensure-post-request-succeeds", "B"),
    ("oidcc-server-client-secret-post", "B H1 H2 H3"),
    ("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", "B I1 I2 H1 H2 H3"),
    ("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", "B I1 I2 H1 H2 H3"),
    ("oidcc-claims-essential", "B I1 I2 H1 H2 H3"),
    ("oidcc-ensure-request-object-with-redirect-uri", "B I1 I2 H1 H2 H3 D"),
    ("oidcc-refresh-token", "B H1 H2 H3 D"),
    ("oidcc-ensure-request-with-valid-pkce-succeeds", "B H1"),
    // Section 8.
    ("oidcc-idtoken-rs256", "D"),
    ("oidcc-userinfo-rs256", "D"),
    ("oidcc-ensure-redirect-uri-in-authorization-request", "D"),
    ("oidcc-redirect-uri-query-OK", "D"),
    ("oidcc-redirect-uri-query-mismatch", "D"),
    ("oidcc-redirect-uri-query-added", "D"),
    ("oidcc-redirect-uri-regfrag", "D"),
    ("oidcc-discovery-endpoint-verification", "D config"),
    ("oidcc-registration-logo-uri", "D"),
    ("oidcc-registration-policy-uri", "D"),
    ("oidcc-registration-tos-uri", "D"),
    ("oidcc-registration-jwks-uri", "D"),
    ("oidcc-registration-sector-uri", "D"),
    ("oidcc-registration-sector-bad", "D"),
    ("oidcc-server-rotate-keys", "D"),
    ("oidcc-refresh-token-rp-key-rotation", "D"),
    ("oidcc-request-uri-unsigned", "D"),
    ("oidcc-request-uri-signed-rs256", "D"),
    ("oidcc-ensure-client-assertion-with-iss-aud-succeeds", "D"),
    // Sections 9 to 13.
    ("oidcc-3rd_party-init-login", "third_party"),
    ("oidcc-3rd_party-init-login-nohttps", "third_party"),
    ("oidcc-rp-initiated-logout-discovery-endpoint-verification", "rp_logout"),
    ("oidcc-rp-initiated-logout", "rp_logout"),
    ("oidcc-rp-initiated-logout-no-state", "rp_logout"),
    ("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", "rp_logout"),
    ("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", "rp_logout"),
    ("oidcc-rp-initiated-logout-modified-id-token-hint", "rp_logout"),
    ("oidcc-rp-initiated-logout-bad-id-token-hint", "rp_logout"),
    ("oidcc-rp-initiated-logout-no-id-token-hint", "rp_logout"),
    ("oidcc-rp-initiated-logout-no-params", "rp_logout"),
    ("oidcc-rp-initiated-logout-only-state", "rp_logout"),
    ("oidcc-rp-initiated-logout-no-post-logout-redirect-uri", "rp_logout"),
    ("oidcc-session-management-discovery-endpoint-verification", "session_management"),
    ("oidcc-session-management-rp-initiated-logout", "session_management"),
    ("oidcc-frontchannel-logout-discovery-endpoint-verification", "frontchannel_logout"),
    ("oidcc-frontchannel-rp-initiated-logout", "frontchannel_logout"),
    ("oidcc-backchannel-logout-discovery-endpoint-verification", "backchannel_logout"),
    ("oidcc-backchannel-rp-initiated-logout", "backchannel_logout"),
];

/// Modules in which time passes: they run on the clock that moves.
const TIMED: [&str; 7] = [
    "oidcc-prompt-login",
    "oidcc-max-age-1",
    "oidcc-id-token-hint",
    "oidcc-codereuse-30seconds",
    "oidcc-server-rotate-keys",
    "oidcc-refresh-token-rp-key-rotation",
    "oidcc-rp-initiated-logout-no-state",
];

/// Modules whose clients have to register themselves.
const DYNAMIC_ONLY: [&str; 4] = [
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-ensure-request-object-with-redirect-uri",
];

/// The function of a module.
fn function(module: &str) -> String {
    module.replace('-', "_").to_lowercase()
}

/// The plans of a column: with responses in the address, and posted.
fn plans_of(column: &str) -> Vec<&str> {
    match column {
        "B" => vec!["basic", "formpost_basic"],
        "I1" | "I2" => vec!["implicit", "formpost_implicit"],
        "H1" | "H2" | "H3" => vec!["hybrid", "formpost_hybrid"],
        "D" => vec!["dynamic"],
        plan => vec![plan],
    }
}

/// What a module of a plan is run for.
pub(crate) fn runs(plan: &'static str, called: &str) -> Vec<At> {
    let (module, columns) = ROWS.iter().find(|(module, _)| function(module) == called).expect("a row");
    let mut all = Vec::new();
    for column in columns.split(' ').filter(|column| plans_of(column).contains(&plan)) {
        let kind = COLUMNS.iter().find(|(name, _)| *name == column);
        // Plans that leave the response type open: the usual one, and one with everything.
        let open: &[&str] = if plan.contains("logout") || plan == "session_management" {
            &["code", "id_token", "code id_token token"]
        } else {
            &["code"]
        };
        let types = kind.as_ref().map_or(open, |(_, types)| std::slice::from_ref(types));
        for types in types {
            // Posted responses are the same whoever registered the client.
            let is_dynamic =
                !["basic", "implicit", "hybrid"].contains(&plan) || DYNAMIC_ONLY.contains(module);
            let kinds: &[bool] = if is_dynamic { &[true] } else { &[false, true] };
            for dynamic in kinds {
                all.push(At { plan, types, form_post: plan.starts_with("formpost"), dynamic: *dynamic });
            }
        }
    }
    all
}

/// Whether a module needs the clock for itself.
pub(crate) fn is_timed(called: &str) -> bool {
    TIMED.iter().any(|module| function(module) == called)
}

#[test]
fn every_row_of_the_checklist_is_a_test() {
    let wanted: BTreeSet<String> = ROWS
        .iter()
        .flat_map(|(module, columns)| columns.split(' ').map(move |column| (module, column)))
        .flat_map(|(module, column)| {
            plans_of(column).into_iter().map(|plan| format!("{plan}::{}", function(module)))
        })
        .collect();
    let found: BTreeSet<String> = plans::ALL
        .iter()
        .flat_map(|(plan, tests)| tests.iter().map(move |test| format!("{plan}::{test}")))
        .collect();
    assert_eq!(found, wanted);
    for (plan, tests) in plans::ALL {
        for test in *tests {
            assert!(!runs(plan, test).is_empty(), "{plan}::{test} runs for nothing");
        }
    }
    for named in TIMED.iter().chain(&DYNAMIC_ONLY) {
        assert!(ROWS.iter().any(|(module, _)| module == named), "{named} is no row");
    }
}

#[test]
fn names_are_those_of_the_suite() {
    let mut seen = BTreeSet::new();
    for (module, _) in ROWS {
        assert!(module.starts_with("oidcc-") && seen.insert(module), "{module}");
    }
    assert_eq!(function("oidcc-redirect-uri-query-OK"), "oidcc_redirect_uri_query_ok");
    assert_eq!(runs("implicit", "oidcc_server").len(), 4);
    assert_eq!(runs("formpost_hybrid", "oidcc_codereuse").len(), 3);
    assert_eq!(
        runs("implicit", "oidcc_response_type_missing").iter().map(|at| at.types).collect::<Vec<_>>(),
        ["id_token token"; 2]
    );
}
