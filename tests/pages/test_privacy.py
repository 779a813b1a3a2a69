"""Privacy at the record as it is used: what stands hidden on the card, and what one click shows of it."""

from crm import customers, exports, notifications, settings
from tests.cast import ADDRESS, EMAIL, PHONE, a_call, a_customer
from tests.pages.screen import field, opened, part, press, rows, texts


def contact_data(at):
    return part(at, "facts")["boxes"][0]


def asked(address: str) -> str:
    return address.partition("do=")[2].partition("&")[0]


def in_dialog(at) -> list[str]:
    """Return the buttons of the dialog; the card has some of its own for whoever may verify or ask for what is missing."""
    return [one.label for one in at.button if one.label != "Verified today" and not one.label.endswith("for it")]


# --- hidden contact data --------------------------------------------------------


def test_what_is_hidden_can_be_shown_with_one_click_and_is_gone_with_the_next(cast):
    key = a_customer(cast, "mate")
    at = opened("customer", cast.rep, id=key)
    box = contact_data(at)
    assert PHONE not in texts(at)
    assert next((label, asked(address)) for label, address, _ in box["links"]) == ("Show", "show")
    at = opened("customer", cast.rep, id=key, do="show")
    box = contact_data(at)
    assert [value for _, value, _ in box["lines"]] == [PHONE, EMAIL, ADDRESS]
    assert box["note"] == "Shown for a minute. That you saw it is noted."
    assert box["brief"]["seconds"] == 60
    assert "•" in box["brief"]["lines"][0][1]
    assert "do" not in at.query_params, "a reload does not show it again"
    kept = str([vars(one) for one in at.session_state["_memory"].watched.values()])
    assert "•" in kept
    assert PHONE not in kept
    assert EMAIL not in kept
    at.run()
    assert PHONE not in texts(at)
    assert contact_data(at)["brief"] is None


def test_the_responsible_sees_everything_and_is_offered_nothing_to_show(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key)
    assert "Show" not in [label for label, _, _ in contact_data(at)["links"]]
    again = opened("customer", cast.rep, id=key, do="show")
    assert contact_data(again)["brief"] is None
    assert PHONE in texts(again)


def test_who_may_not_have_it_shown_is_not_offered_it_and_refused_by_its_address(cast):
    key = a_customer(cast, "mate")
    assert "Show" not in [label for label, _, _ in contact_data(opened("customer", cast.marketer, id=key))["links"]]
    at = opened("customer", cast.marketer, id=key, do="show")
    assert PHONE not in texts(at)
    assert "Your role does not allow this" in str(at.session_state["_said"])


def test_too_many_are_refused_with_a_sentence(cast):
    first, second = a_customer(cast, "mate", name="First"), a_customer(cast, "mate", name="Second")
    with cast.unit(cast.admin) as u:
        settings.change(u, "contact_data_per_hour", "1")
    opened("customer", cast.rep, id=first, do="show")
    at = opened("customer", cast.rep, id=second, do="show")
    assert PHONE not in texts(at)
    assert "whoever leads your team has been told" in str(at.session_state["_said"])


# --- asking for a change --------------------------------------------------------


