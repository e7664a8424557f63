//! `[cas_qr]`: phone apps that were made for CAS.

use std::time::Duration;

use signin::Fence;
use url::Url;

use super::section::section;
use super::source::Fault;

section! {
    /// Sign-in by phone apps that were made for the QR codes of CAS. It is weaker than the phone sign-in of Latchbolt:
    /// what the app sends is a secret and no signature, and it cannot show whom it lets in.
    "cas_qr" {
        /// Offer it, to relying parties that are registered to take it.
        enabled: bool = false;
        /// What else has to fit: `confirm` (the browser asks whether the account is the right one), `same-network`
        /// (phone and browser come from one network), `username` (it was typed before the code was shown).
        fence: String = "confirm".to_owned();
        /// Minutes that the app's secret is good; at most 480.
        token_minutes: u32 = 60;
        /// Web apps beside the issuer that may open the socket: origins such as `https://app.example.org`.
        allowed_origins: Vec<String> = Vec::new();
    }
}

/// How such an app lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What else has to fit.
    pub fence: Fence,
    /// Life of the app's secret.
    pub token_life: Duration,
    /// Origins of web apps, as browsers write them.
    pub allowed_origins: Vec<String>,
}

impl Given {
    /// What it means; none: it is off.
    ///
    /// # Errors
    /// CAS itself is off; a word, number or origin is none of those it can be.
    pub fn resolve(&self, cas: &super::cas::Given) -> Result<Option<Settings>, Fault> {
        let fence = match self.fence.as_str() {
            "confirm" => Fence::Confirm,
            "same-network" => Fence::SameNetwork,
            "username" => Fence::Username,
            _ => return Err(Fault::new("fence", "Choose from confirm, same-network, username.")),
        };
        if !(1..=480).contains(&self.token_minutes) {
            return Err(Fault::new("token_minutes", "Take a number of minutes from 1 to 480."));
        }
        for text in &self.allowed_origins {
            let is_origin = Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == *text
            });
            if !is_origin {
                let what =
                    format!("`{text}` is no origin: write it as https://app.example.org, without a path.");
                return Err(Fault::new("allowed_origins", what));
            }
        }
        if self.enabled && !cas.enabled {
            return Err(Fault::new("enabled", "This needs CAS: switch cas.enabled on."));
        }
        Ok(self.enabled.then(|| Settings {
            fence,
            token_life: Duration::from_secs(u64::from(self.token_minutes) * 60),
            allowed_origins: self.allowed_origins.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(change: impl FnOnce(&mut Given)) -> Result<Option<Settings>, Fault> {
        let mut given = Given { enabled: true, ..Given::default() };
        change(&mut given);
        given.resolve(&super::super::cas::Given { enabled: true, ..Default::default() })
    }

    #[test]
    fn sec_065_it_is_off_and_fenced() {
        assert_eq!(Given::default().resolve(&Default::default()), Ok(None));
        let on = resolve(|_| {}).unwrap().unwrap();
        assert_eq!((on.fence, on.token_life.as_secs()), (Fence::Confirm, 3600));
        assert!(Given { enabled: true, ..Given::default() }.resolve(&Default::default()).is_err());
    }

    #[test]
    fn what_it_cannot_be_is_refused() {
        assert!(resolve(|given| given.fence = "none".to_owned()).is_err());
        assert!(resolve(|given| given.token_minutes = 481).is_err());
        for bad in ["*", "https://a.example/", "a.example", "null", "https://A.example", "ftp://a.example"] {
            assert!(resolve(|given| given.allowed_origins = vec![bad.to_owned()]).is_err(), "{bad}");
        }
        let good = resolve(|given| given.allowed_origins = vec!["https://a.example:8443".to_owned()]);
        assert_eq!(good.unwrap().unwrap().allowed_origins, ["https://a.example:8443"]);
    }
}
