//! Words that open no resource: who the person is, how long the app may stay, and for whom it may act.

use crate::permission::Permissions;
use crate::words::Word;

/// What such a word asks for. Two spellings can mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// An id_token comes back (OIDC Core 3.1.2.1).
    OpenId,
    Email,
    Profile,
    Phone,
    Address,
    /// A refresh token comes back: `offline_access` (OIDC Core 11), and `offline` as Gorgias spells it (SC-5).
    Offline,
    /// The app may act for an end user by `X-On-Behalf-Of` (SC-7). Alone it opens nothing.
    Impersonate,
}

pub(crate) const OPENID: Word = word("openid", Identity::OpenId, "Identity", "Sign you in with your account here");
pub(crate) const PROFILE: Word = word(
    "profile",
    Identity::Profile,
    "Identity",
    "See your profile: name, picture, birth date, language and time zone",
);
pub(crate) const EMAIL: Word = word("email", Identity::Email, "Identity", "See your e-mail address");
pub(crate) const PHONE: Word = word("phone", Identity::Phone, "Identity", "See your phone number");
pub(crate) const ADDRESS: Word = word("address", Identity::Address, "Identity", "See your postal address");
pub(crate) const OFFLINE_ACCESS: Word = word("offline_access", Identity::Offline, "Lasting access", STAY);
pub(crate) const OFFLINE: Word = word("offline", Identity::Offline, "Lasting access", STAY);
pub(crate) const IMPERSONATE: Word = word(
    "impersonate",
    Identity::Impersonate,
    "Acting for others",
    "Act in the name of your customers, within its other permissions",
);

const STAY: &str = "Keep its access while you are signed out, until you withdraw it";

/// Every spelling, whatever the dialect: OpenID Connect's words are understood in all of them.
pub(crate) static ALL: [Word; 8] = [OPENID, PROFILE, EMAIL, PHONE, ADDRESS, OFFLINE_ACCESS, OFFLINE, IMPERSONATE];

const fn word(word: &'static str, identity: Identity, group: &'static str, sentence: &'static str) -> Word {
    Word { word, permissions: Permissions::NONE, identity: Some(identity), group, sentence, deprecated: false }
}
