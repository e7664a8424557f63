//! The rows of the table.
//!
//! Owns: what a route is, and the macro that writes one. Not here: the rows (each subject's module).

use std::future::Future;
use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::http::Method;
use domain::{Permission, Permissions};

use super::ask::Ask;
use super::problem::Failed;

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, Failed>;

/// A handler, as the table keeps it.
pub(crate) type Handler = fn(Ask) -> Pin<Box<dyn Future<Output = Answer>>>;

/// A method that the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    /// Whether it changes something.
    pub(crate) const fn changes(self) -> bool {
        !matches!(self, Self::Get)
    }
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Whoever has this permission.
    One(Permission),
    /// Whoever has any: for what shows callers themselves alone.
    Any,
}

impl Needs {
    /// Whether these are enough.
    pub(crate) const fn met_by(self, permissions: Permissions) -> bool {
        match self {
            Self::One(permission) => permissions.has(permission),
            Self::Any => !permissions.is_empty(),
        }
    }
}

/// What a request may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// JSON, or nothing; at most 64 kB.
    Json,
    /// One of these content types; at most so many bytes.
    Files(&'static [&'static str], usize),
}

/// One route.
pub(crate) struct Route {
    /// The method.
    pub verb: Verb,
    /// The path under its table's base: `/users/{id}`.
    pub path: &'static str,
    /// Who may.
    pub needs: Needs,
    /// What it may carry.
    pub takes: Takes,
    /// Whether a browser's session needs a fresh proof for it (`strength::FRESH`): what opens much, or for long.
    pub wants_fresh: bool,
    /// Whether programs alone may call, with what `Authorization` holds: no cookie opens it.
    pub for_programs: bool,
    /// What answers.
    pub handler: Handler,
}

impl Route {
    /// The same with files as its body.
    pub(crate) const fn taking(mut self, types: &'static [&'static str], limit: usize) -> Self {
        self.takes = Takes::Files(types, limit);
        self
    }

    /// The same for those alone who proved themselves a moment ago.
    pub(crate) const fn fresh(mut self) -> Self {
        self.wants_fresh = true;
        self
    }

    /// The same for programs alone.
    pub(crate) const fn for_programs(mut self) -> Self {
        self.for_programs = true;
        self
    }
}

/// Writes a row: `route!(Get "/users/{id}", UsersRead, show)`; `any` in place of the permission for whoever has one.
/// The handler is `async fn show(ask: Ask) -> Answer`.
macro_rules! route {
    ($verb:ident $path:literal, any, $handler:path) => {
        route!(@ $verb $path, $crate::api::route::Needs::Any, $handler)
    };
    ($verb:ident $path:literal, $permission:ident, $handler:path) => {
        route!(@ $verb $path, $crate::api::route::Needs::One(::domain::Permission::$permission), $handler)
    };
    (@ $verb:ident $path:literal, $needs:expr, $handler:path) => {
        $crate::api::route::Route {
            verb: $crate::api::route::Verb::$verb,
            path: $path,
            needs: $needs,
            takes: $crate::api::route::Takes::Json,
            wants_fresh: false,
            for_programs: false,
            handler: |ask| ::std::boxed::Box::pin($handler(ask)),
        }
    };
}
pub(crate) use route;

/// A subject: its routes and their description.
pub(crate) struct Module {
    pub routes: &'static [Route],
    pub describe: fn() -> utoipa::openapi::OpenApi,
}

/// Writes a line of the list of subjects: `module!(users)`.
macro_rules! module {
    ($name:ident) => {
        $crate::api::route::Module {
            routes: $name::ROUTES,
            describe: <$name::Described as ::utoipa::OpenApi>::openapi,
        }
    };
}
pub(crate) use module;

/// A route for those who walk over all of them: the test of SEC-180.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// `GET`.
    pub method: &'static str,
    /// `/api/admin/v1/users/{id}` without its base: `/users/{id}`.
    pub path: &'static str,
    /// The permission it demands; none: any will do.
    pub permission: Option<Permission>,
}

/// All routes of the API, from the table.
#[must_use]
pub fn described() -> Vec<Described> {
    let one = |row: &Route| Described {
        method: row.verb.as_str(),
        path: row.path,
        permission: match row.needs {
            Needs::One(permission) => Some(permission),
            Needs::Any => None,
        },
    };
    super::routes(super::MODULES).map(one).collect()
}
