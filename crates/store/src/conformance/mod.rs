//! The suite that is the meaning of the port; every adapter runs it.
//!
//! Owns: one function a promise, each on a fresh store. The macro [`conformance!`](crate::conformance)
//! makes a test of every one; a tidy test sees to it that none is left out.
//! Not here: what an adapter promises besides (durability, recovery): its own tests.

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]
#![expect(clippy::panic, reason = "a suite fails by panicking")]

pub mod accounts;
pub mod administration;
pub mod audit;
pub mod cas_logins;
pub mod clients;
pub mod devices;
pub mod enrolments;
pub mod factors;
pub mod given;
pub mod grants;
pub mod jobs;
pub mod keys;
pub mod logouts;
pub mod notices;
pub mod people;
pub mod refresh;
pub mod sessions;
pub mod statistics;
pub mod units;
pub mod values;

/// Makes a test of every promise: `conformance!(open_a_fresh_store())`, where the expression is a future
/// of something that implements [`Store`](crate::Store). The crate that uses it has `tokio`.
#[macro_export]
macro_rules! conformance {
    ($open:expr) => {
        $crate::conformance! { @each $open;
            accounts {
                an_account_is_found_in_every_way
                a_username_is_taken_once
                of_many_who_want_a_username_one_has_it
                accounts_come_in_pages
                an_account_is_disabled_and_enabled
                wrong_passwords_are_counted
                a_password_that_was_replaced_is_not_hashed_anew
                parallel_wrong_passwords_are_all_counted
                a_passkey_is_known_once
                the_first_administrator_is_set_up_once
            }
            administration {
                sec_184_an_api_key_survives_its_row_and_is_revoked_once
                sessions_are_found
                consents_are_found
                clients_are_found
            }
            audit {
                every_event_survives_its_row
                entries_are_filtered
                entries_of_parallel_units_are_all_kept
                pages_of_the_trail_are_whole
                blocks_are_sealed_once
            }
            cas_logins {
                services_come_in_their_order
                every_end_of_a_session_leaves_cas_notices
                a_service_is_told_of_its_last_ticket
                no_cas_service_is_forgotten
                a_cas_notice_is_claimed_by_one
            }
            clients {
                a_client_survives_its_row
                a_client_id_is_taken_once
                clients_come_in_pages
                a_consent_is_replaced
                a_deleted_client_takes_its_consents_and_grants
                a_client_is_updated
                sec_109_a_client_that_a_unit_has_read_is_changed_after_it
                consents_come_in_pages_with_their_clients
                sec_124_a_consent_that_is_taken_back_revokes_its_grants
                sec_131_a_right_to_register_has_its_uses
            }
            devices {
                a_device_survives_its_row
                a_device_acts_with_its_owner_and_passkey
                devices_come_in_pages
                sec_072_a_key_is_known_once
                sec_074_parallel_enrolments_stop_at_the_limit
                sec_081_a_revoked_device_never_returns
                sec_082_one_key_follows_another
                a_device_is_bound_to_another_phone
                sec_079_only_the_key_in_use_approves
                a_device_tells_who_changed_it
                devices_are_found_sorted_and_filtered
                sec_083_a_stranger_moves_no_device
                sec_036_only_the_active_are_used
                sec_068_a_cas_app_is_found_by_its_name
                sec_084_a_cas_name_is_never_taken_over
                sec_065_a_cas_app_never_gets_a_key
            }
            enrolments {
                sec_071_an_enrolment_is_taken_once
                sec_071_a_new_enrolment_ends_the_earlier
                sec_071_of_parallel_enrolments_one_is_open
                sec_071_a_code_is_taken_once_by_its_account
                an_enrolment_is_seen_after_its_end
            }
            factors {
                what_is_held_is_counted
                a_step_is_taken_once
                sec_086_a_recovery_code_is_taken_once
                sec_174_a_passkey_is_its_owners
                sec_163_wrong_passwords_are_counted_per_browser
                sec_167_the_other_sessions_end
                sec_086_a_recovery_takes_its_time
                recoveries_are_cancelled_and_listed
            }
            grants {
                a_grant_is_found_with_its_account
                sec_113_a_code_is_redeemed_once
                a_grant_is_revoked_once
                a_token_without_a_grant_is_revoked
                sec_117_an_assertion_is_spent_once
            }
            jobs {
                a_job_survives_its_row
                what_became_of_a_row_is_kept
                a_job_is_worked_on_by_one_node
                many_are_found_at_once
            }
            keys {
                a_signing_key_survives_its_row
                a_signing_key_moves_and_goes
                a_signing_key_is_sealed_anew
                a_setting_is_kept_once
                of_nodes_that_find_no_key_one_makes_it
            }
            logouts {
                the_clients_of_a_session_are_noted
                every_end_of_a_session_leaves_notices
                nobody_is_forgotten
                a_notice_is_claimed_by_one
            }
            notices {
                a_list_comes_newest_first
                a_notice_is_seen_by_its_owner
                sec_167_one_action_is_taken_once
                a_mail_is_claimed_by_one
                notices_are_kept_for_half_a_year
            }
            people {
                a_policy_has_versions
                a_claim_is_defined_and_removed
                a_group_survives_its_row
                what_comes_from_groups_follows_them
                groups_that_change_at_once_are_all_seen
                a_username_that_looks_like_another_is_refused
                an_account_is_edited_once_per_version
                people_are_found_and_paged
                superadmins_are_counted
                sec_199_a_deleted_account_leaves_its_audit_alone
            }
            refresh {
                a_family_is_found_with_its_grant
                sec_122_a_family_rotates_within_its_life
                sec_122_a_spent_token_ends_the_family
                sec_123_a_family_never_forks
                sec_124_what_a_family_hangs_on_counts_each_time
                a_family_is_swept_with_its_grant
            }
            sessions {
                a_session_survives_its_row
                sec_151_a_stronger_session_has_a_new_secret
                a_touch_never_goes_back_or_wakes
                ending_a_session_revokes_its_grants
                ending_the_sessions_of_a_device
                ending_the_sessions_of_an_account
                the_sessions_of_a_device_are_listed
                the_sessions_of_an_account_are_listed
                sec_006_a_channel_ends_once
                an_account_that_is_not_active_gets_no_session
                sec_153_what_is_being_made_ends_too
                sec_124_a_session_that_is_held_ends_after_the_unit
                a_browser_is_known_per_account
            }
            statistics {
                counts_add_up
                live_sessions_are_counted
            }
            units {
                a_dropped_unit_leaves_nothing
                dropped_units_harm_no_neighbours
                cancelled_units_harm_no_neighbours
                a_view_sees_what_is_committed
                a_refused_statement_leaves_the_unit_whole
                a_row_without_its_owner_is_refused
                the_store_says_whether_it_can_be_written
                sec_223_the_sweep_takes_what_is_over_in_bounds
                a_closed_store_refuses
                units_go_on_after_many_were_refused
            }
            values {
                every_text_survives
                a_zero_in_a_text_harms_nobody
                every_byte_survives
                every_time_survives
                lists_follow_code_points
                names_are_compared_letter_by_letter
                nothing_is_no_other_statement
            }
        }
    };
    (@each $open:expr; $($subject:ident { $($promise:ident)* })*) => {$(
        mod $subject {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let store = $open.await;
                    $crate::conformance::$subject::$promise(&store).await;
                    $crate::Store::close(&store).await;
                }
            )*
        }
    )*};
}
