#!/usr/bin/env python3
"""What connectors of Gorgias do, call by call, with nothing changed but the base address.

Each function is one kind of connector: an app from the app store, a workflow tool, a copier of customers, a reporting tool, a phone or chat
bridge. They send what such clients send, also where it is clumsy: slashes at the end, whole objects sent back, bodies on DELETE, the client's
secret in the form.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python connectors_journey.py`.
"""

import sys

import requests

from gorgias_dialect import TIMEOUT, Api, install, token_request
from journey import Failed, app_of, check, demo, step


def app_from_the_store(info):
    """Installs, asks who it acts for, sets itself up in the account, and refreshes its token with the one refresh token it keeps."""
    token = install(info, "openid email profile offline account:read users:read customers:read integrations:read integrations:write tickets:read tickets:write")
    check(token["token_type"] == "Bearer" and token["expires_in"] > 0 and "id_token" in token, f"{sorted(token)}")
    api = Api(info, token["access_token"])
    me = api.get("users/0")
    check(me["email"] == info["people"]["admin"]["email"] and api.get("account")["domain"] == info["account"], f"{me}")
    hook = api.call("POST", "integrations", 201, json={"name": "Parcels", "type": "http", "http": {
        "url": "https://parcels.example.com/hooks?ticket={{ticket.id}}", "method": "POST", "request_content_type": "application/json",
        "response_content_type": "application/json", "headers": {"X-Key": "k"}, "form": {"customer": "{{ticket.customer.email}}"},
        "triggers": {"ticket-created": True, "ticket-updated": False}}})
    check(hook["http"]["triggers"]["ticket-created"] is True and "hmac_secret" not in hook["http"], f"{hook}")
    listed = api.get("integrations", type="http")
    check(hook["id"] in [one["id"] for one in listed["data"]] and "next_items" not in listed["meta"], f"{listed}")
    api.call("PUT", f"integrations/{hook['id']}", 200, json={"deactivated_datetime": "2026-01-01T00:00:00"})
    widget = api.call("POST", "widgets", 201, json={"type": "http", "context": "ticket", "integration_id": hook["id"], "order": 0,
                      "template": {"type": "wrapper", "widgets": [{"type": "card", "title": "Parcel", "path": "", "order": 0, "widgets": [
                          {"type": "text", "title": "Number", "path": "parcel.number", "order": 0}]}]}})
    api.call("DELETE", f"widgets/{widget['id']}", 204)
    api.call("DELETE", f"integrations/{hook['id']}", 204)

    fresh = token_request(info, grant_type="refresh_token", refresh_token=token["refresh_token"])
    check(fresh["access_token"] != token["access_token"] and "refresh_token" not in fresh and "id_token" not in fresh, f"{sorted(fresh)}")
    token_request(info, grant_type="refresh_token", refresh_token=token["refresh_token"])
    app, revoke = app_of(info, "gorgias", "confidential"), info["issuer"] + "/oauth/revoke"
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    answer = requests.post(revoke, data={**form, "token": token["refresh_token"]}, timeout=TIMEOUT)
    check(answer.status_code == 200, f"revocation: {answer.status_code} {answer.text}")
    answer = requests.post(info["issuer"] + "/oauth/token", data={**form, "grant_type": "refresh_token", "refresh_token": token["refresh_token"]}, timeout=TIMEOUT)
    check(answer.status_code == 400 and answer.json()["error"] == "invalid_grant", f"after the revocation: {answer.status_code} {answer.text}")
    step("an app is installed, knows who and where it is, refreshes with one token that stays, and is gone after its revocation")


