//! Rules of OAuth 2 and OpenID Connect as stages, checks and wire types.
