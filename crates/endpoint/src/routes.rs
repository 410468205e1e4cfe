//! The route table.
//!
//! A handler's own arguments say which permissions it needs, so the table reads them from there and nobody writes a scope twice.
//! `bailiwick routes` prints the table, and the golden file `cli/routes.txt` holds it for review.
//! A route without a permission must be declared with `open`, and say why.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Path, Query, RawQuery, Request, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use axum::{Extension, Json, Router};
use oauth::resources::Target;
use scope::Dialect;
use scope::permission::{Permission, Permissions};
use scope::permit::Permit;
use scope::resource::{Access, Resource};

use crate::may::{BySession, Later, Why};
use crate::{App, May};

/// One family of routes: in whose words it names scopes, and how it words a refusal.
#[derive(Debug, Clone, Copy)]
pub struct Surface {
    pub dialect: Dialect,
    /// Which resource its routes belong to: a token for another one is refused here (RI-5).
    pub target: Target,
    /// The body of a refusal, in the vendor's shape (RS-7).
    pub refusal: fn(StatusCode, &Why) -> serde_json::Value,
    /// Whether every path also answers with a slash at its end, without a redirect.
    pub trailing_slash: bool,
}

/// How a caller of the route shows who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Bearer token, or Basic with an API key.
    Token,
    /// The session cookie of a signed-in person.
    Session,
    /// Nothing is asked; the text says why.
    Open(&'static str),
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub guard: Guard,
    pub needs: Permissions,
    pub dialect: Dialect,
    /// Where it is written, such as `gorgias_api::tags::list`.
    pub handler: &'static str,
}

/// Put on each guarded route by `Routes`: what the whole route needs, so that a refusal names all of it (RS-4).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needed {
    pub permissions: Permissions,
    pub surface: Surface,
}

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler of any arguments as one type. What axum makes of a route is compiled once then, and not again for each handler with all that it
/// calls.
#[derive(Clone)]
struct AnyHandler {
    call: Arc<dyn Fn(Request, App) -> Answer + Send + Sync>,
    needed: Option<Arc<Needed>>,
}

impl AnyHandler {
    fn new<H: Handler<T, App>, T: 'static>(handler: H, needed: Option<Needed>) -> AnyHandler {
        let call = move |request, app| -> Answer { Box::pin(handler.clone().call(request, app)) };
        AnyHandler { call: Arc::new(call), needed: needed.map(Arc::new) }
    }
}

impl Handler<(), App> for AnyHandler {
    type Future = Answer;

    fn call(self, mut request: Request, app: App) -> Answer {
        if let Some(needed) = self.needed {
            request.extensions_mut().insert(needed);
        }
        (self.call)(request, app)
    }
}

/// Routes under construction.
pub struct Routes {
    surface: Surface,
    pub table: Vec<Route>,
    router: Router<App>,
}

impl Routes {
    pub fn new(surface: Surface) -> Routes {
        Routes { surface, table: Vec::new(), router: Router::new() }
    }

    pub fn get<H: Handler<T, App>, T: NeedsOfAll>(self, path: &'static str, handler: H) -> Routes {
        self.guarded("GET", MethodFilter::GET, path, handler)
    }

    pub fn post<H: Handler<T, App>, T: NeedsOfAll>(self, path: &'static str, handler: H) -> Routes {
        self.guarded("POST", MethodFilter::POST, path, handler)
    }

    pub fn put<H: Handler<T, App>, T: NeedsOfAll>(self, path: &'static str, handler: H) -> Routes {
        self.guarded("PUT", MethodFilter::PUT, path, handler)
    }

    pub fn delete<H: Handler<T, App>, T: NeedsOfAll>(self, path: &'static str, handler: H) -> Routes {
        self.guarded("DELETE", MethodFilter::DELETE, path, handler)
    }

    pub fn patch<H: Handler<T, App>, T: NeedsOfAll>(self, path: &'static str, handler: H) -> Routes {
        self.guarded("PATCH", MethodFilter::PATCH, path, handler)
    }

