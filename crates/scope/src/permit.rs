//! Proof that a call may do what it is about to do.
//!
//! Domain functions take `&CanRead<Tags>` or `&CanWrite<Tags>`, so code that has not passed the check does not compile.
//! A permit is made in five places only: `Caller::permit`, for a request, `Permit::system`, for our own workers, `Permit::deferred`, for
//! those that carry out later what a person asked for, `Permit::on_own_ticket`, for customers who write to us, and `Permit::on_its_files`,
//! for files that are a part of something.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::permission::{Permission, Permissions};
use crate::resource::{Access, Read, Resource, Write};
use crate::role::Role;

/// Who is asking, and what they may do: the granted words AND the role, worked out once a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Arc<Actor>,
    /// What the words grant, before the role. Private as `permissions` is: neither can be set without the other.
    granted: Permissions,
    permissions: Permissions,
    /// What was asked for and given so far.
    pub used: Arc<Used>,
}

/// The permissions that a request was given while it ran: what its app really uses.
#[derive(Debug, Default)]
pub struct Used([AtomicU64; 2]);

impl Used {
    fn note(&self, permission: Permission) {
        let bits = permission.alone().bits();
        for (half, word) in self.0.iter().zip([bits as u64, (bits >> 64) as u64]) {
            if word != 0 {
                half.fetch_or(word, Ordering::Relaxed);
            }
        }
    }

    pub fn permissions(&self) -> Permissions {
        let [low, high] = &self.0;
        let bits = u128::from(high.load(Ordering::Relaxed)) << 64 | u128::from(low.load(Ordering::Relaxed));
        Permissions::from_bits(bits)
    }
}

/// Who acts, for the event log. Ids are rows of `people`, `clients` and `grants`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    pub person_id: Option<i64>,
    pub role: Option<Role>,
    /// What a role of the account's own takes away from the role.
    pub denied: Permissions,
    pub client_id: Option<i64>,
    pub grant_id: Option<i64>,
    /// The person behind `X-On-Behalf-Of`: then `person_id` is whom they act for, and this is who they are.
    pub impersonator_id: Option<i64>,
    /// Who acts for `person_id` by an exchanged token (TX-3).
    pub acting: Option<Acting>,
    /// Our own worker, where no person acts.
    pub worker: Option<&'static str>,
    /// A UUID. Groups what one request or one run of a job caused.
    pub request_id: String,
}

impl Actor {
    /// The most that the role allows, and the role of the account's own besides. None: nothing.
    fn ceiling(&self) -> Permissions {
        self.role.map_or(Permissions::NONE, Role::ceiling).without(self.denied)
    }
}

/// An agent that acts for a person: the outermost `act` of its token (RFC 8693, 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// `client:` and the client id of an app, or the id of a person.
    pub sub: String,
    pub name: String,
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
    /// The token's words do not grant it, or the app's ceiling has cut them off: another scope would help.
    MissingScope(Permission),
    /// The words would, the person's role does not: no scope would help.
    Role(Permission),
}

impl Caller {
    /// `granted` is what the token's words open within the app's ceiling; `Permissions::all()` where words play no part, as with
    /// sessions and API keys. The role in `actor` narrows it here and nowhere else (RS-6); an actor without a role may do nothing.
    pub fn new(actor: Actor, granted: Permissions) -> Caller {
        let permissions = granted.intersection(actor.ceiling());
        Caller { actor: Arc::new(actor), granted, permissions, used: Arc::default() }
    }

    /// What the words grant, before the role.
    pub fn granted(&self) -> Permissions {
        self.granted
    }

    /// All that this call may do.
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    pub fn permit<R: Resource, A: Access>(&self) -> Result<Permit<R, A>, Refusal> {
        self.check::<R, A>()?;
        self.used.note(Permit::<R, A>::permission());
        Ok(Permit { actor: self.actor.clone(), proof: PhantomData })
    }

