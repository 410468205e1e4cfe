#!/usr/bin/env python3
"""A tap, as those that copy a helpdesk into a warehouse: it walks every list with its cursors, then comes back for what changed.

It speaks as singer taps do: a stream has a path, key fields and perhaps a replication key, a run yields records and ends with a state, and
the next run begins from that state. Checked is what a warehouse relies on: nothing is lost, nothing comes twice, no key field is missing.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python tap_journey.py`.
"""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from gorgias_dialect import Api, install
from journey import Failed, check, demo, step

SCOPES = ("openid offline account:read users:read customers:read customers:write tickets:read tickets:write custom_fields:read custom_fields:write "
          "events:read integrations:read jobs:read jobs:write macros:read rules:read rules:write satisfaction_survey:read statistics:read tags:read tags:write apps:read")


@dataclass
class Stream:
    name: str
    path: str
    keys: tuple = ("id",)
    replication_key: str = None
    orders: tuple = ("created_datetime:asc", "created_datetime:desc")
    # Records of which the path names one.
    parent: str = None
    params: dict = field(default_factory=dict)
    has_pages: bool = True


UPDATED = ("updated_datetime:desc", "updated_datetime:asc", "created_datetime:asc", "created_datetime:desc")
STREAMS = [
    Stream("users", "users", orders=("name:asc", "name:desc", "email:asc", "created_datetime:desc", "role.name:asc")),
    Stream("teams", "teams", orders=("name:asc", "created_datetime:desc")),
    Stream("customers", "customers", replication_key="updated_datetime", orders=UPDATED),
    Stream("tickets", "tickets", replication_key="updated_datetime", orders=UPDATED),
    Stream("messages", "messages", replication_key="created_datetime"),
    Stream("ticket_messages", "tickets/{}/messages", orders=(None,), parent="tickets"),
    Stream("views", "views"),
    Stream("ticket_fields", "custom-fields", orders=("priority:desc", "priority:asc"), params={"object_type": "Ticket"}),
    Stream("customer_fields", "custom-fields", orders=("priority:desc",), params={"object_type": "Customer"}),
    Stream("events", "events", replication_key="created_datetime"),
    Stream("integrations", "integrations"),
    Stream("widgets", "widgets", orders=("order:asc", "created_datetime:desc")),
    Stream("jobs", "jobs"),
    Stream("macros", "macros", replication_key="updated_datetime", orders=("updated_datetime:desc", "name:asc", "usage:desc")),
    Stream("rules", "rules"),
    Stream("satisfaction_surveys", "satisfaction-surveys", replication_key="created_datetime"),
    Stream("tags", "tags", orders=("created_datetime:asc", "name:asc", "usage:desc,name:desc", "usage:asc,name:asc")),
    Stream("metric_cards", "reporting/metric-cards", keys=("slug",), orders=(None,), has_pages=False),
    Stream("voice_calls", "phone/voice-calls", orders=(None,)),
    Stream("voice_call_events", "phone/voice-call-events", orders=(None,)),
    Stream("voice_call_recordings", "phone/voice-call-recordings", orders=(None,)),
    Stream("apps", "apps", orders=(None,)),
]


def parse(text):
    """As connectors parse a time: with a fraction, then without."""
    for form in ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            pass
    raise Failed(f"not a time of this dialect: {text}")


class Tap:
    def __init__(self, api):
        self.api = api

    def pages(self, path, **params):
        """Each page of a list, until there is no next one. A cursor that comes again would be a walk without end."""
        seen, cursor = set(), None
        while True:
            page = self.api.get(path, **params, **({"cursor": cursor} if cursor else {}))
            check(page["object"] == "list" and "next_items" not in page["meta"], f"{path}: {page['meta']}")
            yield page
            cursor = page["meta"]["next_cursor"]
            if cursor is None:
                return
            check(cursor not in seen, f"{path}: the cursor {cursor} came twice")
            seen.add(cursor)

    def records(self, stream, path, order, limit):
        """All records of one list, whose keys are there and differ."""
        params = {**({"limit": limit} if stream.has_pages else {}), **stream.params, **({"order_by": order} if order else {})}
        found, last = {}, None
        for page in self.pages(path, **params):
            check(len(page["data"]) <= limit or not stream.has_pages, f"{path}: {len(page['data'])} records in a page of {limit}")
            for record in page["data"]:
                key = tuple(record.get(name) for name in stream.keys)
                check(None not in key, f"{path}: a record without {stream.keys}: {record}")
                check(key not in found, f"{path} by {order}: {key} came twice")
                found[key] = record
                last = in_order(path, order, last, record)
        return found

    def sync(self, stream, parents, limit=100):
        """The whole stream, in its first order."""
        if stream.parent is None:
            return self.records(stream, stream.path, stream.orders[0], limit)
        return {key: record for parent in parents[stream.parent] for key, record in
                self.records(stream, stream.path.format(parent[0]), stream.orders[0], limit).items()}

    def sync_since(self, stream, bookmark):
        """What changed since the bookmark: newest first, and stop at the first record that is older."""
        found = {}
        for page in self.pages(stream.path, limit=20, order_by=f"{stream.replication_key}:desc", **stream.params):
            for record in page["data"]:
                at = record[stream.replication_key]
                if at is None or parse(at) < bookmark:
                    return found
                found[tuple(record[name] for name in stream.keys)] = record
        return found