def test_who_may_not_change_personal_data_asks_and_the_record_keeper_answers(cast):
    key = a_customer(cast, "rep", name="Alpha")
    box = contact_data(opened("customer", cast.rep, id=key))
    assert [(label, asked(address)) for label, address, _ in box["links"]] == [("Ask for a change", "ask")]
    assert contact_data(opened("customer", cast.keeper, id=key))["links"] == []

    at = opened("customer", cast.rep, id=key, do="ask")
    press(at, "Ask the record keeper")
    assert "Please write what is to be changed." in texts(at)
    field(at, "text").set_value("New phone: +7 916 765-43-21")
    press(at, "Ask the record keeper")
    assert "New phone" in texts(opened("customer", cast.rep, id=key, do="ask")), "what waits already is told"
    assert "New phone" not in texts(opened("customer", cast.mate, id=key, do="ask"))

    at = opened("requests", cast.keeper)
    assert part(at, "head")["figures"][0] == ["Open", "1"]
    assert rows(at, "requests")[0][:3] == ["Alpha", "New phone: +7 916 765-43-21", "Ivan Rep"]
    address = part(at, "requests")["rows"][0]["href"]
    at = opened("requests", cast.keeper, do="request", request=address.rpartition("=")[2])
    assert part(at, "request")["boxes"][0]["links"][0][1] == f"/customer?id={key}&do=personal"
    form = opened("customer", cast.keeper, id=key, do="personal")
    assert "New phone: +7 916 765-43-21" in str(part(form, "waiting-requests")), "it stands above the form that does it"
    field(at, "answer").set_value("Changed.")
    press(at, "Answer and close")
    assert rows(opened("requests", cast.keeper), "requests") == []
    assert rows(opened("requests", cast.keeper, tab="done"), "requests")[0][-1] == "Changed."
    with cast.unit(cast.rep) as u:
        (notice,) = notifications.latest(u)
    at = opened("customer", cast.rep, **notice.query)
    assert "Changed." in texts(at)
    assert "Changed." not in texts(opened("customer", cast.mate, **notice.query))


def test_the_forms_own_address_leads_who_may_not_use_it_to_asking(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key, do="personal")
    assert field(at, "text") is not None
    assert in_dialog(at) == ["Ask the record keeper"]


# --- which data are kept ----------------------------------------------------------


def test_everything_kept_about_a_customer_is_written_from_the_card(cast):
    key = a_customer(cast, "rep", name="Alpha")
    for who in (cast.keeper, cast.admin):
        acts = [act["label"] for act in part(opened("customer", who, id=key), "head")["acts"]]
        assert "Personal data" in acts
        at = press(opened("customer", who, id=key, do="personal-data"), "Write the file")
        (link,) = [one.proto.url for one in at.get("link_button")]
        with cast.unit(who) as u:
            assert [f"/export/person/{one.stored_as}" for one in exports.of_person(u, key, None)] == [link]
    assert "Personal data" not in [act["label"] for act in part(opened("customer", cast.rep, id=key), "head")["acts"]]
    assert in_dialog(opened("customer", cast.rep, id=key, do="personal-data")) == []


# --- erasing ----------------------------------------------------------------------


def test_erasing_says_what_goes_and_what_stays_and_wants_the_number_as_a_sign(cast):
    key = a_customer(cast, "rep", name="Alpha")
    a_call(cast, key, note="Wants a lamp")
    offered = str(part(opened("customer", cast.keeper, id=key, do="personal-data"), "erase"))
    assert "do=erase" in offered
    at = opened("customer", cast.keeper, id=key, do="erase")
    said = texts(at)
    assert "notes of the card and of every contact" in said
    assert f"under 'Erased customer {key}'" in said
    assert "It cannot be undone" in at.warning[0].value
    press(at, "Erase for good")
    assert "This is not the number." in texts(at)
    with cast.unit() as u:
        assert customers.one(u, key).name == "Alpha"
    field(at, "confirm").set_value(str(key))
    press(at, "Erase for good")
    at = opened("customer", cast.keeper, id=key)
    assert part(at, "head")["title"] == f"Erased customer {key}"
    assert "Wants a lamp" not in texts(at)
    assert PHONE not in texts(at)
    assert "Erased, because: The person asked for it" in texts(opened("customer", cast.keeper, id=key, tab="history"))
    assert rows(opened("customers", cast.keeper), "customers") == []


def test_nobody_else_is_offered_the_erasure_nor_finds_it_by_its_address(cast):
    key = a_customer(cast, "rep", name="Alpha")
    for who in (cast.rep, cast.leader, cast.service):
        assert in_dialog(opened("customer", who, id=key, do="erase")) == []
