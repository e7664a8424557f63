use live::InProcess;

use super::*;

fn throttle(limits: Limits) -> Throttle {
    Throttle::new(Arc::new(InProcess::default()), limits, &MasterKey::new([1; 32]))
}

fn three_a_minute() -> Limits {
    Limits { wrong_code_device: Limit::new(3, 60), claim_device: Limit::new(1, 60), ..Limits::default() }
}

#[tokio::test]
async fn sec_055_one_too_many_is_refused_and_others_are_not_affected() {
    let throttle = throttle(three_a_minute());
    for _ in 0..3 {
        throttle.hit(Rule::WrongCodeDevice, "dev_1").await.unwrap();
    }
    let Err(Refusal::TooMany { retry_after }) = throttle.hit(Rule::WrongCodeDevice, "dev_1").await else {
        panic!("not refused")
    };
    assert!(retry_after > Duration::from_secs(50) && retry_after <= Duration::from_secs(60));
    throttle.hit(Rule::WrongCodeDevice, "dev_2").await.unwrap();
    throttle.hit(Rule::ClaimDevice, "dev_1").await.unwrap();
    assert!(throttle.hit(Rule::ClaimDevice, "dev_1").await.is_err());
}

#[tokio::test]
async fn a_peek_tells_what_the_next_hit_would_and_counts_nothing() {
    let throttle = throttle(three_a_minute());
    for _ in 0..3 {
        for _ in 0..5 {
            throttle.peek(Rule::WrongCodeDevice, "dev_1").await.unwrap();
        }
        throttle.hit(Rule::WrongCodeDevice, "dev_1").await.unwrap();
    }
    let refused = throttle.peek(Rule::WrongCodeDevice, "dev_1").await;
    assert!(matches!(refused, Err(Refusal::TooMany { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_window_ends() {
    let limit = Limit { most: 1, window: Duration::from_millis(100) };
    let throttle = throttle(Limits { claim_device: limit, ..Limits::default() });
    throttle.hit(Rule::ClaimDevice, "d").await.unwrap();
    assert!(throttle.hit(Rule::ClaimDevice, "d").await.is_err());
    tokio::time::sleep(Duration::from_millis(150)).await;
    throttle.hit(Rule::ClaimDevice, "d").await.unwrap();
}

#[tokio::test]
async fn without_limits_nothing_is_refused_and_limits_scale() {
    let throttle = throttle(Limits::unlimited());
    for _ in 0..1000 {
        throttle.hit(Rule::PasswordAccountAddress, "ada").await.unwrap();
    }
    assert_eq!(three_a_minute().scaled(4).wrong_code_device, Limit::new(12, 60));
    assert_eq!(Limits::unlimited().scaled(4), Limits::unlimited());
}

#[test]
fn every_rule_has_a_name_and_a_limit_of_its_own() {
    let names: std::collections::HashSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        let limit = Limits::default().of(*rule);
        assert!(limit.most > 0 && limit.window >= Duration::from_secs(60), "{rule:?}");
    }
}

#[test]
fn ipv6_counts_by_customer() {
    let of = |text: &str| network(ClientAddress(text.parse().unwrap()));
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("2001:db8:1:2::1"), "2001:db8:1:2::/64");
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
    assert_ne!(key(&["a:1", ""]), key(&["a", "1:"]));
}

#[tokio::test]
async fn sec_221_what_costs_more_counts_for_more() {
    let throttle = throttle(Limits { journey_address: Limit::new(10, 60), ..Limits::default() });
    throttle.hit_by(Rule::JourneyAddress, "n", 6).await.unwrap();
    assert!(throttle.hit_by(Rule::JourneyAddress, "n", 6).await.is_err());
    throttle.hit_by(Rule::JourneyAddress, "other", 10).await.unwrap();
    assert!(throttle.peek(Rule::JourneyAddress, "other").await.is_err());
    assert!(throttle.hit_by(Rule::JourneyAddress, "other", 0).await.is_err());
}