def workflow_tool(info):
    """Looks a customer up, makes or changes it, opens a ticket, answers, notes, tags, assigns, closes. By API key."""
    admin = info["people"]["admin"]
    api = Api(info, basic=(admin["email"], admin["api_key"]))
    email, order = "wanda@example.com", "order-1001"
    check(api.get("customers", email=email)["data"] == [], "somebody is there already")
    made = api.call("POST", "customers/", 201, json={"email": email, "name": "Wanda Weaver", "external_id": "shop-77", "channels": [
        {"type": "email", "address": email, "preferred": True}, {"type": "phone", "address": "+4930123456"}]})
    api.call("POST", "customers", 409, json={"email": email})
    found = api.get("customers/", email=email)["data"] + api.get("customers", external_id="shop-77")["data"]
    check([one["id"] for one in found] == [made["id"]] * 2, f"{found}")
    # The whole object comes back, with one field changed.
    whole = api.get(f"customers/{made['id']}/")
    changed = api.call("PUT", f"customers/{made['id']}/", json={**whole, "note": "Orders by phone"})
    check(changed["note"] == "Orders by phone" and len(changed["channels"]) == 2, f"{changed}")
    check(api.call("PUT", f"customers/{made['id']}/data", 202, json={"data": {"orders": 3}}) is None, "a body")

    ticket = api.call("POST", "tickets/", 201, json={"customer": {"id": made["id"]}, "external_id": order, "subject": "Where is 1001?", "channel": "api", "via": "api",
                      "tags": [{"name": "Delivery"}], "messages": [{"channel": "api", "via": "api", "from_agent": False, "sender": {"email": email},
                                                                    "source": {"type": "api", "to": [], "from": {"address": email}}, "body_html": "<b>Where?</b>"}]})
    path = f"tickets/{ticket['id']}"
    check([one["id"] for one in api.get("tickets", external_id=order)["data"]] == [ticket["id"]], "the ticket is not found by its number")
    check(ticket["customer"]["email"] == email and ticket["messages"][0]["sender"]["id"] == made["id"], f"{ticket['customer']}")
    note = api.call("POST", f"{path}/messages/", 201, json={"channel": "internal-note", "from_agent": True, "via": "api", "body_text": "Asked the carrier",
                                                           "sender": {"email": admin["email"]}})
    check(note["public"] is False and note["receiver"] is None, f"{note}")
    sent = api.call("POST", f"{path}/messages", 201, json={"channel": "api", "from_agent": True, "via": "api", "body_text": "On its way", "sender": {"email": admin["email"]},
                                                          "receiver": {"id": made["id"]}, "sent_datetime": "2026-01-02T03:04:05"})
    check(sent["sent_datetime"] == "2026-01-02T03:04:05+00:00", f"{sent['sent_datetime']}")
    texts = [one["body_text"] for one in api.get("messages", ticket_id=ticket["id"], order_by="created_datetime:asc")["data"]]
    check(set(texts) >= {"Asked the carrier", "On its way"}, f"{texts}")

    check(api.call("POST", f"{path}/tags", 201, json={"names": ["Carrier", "delivery"]}) is None, "a body")
    check(api.call("PUT", f"{path}/tags/", 202, json={"names": ["Carrier", "VIP"]}) is None, "a body")
    check(api.call("DELETE", f"{path}/tags", 204, json={"names": ["VIP"]}) is None, "a body")
    check([tag["name"] for tag in api.get(f"{path}/tags")["data"]] == ["Carrier"], "the tags")
    me = api.get("users/0")["id"]
    whole = api.get(path)
    api.call("PUT", path, json={**whole, "assignee_user": {"id": me}, "priority": "high"})
    closed = api.call("PUT", path, json={"status": "closed"})
    check(closed["assignee_user"]["id"] == me and closed["priority"] == "high" and closed["closed_datetime"] and [tag["name"] for tag in closed["tags"]] == ["Carrier"], f"{closed}")
    api.call("PUT", path, json={"assignee_user": None, "snooze_datetime": "2099-01-01T00:00:00Z", "trashed_datetime": "2026-01-01T00:00:00"})
    check(ticket["id"] not in [one["id"] for one in api.get("tickets", customer_id=made["id"], trashed="false")["data"]], "the trash is listed")
    api.call("DELETE", path, 204)
    api.call("GET", path, 404)
    api.call("DELETE", "customers", 204, json={"ids": [made["id"]]})
    step("a workflow tool finds, makes and changes a customer, and takes a ticket from its first message to the trash")


def copier_of_customers(info):
    """Sorts by what changed last and stops early; merges two that are one."""
    token = install(info, "openid offline customers:read customers:write custom_fields:read custom_fields:write tickets:read tickets:write")
    api = Api(info, token["access_token"])
    one, other = (api.call("POST", "customers", 201, json={"name": f"Twin {n}", "email": f"twin{n}@example.com"})["id"] for n in (1, 2))
    newest = api.get("customers", order_by="updated_datetime:desc", limit=2)
    check({row["id"] for row in newest["data"]} == {one, other} and newest["meta"]["next_cursor"], f"{newest}")
    merged = api.call("PUT", "customers/merge", 200, params={"source_id": other, "target_id": one}, json={"name": "Twin"})
    check(merged["id"] == one and merged["name"] == "Twin" and {channel["address"] for channel in merged["channels"]} >= {"twin1@example.com", "twin2@example.com"}, f"{merged}")
    api.call("GET", f"customers/{other}", 404)

    field = api.call("POST", "custom-fields", 201, json={"object_type": "Ticket", "label": "Reason", "required": False, "definition": {
        "data_type": "text", "input_settings": {"input_type": "dropdown", "choices": ["Delivery::Late", "Refund"]}}})
    ticket = api.get("tickets", limit=1)["data"][0]["id"]
    values = api.call("PUT", f"tickets/{ticket}/custom-fields", 200, json=[{"id": field["id"], "value": "Delivery::Late"}])
    check(isinstance(values, list) and values[0]["field"]["id"] == field["id"], f"{values}")
    listed = api.get(f"tickets/{ticket}/custom-fields")["data"]
    check([value["value"] for value in listed] == ["Delivery::Late"], f"{listed}")
    shown = api.get(f"tickets/{ticket}", relationships="custom_fields")["custom_fields"]
    check(shown[str(field["id"])]["value"] == "Delivery::Late", f"{shown}")
    api.call("DELETE", f"tickets/{ticket}/custom-fields/{field['id']}", 204)
    step("a copier of customers stops at what it knows, merges twins, and sets the fields of a ticket")