def in_order(path, order, last, record):
    """The record, after a check that it does not come before the last one. Only times: names are compared as databases do."""
    name, _, direction = (order or "").partition(":")
    if not name.endswith("_datetime") or record.get(name) is None:
        return last
    now = parse(record[name])
    if last is not None:
        check(last <= now if direction == "asc" else now <= last, f"{path} by {order}: {last} before {now}")
    return now


def bookmark_of(stream, records):
    return max(parse(record[stream.replication_key]) for record in records.values() if record[stream.replication_key])


def furnish(api):
    """One of each of what the demo may have none of."""
    text = {"data_type": "text", "input_settings": {"input_type": "input"}}
    for kind in ("Ticket", "Customer"):
        for n in range(3):
            api.call("POST", "custom-fields", json={"object_type": kind, "label": f"Field {n}", "definition": text, "priority": n})
    for n in range(4):
        api.call("POST", "rules", json={"name": f"Rule {n}", "code": "", "event_types": "ticket-created"})
        api.call("POST", "jobs", json={"type": "exportTicket", "params": {}})


def full(tap):
    """Every stream, whole, in each of its orders and in small pages: always the same records."""
    copied = {}
    for stream in STREAMS:
        records = tap.sync(stream, copied)
        copied[stream.name] = records
        for order in stream.orders[1:] if stream.parent is None else ():
            again = tap.records(stream, stream.path, order, 7)
            # What happens meanwhile adds events; it takes nothing away.
            check(set(records) <= set(again), f"{stream.name} by {order}: lost {sorted(set(records) - set(again))[:5]}")
            check(stream.name in ("events", "jobs") or set(again) == set(records), f"{stream.name} by {order}: {len(again)} and {len(records)}")
        step(f"{stream.name}: {len(records)} records" + (f", the same in {len(stream.orders)} orders" if len(stream.orders) > 1 else ""))
    return copied


def children(tap, copied):
    """Lists below a record, which have no pages; and the same records by both ways to them."""
    check(set(copied["ticket_messages"]) == set(copied["messages"]), "the messages of all tickets are not all messages")
    n_tags, n_values = 0, 0
    for (ticket_id,), ticket in copied["tickets"].items():
        tags = tap.api.get(f"tickets/{ticket_id}/tags")["data"]
        check([tag["id"] for tag in tags] == [tag["id"] for tag in ticket["tags"]] or {tag["id"] for tag in tags} == {tag["id"] for tag in ticket["tags"]},
              f"the tags of ticket {ticket_id}: {tags}")
        n_values += len(tap.api.get(f"tickets/{ticket_id}/custom-fields")["data"])
        n_tags += len(tags)
        check(ticket["messages_count"] == sum(1 for message in copied["messages"].values() if message["ticket_id"] == ticket_id),
              f"ticket {ticket_id} has another number of messages than it says")
    for (customer_id,) in list(copied["customers"])[:10]:
        tap.api.get(f"customers/{customer_id}/custom-fields")
    for record in copied["messages"].values():
        check((record["ticket_id"],) in copied["tickets"], f"message {record['id']} of an unknown ticket")
    for record in copied["satisfaction_surveys"].values():
        check((record["customer_id"],) in copied["customers"], f"survey {record['id']} of an unknown customer")
    step(f"children: {n_tags} tags on tickets and {n_values} values of fields; every foreign key leads to a record")


