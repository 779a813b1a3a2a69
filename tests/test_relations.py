"""Relations: told from both sides in the right words, and never more of a customer out of sight than whose it is."""

import pytest
from sqlalchemy import select

from crm import audit, privacy, relations
from crm.core.errors import Invalid, NotFound, Refused
from crm.invariants import invariants
from crm.relations import KINDS, OTHER_WAY, Kind, Relation
from tests.cast import PARTS, Cast, a_customer, a_relation
from tests.support.meeting import at_once

RIVAL = PARTS["rival"].id


def of(cast: Cast, key: int, by: str = "rep") -> list[tuple]:
    with cast.unit(getattr(cast, by)) as u:
        return [(one.kind, one.id, one.name, one.responsible_id) for one in relations.of(u, key)]


def whole(cast: Cast) -> list[str]:
    with cast.database.reader.connect() as connection:
        return invariants(connection)


def test_every_kind_has_its_other_side():
    assert set(OTHER_WAY) == set(Kind) == set(KINDS)
    assert all(OTHER_WAY[OTHER_WAY[kind]] is kind for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_relation_is_told_from_both_sides(cast, kind):
    one, other = a_customer(cast, name="One"), a_customer(cast, "mate", name="Other")
    with cast.unit(cast.rep) as u:
        relations.link(u, one, other, kind)
    assert of(cast, one) == [(kind, other, "Other", PARTS["mate"].id)]
    assert of(cast, other) == [(OTHER_WAY[kind], one, "One", PARTS["rep"].id)]
    assert whole(cast) == []


def test_taken_away_it_is_gone_from_both_sides_from_whichever_it_is_taken(cast):
    one, other = a_customer(cast), a_customer(cast)
    a_relation(cast, one, other)
    with cast.unit(cast.rep) as u:
        (back,) = relations.of(u, other)
        relations.unlink(u, back.relation_id)
    assert of(cast, one) == of(cast, other) == []


def test_of_two_relations_one_can_be_taken_away(cast):
    one, other = a_customer(cast), a_customer(cast)
    a_relation(cast, one, other, "partner")
    key = a_relation(cast, one, other, "subsidiary")
    with cast.unit(cast.rep) as u:
        relations.unlink(u, key)
    assert [row[0] for row in of(cast, one)] == [row[0] for row in of(cast, other)] == ["partner"]


def test_what_makes_no_sense_is_refused_at_its_field(cast):
    one, other = a_customer(cast), a_customer(cast)
    a_relation(cast, one, other, "subsidiary")
    for who, kind, field in (
        (one, "partner", "other"),
        (other, "subsidiary", "other"),
        (other, "parent", "other"),
        (other, "cousin", "kind"),
    ):
        with pytest.raises(Invalid) as caught, cast.unit(cast.rep) as u:
            relations.link(u, one, who, kind)
        assert caught.value.field == field
    with pytest.raises(Invalid), cast.unit(cast.rep) as u:
        relations.link(u, other, one, "parent")


def test_two_who_link_the_same_at_once_make_one_relation(cast):
    one, other = a_customer(cast), a_customer(cast)
    errors = at_once(
        cast,
        (cast.rep, lambda u: relations.link(u, one, other, "partner")),
        (cast.keeper, lambda u: relations.link(u, other, one, "partner")),
    )
    assert len(errors) == 1
    assert len(of(cast, one)) == len(of(cast, other)) == 1


def test_of_a_related_customer_out_of_sight_one_learns_only_whose_it_is(cast):
    mine, hidden = a_customer(cast), a_customer(cast, "rival", name="Secret Ltd", city="Perm")
    key = a_relation(cast, mine, hidden)
    assert of(cast, mine) == [("subsidiary", None, "", RIVAL)]
    assert of(cast, hidden) == [], "and nothing from its own side"
    assert of(cast, hidden, "rival") == [("parent", None, "", PARTS["rep"].id)]
    with cast.unit(cast.rep) as u:
        (one,) = relations.of(u, mine)
        assert (one.city, one.stage) == (None, "")
        history = audit.history(u, "customers", mine)
    assert "Secret" not in str(history.to_dict())
    with cast.unit(cast.rep) as u:
        relations.unlink(u, key)
    assert of(cast, hidden, "rival") == []
    assert whole(cast) == []


def test_nobody_links_whom_he_does_not_see_or_may_not_change(cast):
    mine, mates, hidden = a_customer(cast), a_customer(cast, "mate"), a_customer(cast, "rival")
    for first, second, fault in (
        (mine, hidden, NotFound),
        (hidden, mine, NotFound),
        (mates, mine, Refused),
        (mine, 999_999, NotFound),
    ):
        with pytest.raises(fault), cast.unit(cast.rep) as u:
            relations.link(u, first, second, "partner")
    other = a_relation(cast, mates, mine)
    for by in ("rep", "service", "marketer", "rival"):
        with pytest.raises((Refused, NotFound)), cast.unit(getattr(cast, by)) as u:
            relations.unlink(u, other)
    assert len(of(cast, mates)) == 1


def test_no_door_leads_round_the_verbs(cast):
    mine, hidden = a_customer(cast), a_customer(cast, "rival")
    facts = {"kind": "partner", "made_at": cast.now}
    with pytest.raises(Refused), cast.unit(cast.rep) as u, u.acting("test.attack", "customers.edit"):
        u.add(Relation(customer_id=hidden, other_id=mine, **facts))
    a_relation(cast, hidden, mine)
    with cast.unit(cast.rep) as u:
        assert [row["customer_id"] for row in u.rows(select(Relation.customer_id))] == [mine]


def test_both_histories_tell_it_each_in_its_words(cast):
    one, other = a_customer(cast), a_customer(cast, "mate")
    with cast.unit(cast.rep) as u:
        relations.unlink(u, relations.link(u, one, other, "parent").id)
    for key, kind in ((one, "parent"), (other, "subsidiary")):
        with cast.unit(cast.rep) as u:
            changes = [each.get("relation") for each in audit.history(u, "customers", key)["changes"]]
        assert changes[:2] == [[kind, None], [None, kind]]


def test_erasing_takes_the_relations_away_from_both_sides(cast):
    gone, stays = a_customer(cast), a_customer(cast)
    a_relation(cast, gone, stays, "household")
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, gone, "asked")
    assert of(cast, stays) == []
    assert whole(cast) == []


def test_the_persons_own_file_names_the_relation_and_not_the_other(cast):
    one, other = a_customer(cast), a_customer(cast, name="Secret Ltd")
    a_relation(cast, one, other, "household")
    with cast.unit(cast.keeper) as u, u.acting("test.look", "privacy.export_person"):
        (held,) = [each for each in privacy.HOLDINGS if each.name == "relations"]
        (row,) = [dict(each) for each in privacy.person_file.rows_of(u, held, [one])]
    assert (row["kind"], row["other_id"]) == ("household", other)