    /// A route that asks for no permission. `why` is printed in the table.
    pub fn open<H: Handler<T, App>, T: 'static>(
        mut self,
        method: MethodFilter,
        path: &'static str,
        handler: H,
        why: &'static str,
    ) -> Routes {
        self.table.push(Route {
            method: name_of(&method),
            path,
            guard: Guard::Open(why),
            needs: Permissions::NONE,
            dialect: self.surface.dialect,
            handler: std::any::type_name::<H>(),
        });
        self.router = self.router.route(path, on(method, AnyHandler::new(handler, None)));
        self
    }

    /// A route whose body says what it needs: its handler asks for that by `Later`. `first` is what a refusal names before the body is read.
    pub fn post_by_body<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
        first: Permissions,
        why: &'static str,
    ) -> Routes {
        self.by_request(MethodFilter::POST, path, handler, first, why)
    }

    /// A route that finds out by and by what it needs, or whether it needs anything: its handler asks by `Later` or `Perhaps`.
    pub fn by_request<H: Handler<T, App>, T: 'static>(
        mut self,
        method: MethodFilter,
        path: &'static str,
        handler: H,
        first: Permissions,
        why: &'static str,
    ) -> Routes {
        self.table.push(Route {
            method: name_of(&method),
            path,
            guard: Guard::Open(why),
            needs: Permissions::NONE,
            dialect: self.surface.dialect,
            handler: std::any::type_name::<H>(),
        });
        let needed = Needed { permissions: first, surface: self.surface };
        let route = on(method, AnyHandler::new(handler, Some(needed)));
        if self.surface.trailing_slash {
            self.router = self.router.route(&format!("{path}/"), route.clone());
        }
        self.router = self.router.route(path, route);
        self
    }

    /// Wraps the routes so far.
    pub fn around(mut self, wrap: impl FnOnce(Router<App>) -> Router<App>) -> Routes {
        self.router = wrap(self.router);
        self
    }

    /// What answers a path of the routes so far, called with a method that none of them has. axum adds `Allow`.
    pub fn on_wrong_method<H: Handler<T, App>, T: 'static>(mut self, handler: H) -> Routes {
        self.router = self.router.method_not_allowed_fallback(handler);
        self
    }

    /// Adds the routes of another surface.
    pub fn merge(mut self, other: Routes) -> Routes {
        self.table.extend(other.table);
        self.router = self.router.merge(other.router);
        self
    }

    pub fn into_router(self) -> Router<App> {
        self.router
    }

    fn guarded<H: Handler<T, App>, T: NeedsOfAll>(
        mut self,
        method: &'static str,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
    ) -> Routes {
        let needs = T::needs();
        let permissions: Permissions = needs.iter().map(|need| need.permission).collect();
        let guard = if needs.iter().any(|need| need.by_session) { Guard::Session } else { Guard::Token };
        assert!(!permissions.is_empty(), "{method} {path} asks for no permission: declare it with `open`, and say why");
        self.table.push(Route {
            method,
            path,
            guard,
            needs: permissions,
            dialect: self.surface.dialect,
            handler: std::any::type_name::<H>(),
        });
        let needed = Needed { permissions, surface: self.surface };
        let route = on(filter, AnyHandler::new(handler, Some(needed)));
        if self.surface.trailing_slash {
            self.router = self.router.route(&format!("{path}/"), route.clone());
        }
        self.router = self.router.route(path, route);
        self
    }
}

fn name_of(method: &MethodFilter) -> &'static str {
    match *method {
        MethodFilter::GET => "GET",
        MethodFilter::POST => "POST",
        MethodFilter::PUT => "PUT",
        MethodFilter::DELETE => "DELETE",
        MethodFilter::PATCH => "PATCH",
        _ => "ANY",
    }
}

/// What one handler argument asks of the caller.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    permission: Permission,
    by_session: bool,
}

/// A handler argument. Asks for nothing, unless it is a `May` or a `BySession`.
pub trait Needs {
    fn needs() -> Option<Need> {
        None
    }
}

impl<T> Needs for State<T> {}
impl<T> Needs for Path<T> {}
impl<T> Needs for Query<T> {}
impl<T> Needs for Json<T> {}
impl<T> Needs for Extension<T> {}
impl<T> Needs for axum::Form<T> {}
impl Needs for Later {}
impl Needs for crate::CalledAt {}
impl Needs for RawQuery {}
impl Needs for axum::body::Bytes {}
impl Needs for axum::http::HeaderMap {}
impl Needs for axum::http::Uri {}

impl<R: Resource, A: Access> Needs for May<Permit<R, A>> {
    fn needs() -> Option<Need> {
        Some(Need { permission: Permit::<R, A>::permission(), by_session: false })
    }
}

impl<R: Resource, A: Access> Needs for BySession<Permit<R, A>> {
    fn needs() -> Option<Need> {
        Some(Need { permission: Permit::<R, A>::permission(), by_session: true })
    }
}

/// What all arguments of a handler ask for. `T` is the tuple that axum gives a handler's arguments.
pub trait NeedsOfAll: 'static {
    fn needs() -> Vec<Need>;
}

macro_rules! needs_of_arguments {
    ($($argument:ident)+) => {
        impl<M: 'static, $($argument: Needs + 'static),+> NeedsOfAll for (M, $($argument,)+) {
            fn needs() -> Vec<Need> {
                [$($argument::needs()),+].into_iter().flatten().collect()
            }
        }
    };
}
needs_of_arguments!(A);
needs_of_arguments!(A B);
needs_of_arguments!(A B C);
needs_of_arguments!(A B C D);
needs_of_arguments!(A B C D E);
needs_of_arguments!(A B C D E F);
needs_of_arguments!(A B C D E F G);
needs_of_arguments!(A B C D E F G H);
needs_of_arguments!(A B C D E F G H I);