def incremental(tap, copied):
    """A second run, from the state of the first."""
    by_name = {stream.name: stream for stream in STREAMS}
    state = {name: bookmark_of(by_name[name], copied[name]) for name in ("tickets", "customers", "messages", "events")}
    ticket_ids, customer_ids = [key[0] for key in copied["tickets"]][:5], [key[0] for key in copied["customers"]][:3]
    before = {name: {key for key, record in copied[name].items() if parse(record[by_name[name].replication_key]) >= state[name]} for name in state}

    for ticket_id in ticket_ids:
        tap.api.call("PUT", f"tickets/{ticket_id}", json={"subject": "Changed between two runs"})
    made = tap.api.call("POST", "tickets", json={"subject": "New between two runs", "customer": {"email": "newcomer@example.com"}, "messages": [
        {"channel": "api", "via": "api", "from_agent": False, "body_text": "Hello", "sender": {"email": "newcomer@example.com"}}]})
    for customer_id in customer_ids:
        tap.api.call("PUT", f"customers/{customer_id}", json={"note": "Changed between two runs"})

    changed = {name: tap.sync_since(by_name[name], bookmark) for name, bookmark in state.items()}
    new = {name: set(records) - before[name] for name, records in changed.items()}
    check(before["tickets"] <= set(changed["tickets"]) and {(ticket,) for ticket in ticket_ids} | {(made["id"],)} <= set(changed["tickets"]),
          f"tickets: {sorted(changed['tickets'])}")
    check({(customer,) for customer in customer_ids} | {(made["customer"]["id"],)} <= set(changed["customers"]), f"customers: {changed['customers']}")
    check(new["messages"] == {(made["messages"][0]["id"],)}, f"messages: {new['messages']}")
    check(len(changed["tickets"]) <= len(before["tickets"]) + 6, f"{len(changed['tickets'])} tickets for 6 changes")
    step("the second run finds by updated_datetime what was changed and made since, and little more")

    since = copied["events"][max(copied["events"])]["created_datetime"]
    later = {record["id"] for page in tap.pages("events", **{"limit": 50, "order_by": "created_datetime:asc", "created_datetime[gt]": since})
             for record in page["data"]}
    kinds = {record["type"] for key, record in changed["events"].items() if key[0] in later}
    check({"ticket-created", "ticket-message-created", "customer-created"} <= kinds, f"events since {since}: {kinds}")
    step("events since a time are asked for by created_datetime[gt]")


def kept_cursor(tap):
    """A cursor that a tap keeps between runs is good days later, and shows what was added behind it."""
    cursors = [page["meta"]["next_cursor"] for page in tap.pages("tags", limit=5, order_by="created_datetime:asc")]
    kept = [cursor for cursor in cursors if cursor][-1]
    first = tap.api.get("tags", cursor=kept, limit=5)["data"]
    made = tap.api.call("POST", "tags", json={"name": "behind the cursor"})
    second = [tag["id"] for page in [tap.api.get("tags", cursor=kept, limit=100)] for tag in page["data"]]
    check(second == [tag["id"] for tag in first] + [made["id"]], f"{second}")
    back = tap.api.get("tags", cursor=kept, limit=5)["meta"]["prev_cursor"]
    check(back is not None, "no way back from a later page")
    tap.api.call("GET", "tickets", 400, params={"cursor": kept})
    tap.api.call("GET", "tags", 400, params={"cursor": kept[:-2] + "AA"})
    step("a cursor is kept between two runs; one of another list, and one that was changed, are refused")


def items_of_a_view(tap):
    """A tap makes a private view of its own, reads its items by the addresses in their meta, and takes it away again."""
    me = tap.api.get("users/0")["id"]
    view = tap.api.call("POST", "views/", json={"slug": "warehouse", "type": "ticket-list", "category": "user", "visibility": "private", "shared_with_users": [me],
                                               "filters": "eq(ticket.status, 'open')", "order_by": "updated_datetime", "order_dir": "asc"})
    seen, extra = [], {}
    while True:
        page = tap.api.get(f"views/{view['id']}/items", limit=7, **extra)
        seen += [ticket["id"] for ticket in page["data"]]
        following = page["meta"]["next_items"]
        if following is None:
            break
        # The whole address goes through a parser of queries: the first key keeps the path glued to it.
        query = parse_qs(following)
        extra = {"cursor": query["cursor"][0], "ignored_item": query["ignored_item"][0], "direction": "next"}
        check(len(seen) < 1000, "the items of a view do not end")
    open_ones = {ticket["id"] for page in tap.pages("tickets", limit=100) for ticket in page["data"]
                 if ticket["status"] == "open" and not ticket["spam"] and not ticket["trashed_datetime"]}
    check(len(seen) == len(set(seen)) and set(seen) == open_ones, f"{len(seen)} items, {len(set(seen))} different, {len(open_ones)} open tickets")
    tap.api.call("DELETE", f"views/{view['id']}/", 204)
    step(f"a private view, its {len(seen)} items by next_items, and the view is gone")


def main():
    with demo() as info:
        token = install(info, SCOPES)
        tap = Tap(Api(info, token["access_token"]))
        furnish(tap.api)
        check(tap.api.get("account")["domain"] == info["account"], "the connection test")
        step("installed; the connection test answers")
        copied = full(tap)
        children(tap, copied)
        incremental(tap, copied)
        kept_cursor(tap)
        items_of_a_view(tap)
    print("the tap's journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