def reporting_tool(info):
    """Surveys, statistics and events, each read only."""
    token = install(info, "openid offline satisfaction_survey:read statistics:read events:read tags:read")
    api = Api(info, token["access_token"])
    scored = [row for row in api.get("satisfaction-surveys", limit=100)["data"] if row["score"] is not None]
    check(all(1 <= row["score"] <= 5 and row["scored_datetime"] for row in scored), f"{scored[:2]}")
    rows = api.call("POST", "reporting/stats", 200, params={"limit": 1000}, json={"query": {"scope": "tickets-created", "timezone": "UTC", "measures": ["ticketCount"],
                    "dimensions": ["channel"], "filters": [{"member": "periodStart", "operator": "afterDate", "values": ["2026-08-01T00:00:00.000"]},
                                                          {"member": "periodEnd", "operator": "beforeDate", "values": ["2027-07-01T23:59:59.000"]}]}})
    check(rows["object"] == "list" and rows["data"] and all(row["channel"] and int(row["ticketCount"]) for row in rows["data"]), f"{rows}")
    old = api.call("POST", "stats/total-tickets-created", 200, json={"filters": {"period": {"start_datetime": "2026-08-01T00:00:00+00:00", "end_datetime": "2027-07-01T23:59:59+00:00"}}})
    check(isinstance(old["data"]["data"], list) and old["meta"]["previous_start_datetime"], f"{old}")
    # Brackets come plain from some clients, and encoded from others.
    for url in ("events?limit=5&created_datetime[gte]=2024-01-01T00:00:00", "events?limit=5&created_datetime%5Bgte%5D=2024-01-01T00:00:00"):
        check(len(api.call("GET", url)["data"]) == 5, url)
    api.call("GET", "events", 400, params={"object_type": "Ticket"})
    api.call("GET", "tickets", 403)
    step("a reporting tool reads surveys, both kinds of statistics and events, and nothing else")


def bridge(info):
    """A phone or chat bridge: brings what customers say and what was answered elsewhere, files with it, and looks people up by number."""
    token = install(info, "openid offline write:all")
    api = Api(info, token["access_token"])
    attachments = None
    uploaded = api.call("POST", "upload", 201, params={"type": "attachment"}, files=[("call.txt", ("call.txt", b"Hello?", "text/plain"))])
    check(isinstance(uploaded, list) and uploaded[0]["size"] == 6 and uploaded[0]["url"], f"{uploaded}")
    attachments = [{**uploaded[0]}]
    call = api.call("POST", "tickets", 201, json={"channel": "phone", "via": "aircall", "imported": True, "messages": [{
        "channel": "phone", "via": "aircall", "from_agent": False, "sender": {"name": "Cara Caller", "channels": [{"type": "phone", "address": "+4989555001"}]},
        "source": {"type": "phone", "from": {"address": "+4989555001"}, "to": [{"address": "+4930000"}]}, "body_text": "Missed call", "attachments": attachments,
        "created_datetime": "2026-02-03T04:05:06.789000Z", "external_id": "call-1"}]})
    check(call["channel"] == "phone" and call["messages"][0]["created_datetime"] == "2026-02-03T04:05:06.789000+00:00", f"{call['messages'][0]}")
    answered = api.call("POST", f"tickets/{call['id']}/messages", 201, params={"action": "force"}, json={
        "channel": "phone", "via": "aircall", "from_agent": True, "sender": {"id": api.get("users/0")["id"]}, "receiver": {"id": call["customer"]["id"]},
        "source": {"type": "phone", "from": {"address": "+4930000"}, "to": [{"address": "+4989555001"}]}, "body_text": "Called back", "sent_datetime": "2026-02-03T05:00:00Z"})
    check(answered["sent_datetime"] and not answered["failed_datetime"], f"{answered}")
    hits = api.call("POST", "search", 200, json={"type": "customer_channel_phone", "query": "+4989555001", "size": 5})
    hits = hits if isinstance(hits, list) else hits["data"]
    check([hit["address"] for hit in hits] == ["+4989555001"], f"{hits}")
    view = api.call("POST", "views", 201, json={"name": "Calls", "filters": "eq(ticket.channel, 'phone')"})
    items = api.get(f"views/{view['id']}/items", limit=1)
    check(call["id"] in [item["id"] for item in items["data"]] and "next_cursor" in items["meta"], f"{items['meta']}")
    api.call("DELETE", f"views/{view['id']}/", 204)
    macro = api.call("POST", "macros", 201, json={"name": "Call back", "actions": [{"name": "addTags", "title": "Tag", "type": "user", "arguments": {"tags": "phone"}}]})
    archived = api.call("PUT", "macros/archive", 200, json={"ids": [macro["id"]]})
    check(archived["data"][0]["status"] == "archived", f"{archived}")
    for path in ("phone/voice-calls", "phone/voice-call-events", "phone/voice-call-recordings"):
        check(isinstance(api.get(path)["data"], list), path)
    step("a bridge brings a call with its time, answers it, and finds the caller again")


def main():
    with demo() as info:
        for connector in (app_from_the_store, workflow_tool, copier_of_customers, reporting_tool, bridge):
            connector(info)
    print("the connectors' journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
