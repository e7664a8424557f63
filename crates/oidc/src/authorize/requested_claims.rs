//! The `claims` parameter (OpenID Connect Core §5.5).
//!
//! Owns: reading it. What we act on: `acr` and `sub` of either member, and names of claims we know. All
//! else is ignored, as the standard wants.

use domain::Acr;
use serde_json::Value;

use crate::claims::scope_of;
use crate::registration::MAX_DEPTH;
use crate::{OAuthError, Params};

/// What the `claims` parameter asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestedClaims {
    /// Known claims wanted in the ID token.
    pub id_token: Vec<String>,
    /// Known claims wanted from userinfo.
    pub userinfo: Vec<String>,
    /// Of both, those that are essential.
    pub essential: Vec<String>,
    /// Classes of which one is demanded; `None` = no essential `acr`.
    pub essential_acr: Option<Vec<String>>,
    /// Classes that are wished for.
    pub wished_acr: Vec<String>,
    /// The subject that must answer.
    pub sub: Option<String>,
}

const BAD: OAuthError = OAuthError::invalid_request("claims is not a JSON object of the form of section 5.5");

impl RequestedClaims {
    /// Reads the parameter.
    ///
    /// # Errors
    /// `invalid_request` when it is no JSON object of the right form.
    pub fn read(params: &Params) -> Result<Self, OAuthError> {
        let Some(text) = params.get("claims") else { return Ok(Self::default()) };
        let Ok(Value::Object(mut members)) = domain::json::read(text.as_bytes(), MAX_DEPTH) else {
            return Err(BAD);
        };
        let mut asked = Self::default();
        for (of_id_token, member) in [(true, "id_token"), (false, "userinfo")] {
            let requests = match members.remove(member) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(requests)) => requests,
                Some(_) => return Err(BAD),
            };
            for (name, request) in requests {
                let request = Individual::read(&request)?;
                // A demand that was not understood must not pass for none.
                if request.has_other_values && matches!(name.as_str(), "acr" | "sub") {
                    return Err(BAD);
                }
                match name.as_str() {
                    "acr" if of_id_token && request.is_essential && !request.values.is_empty() => {
                        asked.essential_acr = Some(request.values);
                    }
                    "acr" if of_id_token => asked.wished_acr = request.values,
                    "sub" => {
                        let [sub] = request.values.as_slice() else { continue };
                        if asked.sub.as_ref().is_some_and(|other| other != sub) {
                            return Err(OAuthError::invalid_request("claims asks for two subjects"));
                        }
                        asked.sub = Some(sub.clone());
                    }
                    known if scope_of(known).is_some() => {
                        if request.is_essential {
                            asked.essential.push(name.clone());
                        }
                        if of_id_token { &mut asked.id_token } else { &mut asked.userinfo }.push(name);
                    }
                    _ => {}
                }
            }
        }
        Ok(asked)
    }

    /// Whether no class we give could meet the demand.
    #[must_use]
    pub fn demands_the_impossible(&self) -> bool {
        self.essential_acr
            .as_ref()
            .is_some_and(|values| !values.iter().any(|value| Acr::from_value(value).is_some()))
    }
}

#[derive(Default)]
struct Individual {
    is_essential: bool,
    /// Those that are texts.
    values: Vec<String>,
    has_other_values: bool,
}

impl Individual {
    fn read(request: &Value) -> Result<Self, OAuthError> {
        let object = match request {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err(BAD),
        };
        let is_essential = match object.get("essential") {
            None => false,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => return Err(BAD),
        };
        let values = match (object.get("value"), object.get("values")) {
            (Some(one), _) => std::slice::from_ref(one),
            (None, Some(Value::Array(many))) => many,
            (None, Some(_)) => return Err(BAD),
            (None, None) => &[],
        };
        Ok(Self {
            is_essential,
            values: values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
            has_other_values: !values.iter().all(Value::is_string),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(claims: &str) -> Result<RequestedClaims, OAuthError> {
        RequestedClaims::read(&[("claims", claims)].into_iter().collect())
    }

    #[test]
    fn known_claims_are_taken_and_unknown_ones_ignored() {
        let mut asked = read(
            r#"{"userinfo":{"name":{"essential":true},"shoe_size":null,"email":null,"acr":{"essential":true}},
                "id_token":{"auth_time":{"essential":true},"nickname":null},"other":{"x":1}}"#,
        )
        .unwrap();
        // The order of an object's members is no promise of the parser.
        asked.userinfo.sort();
        assert_eq!(asked.userinfo, ["email", "name"]);
        assert_eq!(asked.id_token, ["nickname"]);
        assert_eq!(asked.essential_acr, None);
    }

    #[test]
    fn the_classes_of_acr() {
        let asked = read(r#"{"id_token":{"acr":{"essential":true,"values":["phr","x"]}}}"#).unwrap();
        assert_eq!(asked.essential_acr.as_deref(), Some(&["phr".to_owned(), "x".to_owned()][..]));
        assert!(!asked.demands_the_impossible());
        assert!(
            read(r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#).unwrap().demands_the_impossible()
        );
        let asked = read(r#"{"id_token":{"acr":{"values":["phr"]}}}"#).unwrap();
        assert_eq!((asked.essential_acr, asked.wished_acr), (None, vec!["phr".to_owned()]));
        assert_eq!(read(r#"{"id_token":{"acr":{"essential":true}}}"#).unwrap().essential_acr, None);
    }

    #[test]
    fn what_is_no_such_object_is_refused() {
        for bad in [
            "[]",
            "1",
            "{",
            "\"x\"",
            r#"{"id_token":[]}"#,
            r#"{"id_token":{"acr":1}}"#,
            r#"{"id_token":{"acr":{"essential":"yes"}}}"#,
            r#"{"userinfo":{"name":{"values":"x"}}}"#,
            r#"{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}"#,
            r#"{"id_token":{"sub":{"value":5}}}"#,
            r#"{"id_token":{"acr":{"essential":true,"value":5}}}"#,
            r#"{"id_token":{"acr":{"essential":true,"values":["phr",null]}}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read(r#"{"id_token":null}"#), Ok(RequestedClaims::default()));
    }
}
