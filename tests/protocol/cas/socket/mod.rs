//! The QR socket over HTTP (cas-wire §3 to §9, §19 to §21).
//!
//! Section 20 of the reference, weakness by weakness, and the test that would fail if it came along (in this module where
//! no other is named; `signin` means `crates/signin/src/tests`):
//!
//! | | Test |
//! |---|---|
//! | W-1 | `tokens::sec_068_a_token_needs_the_persons_own_active_device` |
//! | W-2 | `refused::sec_067_a_channel_is_heard_by_its_own_browser_alone`, `sessions::sec_067_a_session_is_its_browsers_alone` |
//! | W-3 | `refused::sec_067_patterns_foreign_topics_and_selectors_are_refused` |
//! | W-4 | `tokens::sec_067_a_handle_works_once_in_its_browser_for_its_page`, `tokens::sec_068_an_apps_token_opens_nothing_else` |
//! | W-5 | `refused::sec_066_a_code_that_was_replaced_is_over`, `refused::sec_066_five_failures_end_a_channel_and_are_written_down`; life: `signin` `sec_066_what_is_shown_is_good_for_a_minute_and_what_replaced_it_alone` |
//! | W-6 | `tokens::sec_068_parameters_override_nothing` |
//! | W-7 | `strength::sec_068_the_browser_asks_before_it_is_signed_in`, `strength::sec_068_one_network_for_app_and_browser`, `strength::sec_068_the_person_who_was_named_approves` |
//! | W-8 | `refused::sec_067_nobody_publishes_to_a_topic` |
//! | W-9 | `refused::sec_066_five_failures_end_a_channel_and_are_written_down` (`alg: none`) |
//! | W-10 | `tokens::sec_069_credentials_come_in_the_body_and_are_written_nowhere` |
//! | W-11 | `tokens::sec_068_an_apps_token_opens_nothing_else`, `tokens::sec_068_parameters_override_nothing` |
//! | W-12 | `tokens::sec_069_credentials_come_in_the_body_and_are_written_nowhere` |
//! | W-13 | the same: log and database are searched |
//! | W-14 | `strength::sec_068_whoever_ends_a_device_ends_what_it_approved`, `device_api::sec_065_sec_084_an_app_made_for_cas_is_registered_by_its_name` |
//! | W-15 | `sockjs::pages_of_other_origins_are_refused_unless_they_are_known` (and W-2: an origin gives nothing) |
//! | W-16 | `refused::sec_066_sockets_and_approvals_are_limited_per_address`, `refused::frames_that_are_none_end_the_socket`, `refused::messages_that_are_none_end_the_socket` |
//! | W-17 | `strength::sec_068_whoever_ends_a_device_ends_what_it_approved` |
//! | W-18 | `strength::sec_068_such_a_login_is_reported_as_what_it_is`, `strength::sec_068_whoever_asks_for_more_is_not_shown_a_code` |
//! | W-19 | `cas::sec_065_nothing_is_there_while_it_is_off`, `refused::sec_065_a_service_that_takes_no_apps_shows_no_code` |

mod raw;
mod refused;
mod sessions;
mod sockjs;
mod stomp;
mod strength;
mod tokens;
pub(crate) mod world;
