//! A person as requests name one: `PersonRef` of the Gorgias contract.

use helpdesk::addresses::ADDRESS_MAX_CHARS;
use helpdesk::people::{AddressRef, PersonRef};

use crate::fields::{Fields, ID_MAX};

const NAME_MAX_CHARS: usize = 512;
const NOTE_MAX_CHARS: usize = 65_536;
const ADDRESSES_MAX: usize = 100;

/// Reads the object. An id says it all: what else a client sends back of a known person is passed over.
pub(crate) fn read(fields: &mut Fields) -> PersonRef {
    // The contract allows 0, which no person has.
    if let Some(id) = fields.integer_or_null("id", 0, ID_MAX).value().filter(|id| *id != 0) {
        return PersonRef::by_id(id);
    }
    let address = |channel: &mut Fields| AddressRef {
        kind: channel.required_text("type", 1, 64),
        address: channel.required_text("address", 1, ADDRESS_MAX_CHARS),
        preferred: channel.flag("preferred").unwrap_or_default(),
    };
    PersonRef {
        id: None,
        email: fields.email_or_null("email").value(),
        name: fields.text_or_null("name", NAME_MAX_CHARS).value(),
        external_id: fields.text_or_null("external_id", 255).value(),
        addresses: fields.each_or_null("channels", ADDRESSES_MAX, address).value().unwrap_or_default(),
        language: fields.language_or_null("language").value(),
        timezone: fields.timezone_or_null("timezone").value(),
        note: fields.text_or_null("note", NOTE_MAX_CHARS).value(),
        meta: fields.object_or_null("meta").value(),
    }
}
