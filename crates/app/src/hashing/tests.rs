use std::time::Instant;

use argon2::PasswordHash;
use futures_join::all;

use super::*;

/// Polls all of these to their ends, without a crate for it.
mod futures_join {
    use tokio::task::JoinSet;

    pub async fn all<T: Send + 'static>(
        jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        jobs.into_iter().collect::<JoinSet<T>>().join_all().await
    }
}

fn pool() -> HashPool {
    HashPool::new(HashSettings::default(), Entropy::system())
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn sec_160_a_hash_is_argon2id_with_a_fresh_salt_and_its_costs() {
    let pool = pool();
    let one = pool.hash(&secret("correct horse battery staple")).await.unwrap();
    let two = pool.hash(&secret("correct horse battery staple")).await.unwrap();
    assert_ne!(one, two);
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    let parsed = PasswordHash::new(&one).unwrap();
    assert_eq!(parsed.salt.unwrap().as_ref().len(), 16);
    assert_eq!(parsed.hash.unwrap().len(), 32);
}

#[tokio::test]
async fn the_right_password_verifies_and_no_other() {
    let pool = pool();
    let phc = pool.hash(&secret("pässwörd pässwörd")).await.unwrap();
    let right = pool.verify(&secret("pässwörd pässwörd"), Some(&phc)).await.unwrap();
    assert_eq!(right, Verified::Right { rehash: false });
    for wrong in ["", "pässwörd pässwörD", "pässwörd pässwörd "] {
        assert_eq!(pool.verify(&secret(wrong), Some(&phc)).await.unwrap(), Verified::Wrong);
    }
}

#[tokio::test]
async fn a_hash_made_by_the_library_itself_verifies() {
    use argon2::PasswordHasher as _;
    let phc: PasswordHash = argon2::Argon2::default().hash_password(b"a library's password").unwrap();
    let verified = pool().verify(&secret("a library's password"), Some(&phc.to_string())).await.unwrap();
    assert_eq!(verified, Verified::Right { rehash: false });
}

#[tokio::test]
async fn sec_160_raised_costs_ask_for_a_new_hash_and_lowered_ones_do_not() {
    let (low, high) = (pool(), HashPool::new(HashSettings::new(20_480, 3, 1).unwrap(), Entropy::system()));
    let (cheap, dear) =
        (low.hash(&secret("password")).await.unwrap(), high.hash(&secret("password")).await.unwrap());
    assert!(dear.contains("m=20480,t=3,p=1"));
    let of = async |pool: &HashPool, phc: &str| pool.verify(&secret("password"), Some(phc)).await.unwrap();
    assert_eq!(of(&high, &cheap).await, Verified::Right { rehash: true });
    assert_eq!(of(&high, &dear).await, Verified::Right { rehash: false });
    assert_eq!(of(&low, &dear).await, Verified::Right { rehash: false });
}

#[test]
fn sec_160_weak_settings_are_refused() {
    assert_eq!(HashSettings::new(19_455, 2, 1).map(|_| ()), Err(BadHashSettings::TooWeak));
    assert_eq!(HashSettings::new(65_536, 1, 1).map(|_| ()), Err(BadHashSettings::TooWeak));
    assert_eq!(HashSettings::new(65_536, 3, 0).map(|_| ()), Err(BadHashSettings::OutOfRange));
    assert_eq!(HashSettings::new(u32::MAX, 3, 1).map(|_| ()), Err(BadHashSettings::OutOfRange));
    assert!(HashSettings::new(65_536, 3, 4).is_ok());
}

#[tokio::test]
async fn sec_161_long_passwords_count_to_their_last_character_and_oversized_ones_are_refused() {
    let pool = pool();
    let long = "x".repeat(1023);
    let phc = pool.hash(&secret(&format!("{long}a"))).await.unwrap();
    assert_eq!(pool.verify(&secret(&format!("{long}b")), Some(&phc)).await.unwrap(), Verified::Wrong);
    let begin = Instant::now();
    let huge = secret(&"x".repeat(10_000_000));
    let refused = pool.verify(&huge, None).await;
    assert_eq!(refused, Err(Refusal::Invalid { field: "password", why: "is too long" }));
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[tokio::test]
async fn sec_165_nobody_takes_as_long_as_somebody() {
    let pool = HashPool::new(HashSettings::default().with_threads(1), Entropy::system());
    let phc = pool.hash(&secret("password")).await.unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (kept, times) in [Some(phc.as_str()), None].into_iter().zip(&mut times) {
            let begin = Instant::now();
            assert_eq!(pool.verify(&secret("wrong"), kept).await.unwrap(), Verified::Wrong);
            times.push(begin.elapsed());
        }
    }
    // The fastest of each: what the work takes when nothing else disturbs it.
    let fastest = times.map(|times| times.into_iter().min().unwrap().as_secs_f64());
    assert!((fastest[0] / fastest[1] - 1.0).abs() < 0.5, "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_166_a_flood_is_refused_quickly_and_those_who_wait_are_served() {
    let settings = HashSettings::default().with_threads(1).with_waiting(4);
    let pool = Arc::new(HashPool::new(settings, Entropy::system()));
    let answers = all((0..200).map(|_| {
        let pool = Arc::clone(&pool);
        async move {
            let begin = Instant::now();
            (pool.verify(&secret("wrong"), None).await, begin.elapsed())
        }
    }))
    .await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(answer, _)| answer.is_ok());
    assert!(served.len() >= 4 && refused.len() >= 100, "{} {}", served.len(), refused.len());
    for (answer, took) in refused {
        assert!(matches!(answer, Err(Refusal::Busy { retry_after }) if !retry_after.is_zero()), "{answer:?}");
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}

#[tokio::test]
async fn whoever_went_away_takes_no_place() {
    let pool = HashPool::new(HashSettings::default().with_threads(1).with_waiting(2), Entropy::system());
    pool.hash(&secret("warm")).await.unwrap();
    for _ in 0..50 {
        // Polled once, so queued, then dropped.
        let password = secret("gone");
        let asked = pool.verify(&password, None);
        assert!(tokio::time::timeout(Duration::ZERO, asked).await.is_err());
    }
    assert_eq!(pool.verify(&secret("here"), None).await.unwrap(), Verified::Wrong);
}

#[tokio::test]
async fn what_is_no_hash_is_an_alarm_and_no_match() {
    let pool = pool();
    let weird = "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
    for phc in ["", "password", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=19456,t=2,p=1", weird] {
        let answer = pool.verify(&secret("password"), Some(phc)).await;
        assert!(matches!(answer, Err(Refusal::Corrupt(_))), "{phc}: {answer:?}");
    }
    // The thread survives it.
    assert!(pool.hash(&secret("password")).await.is_ok());
}
