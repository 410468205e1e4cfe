//! Proof that a call may do what it is about to do.
//!
//! Domain functions take `&CanRead<Tags>` or `&CanWrite<Tags>`, so code that has not passed the check does not compile.
//! A permit is made in two places only: `Caller::permit`, for a request, and `Permit::system`, for our own workers.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::permission::{Permission, Permissions};
use crate::resource::{Access, Read, Resource, Write};
use crate::role::Role;

/// Who is asking, and what they may do: the granted words AND the role AND the app's ceiling, worked out once a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Arc<Actor>,
    /// What the request may do, after role and ceiling were applied.
    pub permissions: Permissions,
    /// What the token's words alone would grant. Differs from `permissions` when the role forbids something.
    pub granted: Permissions,
}

/// Who acts, for the event log. Ids are rows of `people`, `clients` and `grants`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    pub person_id: Option<i64>,
    pub role: Option<Role>,
    pub client_id: Option<i64>,
    pub grant_id: Option<i64>,
    /// The person behind `X-On-Behalf-Of`: then `person_id` is whom they act for, and this is who they are.
    pub impersonator_id: Option<i64>,
    /// Our own worker, where no person acts.
    pub worker: Option<&'static str>,
    /// A UUID. Groups what one request or one run of a job caused.
    pub request_id: String,
}

/// Proof of one permission. It also says who acts.
#[derive(Debug)]
pub struct Permit<R, A> {
    actor: Arc<Actor>,
    proof: PhantomData<fn() -> (R, A)>,
}

pub type CanRead<R> = Permit<R, Read>;
pub type CanWrite<R> = Permit<R, Write>;

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The token's words do not grant it.
    MissingScope(Permission),
    /// The words would, the person's role or the app's ceiling does not.
    Role(Permission),
}

impl Caller {
    pub fn permit<R: Resource, A: Access>(&self) -> Result<Permit<R, A>, Refusal> {
        let needed = Permit::<R, A>::permission();
        if self.permissions.contains(needed) {
            Ok(Permit { actor: self.actor.clone(), proof: PhantomData })
        } else if self.granted.contains(needed) {
            Err(Refusal::Role(needed))
        } else {
            Err(Refusal::MissingScope(needed))
        }
    }
}

impl<R: Resource, A: Access> Permit<R, A> {
    /// For our own workers, which hold no token. `worker` names the one that acts and `run` (a UUID) this run of it, for the event log.
    pub fn system(worker: &'static str, run: String) -> Permit<R, A> {
        Permit {
            actor: Arc::new(Actor { worker: Some(worker), request_id: run, ..Actor::default() }),
            proof: PhantomData,
        }
    }

    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    pub const fn permission() -> Permission {
        Permission { resource: R::KIND, access: A::ACCESS }
    }
}