    /// Whether there would be a permit, without using it.
    pub fn check<R: Resource, A: Access>(&self) -> Result<(), Refusal> {
        let needed = Permit::<R, A>::permission();
        if self.permissions.contains(needed) {
            Ok(())
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

    /// The same, with what the worker carries out, such as a rule: events name it as the one that acts.
    pub fn system_as(worker: &'static str, run: String, acting: Acting) -> Permit<R, A> {
        let actor = Actor { worker: Some(worker), request_id: run, acting: Some(acting), ..Actor::default() };
        Permit { actor: Arc::new(actor), proof: PhantomData }
    }

    /// For our own workers that carry out later what a person asked for, in that person's name: as far as their role reaches now. The words
    /// were checked when they asked.
    pub fn deferred(actor: &Actor) -> Result<Permit<R, A>, Refusal> {
        let needed = Permit::<R, A>::permission();
        if !actor.ceiling().contains(needed) {
            return Err(Refusal::Role(needed));
        }
        Ok(Permit { actor: Arc::new(actor.clone()), proof: PhantomData })
    }

    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    pub const fn permission() -> Permission {
        Permission { resource: R::KIND, access: A::ACCESS }
    }
}

impl Permit<crate::resource::Requests, Write> {
    /// For somebody who has shown no token, where the account lets anybody ask: as the customer that they say they are, and for a new request
    /// alone.
    pub fn of_anybody(actor: Actor) -> CanWrite<crate::resource::Requests> {
        Permit { actor: Arc::new(actor), proof: PhantomData }
    }

    /// To write a request is to write a ticket. For that alone, and only once it is checked that the ticket is theirs: the permit reaches
    /// further than whoever asked.
    pub fn on_own_ticket(&self) -> CanWrite<crate::resource::Tickets> {
        Permit { actor: self.actor.clone(), proof: PhantomData }
    }
}

/// What has files as a part of it.
pub trait HasFiles: Resource {}

impl HasFiles for crate::resource::Brands {}
impl HasFiles for crate::resource::HelpCenter {}
impl HasFiles for crate::resource::Tickets {}

impl<R: HasFiles> Permit<R, Write> {
    /// To write something is to write the files that are a part of it, such as a brand's picture. For those alone: the permit reaches
    /// further.
    pub fn on_its_files(&self) -> CanWrite<crate::resource::Files> {
        Permit { actor: self.actor.clone(), proof: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use crate::resource::{Accounts, Kind, Tags, Tickets, Users};
    use crate::words;

    fn caller(role: Role, scope: &str) -> Caller {
        let actor = Actor { person_id: Some(7), role: Some(role), ..Actor::default() };
        Caller::new(actor, words::permissions_of(Dialect::Gorgias, scope))
    }

    #[test]
    fn a_granted_word_within_the_role_gives_a_permit_that_says_who_acts() {
        let caller = caller(Role::Agent, "tickets:read");

        let permit: CanRead<Tickets> = caller.permit().expect("granted");

        assert_eq!(permit.actor().person_id, Some(7));
        assert_eq!(permit.actor().worker, None);
    }

    #[test]
    fn without_the_word_the_scope_is_missing_whatever_the_role() {
        let caller = caller(Role::Owner, "tickets:read");

        let refusal = caller.permit::<Tags, Read>().expect_err("not granted");

        assert_eq!(refusal, Refusal::MissingScope(Permission::read(Kind::Tags)));
    }

    #[test]
    fn reading_does_not_include_writing_nor_writing_reading() {
        assert!(caller(Role::Owner, "tickets:read").permit::<Tickets, Write>().is_err());
        assert!(caller(Role::Owner, "tickets:write").permit::<Tickets, Read>().is_err());
    }

    #[test]
    fn the_role_narrows_what_the_words_grant() {
        // RS-6
        let observer = caller(Role::Observer, "tickets:read tickets:write");

        assert!(observer.permit::<Tickets, Read>().is_ok());
        let refusal = observer.permit::<Tickets, Write>().expect_err("observers only read");
        assert_eq!(refusal, Refusal::Role(Permission::write(Kind::Tickets)));
    }

    #[test]
    fn what_a_role_of_the_accounts_own_takes_away_is_gone_from_calls_and_from_deferred_work() {
        let denied = Permissions::writing(&[Kind::Tags]);
        let actor = Actor { person_id: Some(7), role: Some(Role::Lead), denied, ..Actor::default() };

        let refusal = Permit::<Tags, Write>::deferred(&actor).expect_err("taken away");
        let caller = Caller::new(actor, Permissions::all());

        assert_eq!(refusal, Refusal::Role(Permission::write(Kind::Tags)));
        assert_eq!(caller.permit::<Tags, Write>().expect_err("taken away"), refusal);
        assert!(caller.permit::<Tags, Read>().is_ok());
    }

    #[test]
    fn write_all_reaches_as_far_as_the_role_and_no_further() {
        // RS-5, RS-6
        let agent = caller(Role::Agent, "write:all");

        assert!(agent.permit::<Tickets, Write>().is_ok());
        let refusal = agent.permit::<Users, Write>().expect_err("agents do not manage staff");
        assert_eq!(refusal, Refusal::Role(Permission::write(Kind::Users)));
    }

    #[test]
    fn a_word_missing_and_beyond_the_role_counts_as_missing() {
        let refusal = caller(Role::Lite, "tickets:read").permit::<Accounts, Write>().expect_err("neither");

        assert_eq!(refusal, Refusal::MissingScope(Permission::write(Kind::Accounts)));
    }

    #[test]
    fn an_actor_without_a_role_may_do_nothing() {
        let caller = Caller::new(Actor::default(), Permissions::all());

        assert!(caller.permissions().is_empty());
        assert!(caller.permit::<Tickets, Read>().is_err());
    }

    #[test]
    fn a_workers_permit_names_the_worker_and_its_run() {
        let permit: CanWrite<Tickets> = Permit::system("wake snoozed tickets", "run-1".to_owned());

        assert_eq!(permit.actor().worker, Some("wake snoozed tickets"));
        assert_eq!(permit.actor().request_id, "run-1");
        assert_eq!(permit.actor().person_id, None);
    }
}
