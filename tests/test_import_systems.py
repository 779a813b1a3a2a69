"""Exports of other systems and address cards: each is known by its headings, comes in rightly, or is refused with a way out."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from crm import imports
from crm.core.errors import Invalid
from crm.exports import Form
from crm.imports import files, guessing, mapping, presets
from crm.imports.files import Format
from tests.cast import ADDRESS, EMAIL, PHONE, Cast, a_customer
from tests.test_exports import empty, taken_out
from tests.test_imports import causes, counts, ran, record_of, staged, stored

HEADINGS = {
    "Bitrix24": (
        "ID;Обращение;Имя;Отчество;Фамилия;Тип контакта;Рабочий телефон;Мобильный телефон;Номер факса;Домашний телефон;Номер пейджера;Другой телефон;Корпоративный сайт;Рабочий e-mail;Частный e-mail;Другой e-mail;Компания;Должность;Комментарий;Ответственный;Кем создан",  # noqa: E501  as it comes
        "17;;Иван;Петрович;Иванов;Клиенты;+7 495 000-00-01;8 916 123-45-67;;;;;https://a.example;a@example.com;;;Ромашка;;Звонить утром;Kira Keeper;Kira Keeper",  # noqa: E501  as it comes
        {
            "name": "Иванов Иван Петрович",
            "kind": "person",
            "external_number": "17",
            "website": "https://a.example",
            "note": "Звонить утром",
        },
        ["+7 495 000-00-01", "+7 916 123-45-67"],
    ),
    "Bitrix24 companies": (
        "ID;Название компании;Тип компании;Сфера деятельности;Кол-во сотрудников;Рабочий телефон;Рабочий e-mail;Корпоративный сайт;Комментарий",  # noqa: E501  as it comes
        "5;ООО Ромашка;Клиент;Торговля;50;+7 495 000-00-01;a@example.com;https://a.example;",
        {"name": "ООО Ромашка", "kind": "company", "external_number": "5", "industry": "Торговля", "employees": 50},
        ["+7 495 000-00-01"],
    ),
    "amoCRM": (
        "ID,Тип,Наименование,Компания,Дата создания,Кем создан,Ответственный,Теги,Примечание 1,Рабочий телефон,Мобильный телефон,Рабочий email,Личный email,Адрес",  # noqa: E501  as it comes
        "9,Контакт,Анна Смирнова,Ромашка,01.09.2025,Kira Keeper,Kira Keeper,vip,Любит чай,+7 495 000-00-01,,anna@example.com,,Тверская 1",
        {
            "name": "Анна Смирнова",
            "kind": "person",
            "external_number": "9",
            "address": "Тверская 1",
            "note": "Любит чай",
        },
        ["+7 495 000-00-01"],
    ),
    "Zoho CRM": (
        "Record Id,Contact Owner,Lead Source,First Name,Last Name,Account Name,Email,Phone,Mobile,Mailing Street,Mailing City,Mailing State,Mailing Zip,Mailing Country,Description",  # noqa: E501  as it comes
        "zcrm_1,kira keeper,Trade Show,Grace,Hopper,Navy,grace@example.com,+1 650 253 0000,,1 Main St,Arlington,VA,22201,USA,Notes",
        {
            "name": "Grace Hopper",
            "kind": "person",
            "external_number": "zcrm_1",
            "city": "Arlington",
            "address": "1 Main St, 22201",
        },
        ["+1 650-253-0000"],
    ),
    "Zoho CRM accounts": (
        "Record Id,Account Owner,Account Name,Phone,Website,Industry,Employees,Billing Street,Billing City,Billing Country",
        "zcrm_2,Kira Keeper,Acme,+1 650 253 0000,https://acme.example,Trade,12,1 Main St,Arlington,USA",
        {"name": "Acme", "kind": "company", "external_number": "zcrm_2", "country": "USA", "employees": 12},
        ["+1 650-253-0000"],
    ),
    "Salesforce": (
        "Id,FirstName,LastName,Email,Phone,MobilePhone,MailingStreet,MailingCity,MailingCountry,AccountId,OwnerId,Description",
        "003xx1,Grace,Hopper,grace@example.com,+1 650 253 0000,,1 Main St,Arlington,USA,001xx,005xx,Text",
        {"name": "Grace Hopper", "kind": "person", "external_number": "003xx1", "city": "Arlington", "note": "Text"},
        ["+1 650-253-0000"],
    ),
    "Google, before 2024": (
        "Name,Given Name,Additional Name,Family Name,Notes,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Address 1 - Street,Address 1 - City",  # noqa: E501  as it comes
        "Иван Петров,Иван,,Петров,Друг,* Home,a@example.com,Mobile,+7 916 123-45-67 ::: +7 495 000-00-01,Тверская 1,Москва",
        {"name": "Петров Иван", "kind": "person", "city": "Москва", "note": "Друг"},
        ["+7 916 123-45-67", "+7 495 000-00-01"],
    ),
    "Google, in Russian": (
        "Имя,Отчество,Фамилия,Заметки,Эл. почта 1 - Значение,Телефон 1 - Значение,Адрес 1 - Город",
        "Иван,Петрович,Иванов,Друг,a@example.com,+7 916 123-45-67,Москва",
        {"name": "Иванов Иван Петрович", "kind": "person", "city": "Москва", "note": "Друг"},
        ["+7 916 123-45-67"],
    ),
}


def one_of(cast: Cast, content: str | bytes, name: str = "export.csv") -> dict[str, Any]:
    """Import a file of one customer with the proposed mapping and return it as it is stored."""
    done = ran(cast, staged(cast, content, name))
    assert counts(done) == (1, 0, 0, 0), causes(cast, done.id)
    (found,) = stored(cast)
    return found


@pytest.mark.parametrize("system", HEADINGS)
def test_the_export_of_a_known_system_comes_in_with_its_ready_mapping(cast, system):
    heading, row, expected, phones = HEADINGS[system]
    found = one_of(cast, f"{heading}\n{row}\n")
    assert {key: found[key] for key in expected} == expected
    assert [one["number"] for one in found["phones"]] == phones
    assert len(found["emails"]) == row.count("@")
    preset = presets.of(heading.split(";" if ";" in heading else ","))
    assert preset is not None
    assert system.startswith(preset.name)


@pytest.mark.parametrize(
    ("system", "heading"),
    [
        ("HubSpot", "Record ID,Deal Name,Deal Stage,Amount"),
        ("Bitrix24", "ID,Название сделки,Стадия сделки,Сумма"),
        ("Zoho CRM", "Record Id,Deal Owner,Deal Name,Stage"),
        ("Salesforce", "Id,Name,AccountId,StageName,CloseDate"),
    ],
)
def test_a_file_of_deals_is_refused_with_the_way_to_customers(cast, system, heading):
    with pytest.raises(Invalid) as refused:
        staged(cast, f"{heading}\n1,2,3,4,5\n")
    assert (
        str(refused.value)
        == f"This file holds deals, not customers. Export contacts or companies from {system} and import that file."
    )
    assert refused.value.field == "file"


def test_every_field_of_a_ready_mapping_exists():
    wrong = [
        (one.name, set(one.columns) - set(mapping.FIELDS))
        for one in presets.PRESETS
        if set(one.columns) - set(mapping.FIELDS)
    ]
    assert wrong == []


def test_headings_of_nobody_are_recognised_as_nobodys():
    for heading in (
        ["name", "phone"],
        ["Имя", "Телефон"],
        ["姓名", "手机"],
        ["Id", "Name"],
        ["First Name", "Last Name", "Email"],
    ):
        assert presets.of(heading) is None, heading


# --- real files -------------------------------------------------------------------


def folder_of(real_data: Path) -> Path:
    return real_data / "crm_formats"


def test_the_real_files_of_other_systems_come_in_rightly(cast, real_data):
    expected = {
        "amocrm_leads.csv": ("amoCRM", (4, 0, 0, 0)),
        "amocrm_leads.xlsx": ("amoCRM", (4, 0, 0, 0)),
        "google_contacts_2024.csv": ("Google", (1, 0, 0, 0)),
        "hubspot_companies.csv": ("HubSpot", (3, 0, 0, 0)),
        "hubspot_contacts.csv": ("HubSpot", (1, 0, 0, 2)),  # two have addresses under .test, which nobody can have
        "hubspot_contacts_dupes.csv": ("HubSpot", (4, 0, 0, 1)),
        "hubspot_contacts_tags.csv": ("HubSpot", (2, 0, 0, 0)),
    }
    found = {}
    for name in expected:
        import_id = staged(cast, (folder_of(real_data) / name).read_bytes(), name, on_match="create")
        system = presets.of(record_of(cast, import_id).headings)
        found[name] = (system and system.name, counts(ran(cast, import_id)))
    assert found == expected
    names = {row["name"] for row in stored(cast)}
    assert {
        "Анна Смирнова",
        "Grace Brewster Hopper",
        "Harbour Lotteries Ltd",
        "noname@example.com",
        "Camille Durand",
    } <= names


def test_the_columns_of_salesforce_are_known(real_data):
    columns = (folder_of(real_data) / "salesforce_account_columns.txt").read_text().strip().split(",")
    found = guessing.guess(columns, [])
    assert found.columns == {
        "Id": "external_number", "Name": "name", "BillingStreet": "address", "BillingCity": "city", "BillingState": "region",
        "BillingPostalCode": "address", "BillingCountry": "country", "Phone": "phones", "Website": "website", "Industry": "industry",
        "NumberOfEmployees": "employees", "Description": "note", "AccountSource": "source_detail",
    }  # fmt: skip
    assert found.fixed["kind"] == "company"


# --- address cards ------------------------------------------------------------------


def test_real_address_cards_come_in_rightly(cast, real_data):
    expected = {
        "android_oppo_zh_structure_only.vcf": [
            ("张伟", ["+86 138 0000 0001"]),
            ("李娜", ["+86 138 0000 0002"]),
            ("李娜", ["+86 138 0000 0002"]),
        ],
        "android_ru_21_and_30.vcf": [
            ("Иван Иванов", ["+7 916 123-45-67", "+7 495 000-00-00"]),
            ("Mama", ["+7 903 111-22-33"]),
        ],
        "ru_mixed_30_40.vcf": [("Анна", ["+7 900 000-00-01"])],
        "uk_broken_folding_21.vcf": [("Ссістр", ["+380 68 123 0123"]), ("СоОя Дашина сістр", ["+380 68 111 0111"])],
    }
    # the second card of ru_mixed has an address under .test, which nobody can have: it comes back as a faulty row
    for name, customers in expected.items():
        content = (real_data / "ical_vcard" / name).read_bytes()
        before = len(stored(cast))
        region = "CN" if "zh" in name else "RU"
        ran(cast, staged(cast, content, name, on_match="create", phone_region=region))
        found = [(row["name"], [one["number"] for one in row["phones"]]) for row in stored(cast)[before:]]
        assert [one for one in found if one[0] != "No phone"] == customers, name


def test_every_file_of_the_folder_is_read_or_refused_with_a_sentence(cast, real_data):
    paths = sorted((real_data / "ical_vcard" / "vobject").iterdir())
    cards = [path for path in paths if b"BEGIN:VCARD" in path.read_bytes().upper()]
    assert (len(paths), len(cards)) == (25, 3)
    for path in set(paths) - set(cards):
        with pytest.raises(Invalid, match="This is a calendar"):
            staged(cast, path.read_bytes(), path.name)
    for path in cards:
        import_id = staged(cast, path.read_bytes(), path.name)
        assert record_of(cast, import_id).format == Format.VCARD
        new, _, _, faulty = counts(ran(cast, import_id))
        assert (new, faulty) == ((0, 1) if path.name == "simple_3_0_test.ics" else (1, 0)), path.name
        if faulty:
            assert causes(cast, import_id) == {2: "phones: '+01-(0)2-876.54.32' is not a phone number."}
    assert "Meister Berger" in {row["name"] for row in stored(cast)}


def test_a_card_becomes_a_customer_with_all_that_it_says(cast):
    text = (
        "BEGIN:VCARD\nVERSION:3.0\nFN:Acme\nORG:Acme\nTEL:8 916 123-45-67\nEMAIL:a@example.com\n"
        "ADR:;;Main St 1;Kazan;Tatarstan;420000;Russia\nURL:https://acme.example\nNOTE:one\\ntwo\nBDAY:1990-01-01\nEND:VCARD\n"
    )
    found = one_of(cast, text, "contacts.vcf")
    expected = {
        "name": "Acme", "kind": "company", "source": "file", "address": "Main St 1, 420000", "city": "Kazan", "region": "Tatarstan",
        "country": "Russia", "website": "https://acme.example", "note": "one\ntwo", "extra": {"ORG": "Acme", "BDAY": "1990-01-01"},
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected


def test_an_exported_card_comes_back(cast):
    a_customer(cast, name="Acme, Inc; Ltd", city="Kazan", note="two\nlines", website="https://acme.example")
    content = taken_out(cast, form=Form.VCARD).path.read_bytes()
    empty(cast)
    found = one_of(cast, content, "out.vcf")
    assert (found["name"], found["kind"], found["city"], found["address"], found["note"]) == (
        "Acme, Inc; Ltd", "company", "Kazan", ADDRESS, "two\nlines",
    )  # fmt: skip
    assert ([one["number"] for one in found["phones"]], [one["address"] for one in found["emails"]]) == (
        [PHONE],
        [EMAIL],
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_cards_in_other_encodings_are_read(cast, encoding):
    text = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Иванов Пётр Сергеевич\r\nNOTE:Звонить утром\r\nEND:VCARD\r\n"
    assert one_of(cast, text.encode(encoding), "contacts.vcf")["name"] == "Иванов Пётр Сергеевич"


def test_cards_under_another_ending_are_known_and_others_under_theirs_refused(cast):
    assert one_of(cast, "BEGIN:VCARD\nFN:A\nEND:VCARD\n", "contacts.txt")["name"] == "A"
    with pytest.raises(Invalid, match="does not fit its name"):
        staged(cast, "name,phone\nA,1\n", "contacts.vcf")
    with pytest.raises(Invalid, match="This is a calendar"):
        staged(cast, "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "meetings.ics")


def test_faulty_cards_come_back_as_a_table_that_can_be_corrected(cast):
    text = "BEGIN:VCARD\nFN:A\nTEL:no phone at all\nEND:VCARD\nBEGIN:VCARD\nFN:B\nTEL:8 916 123-45-67\nEND:VCARD\n"
    import_id = staged(cast, text, "contacts.vcf")
    assert counts(ran(cast, import_id)) == (1, 0, 0, 1)
    with cast.unit(cast.keeper) as u:
        content = imports.faults_file(u, import_id, str, {}).decode("utf-8-sig")
    assert counts(ran(cast, staged(cast, content.replace("no phone at all", "8 916 000-00-01"), "faults.csv"))) == (
        1,
        0,
        0,
        0,
    )
    assert files.SUFFIXES[".vcf"] == Format.VCARD


CHINESE = "BEGIN:VCARD\nVERSION:3.0\nN:王;伟;;;\nFN:王伟\nTEL:13800138000\nEND:VCARD\n"


@pytest.mark.parametrize(
    ("content", "name", "digits"),
    [
        (CHINESE, "phone.vcf", "8613800138000"),
        (
            "First Name,Last Name,E-mail 1 - Value,Phone 1 - Value\nさくら,山田,a@example.com,090-1234-5678\n",
            "g.csv",
            "819012345678",
        ),
        (
            "First Name,Last Name,E-mail 1 - Value,Phone 1 - Value\nАнна,Иванова,a@example.com,8 916 123-45-67\n",
            "g.csv",
            "79161234567",
        ),
    ],
)
def test_the_writing_of_the_names_tells_the_country_of_phones_without_a_code(cast, content, name, digits):
    assert [one["digits"] for one in one_of(cast, content, name)["phones"]] == [digits]


PAYLOADS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "|calc", "'=x", "''", "＝1+1", "=cmd|' /C calc'!A0", "\u200b=1", "' OR 1=1--"),
    *('"; DROP TABLE x;--', "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{7*7}}", "${7*7}", "%s%n"),
    *("{0}", "../../etc/passwd", "javascript:alert(1)", "NA", "null", "None", "TRUE", "007", "1e5", "03/04/05"),
    *(
        "１２３",
        "İstanbul",
        "ﬁn",
        "\u202eabc",
        "a\u0301",
        "👨\u200d👩\u200d👧",
        "한글",
        "\ufeffx",
        "😀" * 50,
        "a,b;c|d",
    ),
    *("line one\nline two", "tab\tinside", "\\N", "\x7f\x01", "x" * 200),
]


def test_every_cell_comes_back_exactly_as_text_whatever_it_says(cast):
    """Stored as it is said, exported so that no spreadsheet runs it, and read again as it was."""
    texts = ["name", "city", "region", "source_detail", "industry", "website", "note", "need"]
    written = io.StringIO(newline="")
    csv.writer(written).writerow([*texts, "own heading"])
    csv.writer(written).writerows([f"n{text}n", *[text] * len(texts)] for text in PAYLOADS)
    plan = {"columns": {key: key for key in texts}, "keep_own_fields": True}
    done = ran(cast, staged(cast, written.getvalue(), **plan))
    assert counts(done) == (len(PAYLOADS) - 1, 0, 0, 1)  # the longest name has two signs too many
    rows = stored(cast)
    for text, row in zip(PAYLOADS, rows, strict=False):
        assert row["name"] == f"n{text}n"
        assert {row[key] for key in texts[1:]} | {row["extra"]["own heading"]} == {text.strip()}
    content = taken_out(cast).path.read_text(encoding="utf-8-sig")
    cells = [cell for line in csv.reader(io.StringIO(content, newline="")) for cell in line]
    assert not [cell for cell in cells if files._STARTS_FORMULA.match(cell)]


def test_what_a_database_cannot_hold_never_stops_an_import(cast):
    """Signs of nothing are taken out; a file with half of a sign in it is no UTF-8 and read as what it could be."""
    rows = "".join(f"Name {n},note {n}\n" for n in range(50))
    done = ran(cast, staged(cast, f"name,note\nA\x00B,x\x00y\n{rows}"))
    assert counts(done) == (51, 0, 0, 0)
    assert (stored(cast)[0]["name"], stored(cast)[0]["note"]) == ("AB", "xy")
    halves = f"name,note\n{rows}C,\ud800\n".encode("utf-8", "surrogatepass")
    done = ran(cast, staged(cast, halves, fixed={"kind": "person"}))
    assert done.next_row == done.row_count == 51
