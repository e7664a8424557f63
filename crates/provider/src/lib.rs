//! Use cases of the OpenID provider: authorize, token, userinfo, keys.
