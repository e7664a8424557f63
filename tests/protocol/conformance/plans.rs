//! The plans: one test for each of their rows.
//!
//! Owns: running a module for everything its row names, one after another. That no row is forgotten is a test in
//! `table`.

use super::flow::Module;
use super::{modules, table};

macro_rules! plan {
    ($plan:ident { $($module:ident,)* }) => {
        mod $plan {
            $(#[tokio::test]
            async fn $module() {
                for at in super::table::runs(stringify!($plan), stringify!($module)) {
                    // The last line of a failed test says what it was run for.
                    println!("{at:?}");
                    let module = super::Module::begin(at, super::table::is_timed(stringify!($module))).await;
                    Box::pin(super::modules::$module(&module)).await;
                    module.end().await;
                }
            })*
        }
    };
}

macro_rules! names {
    ({ $($module:ident,)* }) => { &[$(stringify!($module),)*] };
}

/// Plans that run the same modules stand before one list.
macro_rules! plans {
    ($($($plan:ident)+: $modules:tt)*) => {
        /// Every plan and its tests.
        pub(crate) const ALL: &[(&str, &[&str])] = &[$($((stringify!($plan), names!($modules)),)+)*];

        $($(plan! { $plan $modules })+)*
    };
}

plans! {
    basic formpost_basic: {
        oidcc_server,
        oidcc_response_type_missing,
        oidcc_idtoken_signature,
        oidcc_idtoken_unsigned,
        oidcc_userinfo_get,
        oidcc_userinfo_post_header,
        oidcc_userinfo_post_body,
        oidcc_ensure_request_without_nonce_succeeds_for_code_flow,
        oidcc_scope_profile,
        oidcc_scope_email,
        oidcc_scope_address,
        oidcc_scope_phone,
        oidcc_scope_all,
        oidcc_alternate_happy_flow,
        oidcc_display_page,
        oidcc_display_popup,
        oidcc_prompt_login,
        oidcc_prompt_none_not_logged_in,
        oidcc_prompt_none_logged_in,
        oidcc_max_age_1,
        oidcc_max_age_10000,
        oidcc_ensure_request_with_unknown_parameter_succeeds,
        oidcc_id_token_hint,
        oidcc_login_hint,
        oidcc_ui_locales,
        oidcc_claims_locales,
        oidcc_ensure_request_with_acr_values_succeeds,
        oidcc_codereuse,
        oidcc_codereuse_30seconds,
        oidcc_ensure_registered_redirect_uri,
        oidcc_ensure_post_request_succeeds,
        oidcc_server_client_secret_post,
        oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported,
        oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
        oidcc_claims_essential,
        oidcc_ensure_request_object_with_redirect_uri,
        oidcc_refresh_token,
        oidcc_ensure_request_with_valid_pkce_succeeds,
    }
    implicit formpost_implicit: {
        oidcc_server,
        oidcc_response_type_missing,
        oidcc_idtoken_signature,
        oidcc_userinfo_get,
        oidcc_userinfo_post_header,
        oidcc_userinfo_post_body,
        oidcc_ensure_request_without_nonce_fails,
        oidcc_scope_profile,
        oidcc_scope_email,
        oidcc_scope_address,
        oidcc_scope_phone,
        oidcc_scope_all,
        oidcc_alternate_happy_flow,
        oidcc_display_page,
        oidcc_display_popup,
        oidcc_prompt_login,
        oidcc_prompt_none_not_logged_in,
        oidcc_prompt_none_logged_in,
        oidcc_max_age_1,
        oidcc_max_age_10000,
        oidcc_ensure_request_with_unknown_parameter_succeeds,
        oidcc_id_token_hint,
        oidcc_login_hint,
        oidcc_ui_locales,
        oidcc_claims_locales,
        oidcc_ensure_request_with_acr_values_succeeds,
        oidcc_ensure_registered_redirect_uri,
        oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported,
        oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
        oidcc_claims_essential,
        oidcc_ensure_request_object_with_redirect_uri,
    }
    hybrid formpost_hybrid: {
        oidcc_server,
        oidcc_response_type_missing,
        oidcc_idtoken_signature,
        oidcc_userinfo_get,
        oidcc_userinfo_post_header,
        oidcc_userinfo_post_body,
        oidcc_ensure_request_without_nonce_succeeds_for_code_flow,
        oidcc_ensure_request_without_nonce_fails,
        oidcc_scope_profile,
        oidcc_scope_email,
        oidcc_scope_address,
        oidcc_scope_phone,
        oidcc_scope_all,
        oidcc_alternate_happy_flow,
        oidcc_display_page,
        oidcc_display_popup,
        oidcc_prompt_login,
        oidcc_prompt_none_not_logged_in,
        oidcc_prompt_none_logged_in,
        oidcc_max_age_1,
        oidcc_max_age_10000,
        oidcc_ensure_request_with_unknown_parameter_succeeds,
        oidcc_id_token_hint,
        oidcc_login_hint,
        oidcc_ui_locales,
        oidcc_claims_locales,
        oidcc_ensure_request_with_acr_values_succeeds,
        oidcc_codereuse,
        oidcc_codereuse_30seconds,
        oidcc_ensure_registered_redirect_uri,
        oidcc_server_client_secret_post,
        oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported,
        oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
        oidcc_claims_essential,
        oidcc_ensure_request_object_with_redirect_uri,
        oidcc_refresh_token,
        oidcc_ensure_request_with_valid_pkce_succeeds,
    }
    config: {
        oidcc_discovery_endpoint_verification,
    }
    dynamic: {
        oidcc_server,
        oidcc_idtoken_unsigned,
        oidcc_ensure_request_object_with_redirect_uri,
        oidcc_refresh_token,
        oidcc_idtoken_rs256,
        oidcc_userinfo_rs256,
        oidcc_ensure_redirect_uri_in_authorization_request,
        oidcc_redirect_uri_query_ok,
        oidcc_redirect_uri_query_mismatch,
        oidcc_redirect_uri_query_added,
        oidcc_redirect_uri_regfrag,
        oidcc_discovery_endpoint_verification,
        oidcc_registration_logo_uri,
        oidcc_registration_policy_uri,
        oidcc_registration_tos_uri,
        oidcc_registration_jwks_uri,
        oidcc_registration_sector_uri,
        oidcc_registration_sector_bad,
        oidcc_server_rotate_keys,
        oidcc_refresh_token_rp_key_rotation,
        oidcc_request_uri_unsigned,
        oidcc_request_uri_signed_rs256,
        oidcc_ensure_client_assertion_with_iss_aud_succeeds,
    }
    third_party: {
        oidcc_3rd_party_init_login,
        oidcc_3rd_party_init_login_nohttps,
    }
    rp_logout: {
        oidcc_rp_initiated_logout_discovery_endpoint_verification,
        oidcc_rp_initiated_logout,
        oidcc_rp_initiated_logout_no_state,
        oidcc_rp_initiated_logout_bad_post_logout_redirect_uri,
        oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri,
        oidcc_rp_initiated_logout_modified_id_token_hint,
        oidcc_rp_initiated_logout_bad_id_token_hint,
        oidcc_rp_initiated_logout_no_id_token_hint,
        oidcc_rp_initiated_logout_no_params,
        oidcc_rp_initiated_logout_only_state,
        oidcc_rp_initiated_logout_no_post_logout_redirect_uri,
    }
    session_management: {
        oidcc_session_management_discovery_endpoint_verification,
        oidcc_session_management_rp_initiated_logout,
    }
    frontchannel_logout: {
        oidcc_frontchannel_logout_discovery_endpoint_verification,
        oidcc_frontchannel_rp_initiated_logout,
    }
    backchannel_logout: {
        oidcc_backchannel_logout_discovery_endpoint_verification,
        oidcc_backchannel_rp_initiated_logout,
    }
}
