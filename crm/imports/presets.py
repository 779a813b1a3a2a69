"""Ready mappings: the exports of other systems, known by their headings, in the languages that they come in.

Promises: a heading is compared without case, signs and numbers, so that 'E-mail 1 - Value' and 'Email value' are one; what
a system exports that are no customers (deals) is refused with the way to those that are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.customers import Kind


@dataclass(frozen=True)
class Preset:
    """What one system exports: by which headings it is known, and what its columns become.

    name: the system's own name. known_by: headings of which all are there; alternatives go with `|`. columns: field -> the
    headings that become it, with `|` between them. template: the heading whose value names a customer that has no name.
    refusal: why such a file is not imported, '' where it is.
    """

    name: str
    known_by: str
    columns: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = Kind.PERSON
    template: str = ""
    refusal: str = ""
    keep_own_fields: bool = False

    def fits(self, headings: frozenset[str]) -> bool:
        """Say whether a table with these plain headings is such an export."""
        return all(any(plain(one) in headings for one in each.split("|")) for each in self.known_by.split(", "))

    def fields(self, headings: Sequence[str]) -> dict[str, str]:
        """Return heading -> field of a table."""
        by_word = {plain(one): key for key, words in self.columns.items() for one in words.split("|")}
        return {heading: by_word[plain(heading)] for heading in headings if plain(heading) in by_word}


def plain(heading: str) -> str:
    """Return a heading without case, signs and numbers."""
    return re.sub(r"[\W\d_]+", "", heading.casefold().replace("ё", "е"))


_DEALS: Final = N_(
    "This file holds deals, not customers. Export contacts or companies from {system} and import that file."
)

_BITRIX_WAYS: Final[dict[str, str]] = {
    "external_number": "ID",
    "phones": "Рабочий телефон|Мобильный телефон|Домашний телефон|Телефон для рассылок|Другой телефон"
    "|Work Phone|Mobile|Mobile phone|Home phone|Other phone|Phone for mailing|Newsletter phone",
    "emails": "Рабочий e-mail|Частный e-mail|E-mail для рассылок|Другой e-mail"
    "|Work E-mail|Home E-mail|Private e-mail|Other e-mail|E-mail for mailing|Newsletter e-mail",
    "website": "Корпоративный сайт|Corporate website|Company website",
    "note": "Комментарий|Comment",
    "responsible": "Ответственный|Responsible|Responsible person",
    "created_at": "Дата создания|Created|Created on|Date created",
    "created_by": "Кем создан|Кем создана|Created by",
    "source_detail": "Дополнительно об источнике|Source information",
    "city": "Населенный пункт|City",
    "region": "Область|Регион|Region|State / Province",
    "country": "Страна|Country",
    "address": "Улица, номер дома|Адрес|Street, house no.|Street address|Address",
}
_BITRIX_NAME: Final[dict[str, str]] = {
    "surname": "Фамилия|Last name",
    "given_name": "Имя|First name|Name",
    "middle_name": "Отчество|Second name|Middle name",
}
_SALESFORCE_ACCOUNT: Final[Mapping[str, str]] = {
    "external_number": "Id|Account ID",
    "name": "Name|Account Name",
    "phones": "Phone|Account Phone",
    "address": "BillingStreet|Billing Address Line 1|Billing Address Line 2|BillingPostalCode|Billing Zip/Postal Code",
    "city": "BillingCity",
    "region": "BillingState|Billing State/Province",
    "country": "BillingCountry",
    "website": "Website",
    "industry": "Industry",
    "employees": "NumberOfEmployees|Employees",
    "note": "Description|Account Description",
    "responsible": "Account Owner|Owner Name",
    "source_detail": "AccountSource",
    "created_at": "CreatedDate|Created Date",
    "created_by": "Created By",
}
_GOOGLE: Final[dict[str, str]] = {
    "phones": "Phone - Value|Телефон - Значение",
    "emails": "E-mail - Value|Эл. почта - Значение",
    "address": "Address - Street|Адрес - Улица",
    "city": "Address - City|Адрес - Город",
    "region": "Address - Region|Адрес - Регион",
    "country": "Address - Country|Адрес - Страна",
    "website": "Website - Value|Веб-сайт - Значение",
    "note": "Notes|Заметки",
}

PRESETS: Final = (
    Preset(
        "vCard", "FN, N.family|N.given|TEL|EMAIL|ORG|KIND",
        {
            "name": "FN", "surname": "N.family", "given_name": "N.given", "middle_name": "N.middle", "kind": "KIND", "phones": "TEL",
            "emails": "EMAIL", "address": "ADR|ADR.code", "city": "ADR.city", "region": "ADR.region", "country": "ADR.country",
            "website": "URL", "note": "NOTE",
        },
        keep_own_fields=True,
    ),
    Preset(
        "amoCRM", "Название сделки|Lead title|Lead name, Этап сделки|Lead status|Pipeline stage, Основной контакт|Main contact",
        {
            "name": "Основной контакт|Main contact", "responsible": "Ответственный|Responsible|Responsible user",
            "phones": "Рабочий телефон (контакт)|Рабочий прямой телефон (контакт)|Мобильный телефон (контакт)|Домашний телефон (контакт)"
            "|Другой телефон (контакт)|Work phone (contact)|Mobile phone (contact)|Home phone (contact)|Other phone (contact)",
            "emails": "Рабочий email (контакт)|Личный email (контакт)|Другой email (контакт)|Work email (contact)|Personal email (contact)",
            "note": "Примечание|Примечание 1|Примечание 2|Примечание 3|Примечание 4|Примечание 5|Note",
            "source_detail": "utm_source",
        },
    ),
    Preset(
        "Bitrix24", "Название компании|Company name, Рабочий телефон|Work Phone, Тип компании|Сфера деятельности|Company type",
        _BITRIX_WAYS | {
            "name": "Название компании|Company name", "industry": "Сфера деятельности|Industry",
            "employees": "Кол-во сотрудников|Employees|Number of employees",
        },
        kind=Kind.COMPANY,
    ),
    Preset("Bitrix24", "Название сделки|Deal name, Стадия сделки|Deal stage, ID", refusal=_DEALS),
    Preset(
        "Bitrix24", "Рабочий телефон|Work Phone, Частный e-mail|Home E-mail|Private e-mail, Имя|First name, Фамилия|Last name",
        _BITRIX_WAYS | _BITRIX_NAME,
    ),
    Preset(
        "amoCRM", "Кем создан|Кем создана|Created by, Рабочий email|Work email, Наименование|Имя|Полное имя контакта|Full name|First name",
        {
            "external_number": "ID", "name": "Наименование|Полное имя контакта|Полное имя|Full name|Name", "surname": "Фамилия|Last name",
            "given_name": "Имя|First name", "kind": "Тип|Type", "responsible": "Ответственный|Responsible|Responsible user",
            "phones": "Рабочий телефон|Рабочий прямой телефон|Мобильный телефон|Домашний телефон|Другой телефон"
            "|Work phone|Work direct phone|Mobile phone|Home phone|Other phone",
            "emails": "Рабочий email|Личный email|Другой email|Work email|Personal email|Other email",
            "website": "Web", "address": "Адрес|Address", "note": "Примечание|Примечание 1|Примечание 2|Примечание 3|Note",
            "created_at": "Дата создания|Created at|Date created|Creation date", "created_by": "Кем создан|Кем создана|Created by",
            "tags": "Теги|Tags",
        },
    ),
    Preset("HubSpot", "Record ID, Deal Name, Deal Stage", refusal=_DEALS),
    Preset(
        "HubSpot", "Record ID, Company name, Website URL|Company Domain Name|Company owner|Create Date",
        {
            "external_number": "Record ID", "name": "Company name", "website": "Website URL|Company Domain Name", "phones": "Phone Number",
            "industry": "Industry", "employees": "Number of Employees", "address": "Street Address|Street Address 2|Postal Code",
            "city": "City", "region": "State/Region", "country": "Country/Region", "responsible": "Company owner",
            "note": "Description|About Us", "created_at": "Create Date",
        },
        kind=Kind.COMPANY,
    ),
    Preset("Zoho CRM", "Deal Name, Deal Owner|Deal Owner Name, Stage", refusal=_DEALS),
    Preset(
        "Zoho CRM", "Account Owner|Account Owner Name, Account Name, Record Id|Account Owner.id",
        {
            "external_number": "Record Id|Account Id", "name": "Account Name", "phones": "Phone", "website": "Website",
            "industry": "Industry", "employees": "Employees", "address": "Billing Street|Billing Code", "city": "Billing City",
            "region": "Billing State", "country": "Billing Country", "note": "Description",
            "responsible": "Account Owner|Account Owner Name", "created_at": "Created Time", "created_by": "Created By", "tags": "Tag",
        },
        kind=Kind.COMPANY,
    ),
    Preset(
        "Zoho CRM", "Contact Owner|Lead Owner|Contact Owner Name|Lead Owner Name, Last Name, Email, Lead Source",
        {
            "external_number": "Record Id|Contact Id|Lead Id", "given_name": "First Name", "surname": "Last Name",
            "emails": "Email|Secondary Email", "phones": "Phone|Mobile|Home Phone|Other Phone|Asst Phone", "website": "Website",
            "industry": "Industry", "employees": "No. of Employees", "address": "Mailing Street|Mailing Zip|Street|Zip Code",
            "city": "Mailing City|City", "region": "Mailing State|State", "country": "Mailing Country|Country", "note": "Description",
            "responsible": "Contact Owner|Lead Owner|Contact Owner Name|Lead Owner Name", "source_detail": "Lead Source",
            "created_at": "Created Time", "created_by": "Created By", "tags": "Tag",
        },
        template="Email",
    ),
    Preset(
        "HubSpot", "Record ID, First Name, Last Name, Email",
        {
            "external_number": "Record ID", "given_name": "First Name", "surname": "Last Name",
            "emails": "Email|Work email|Additional email addresses",
            "phones": "Phone Number|Mobile Phone Number|WhatsApp Phone Number", "website": "Website URL", "industry": "Industry",
            "address": "Street Address|Postal Code", "city": "City", "region": "State/Region", "country": "Country/Region",
            "responsible": "Contact owner", "source_detail": "Original Source", "note": "Notes|Message", "created_at": "Create Date",
        },
        template="Email",
    ),
    Preset("Salesforce", "Id|Opportunity ID, StageName|Stage, CloseDate|Close Date, AccountId|Account Name", refusal=_DEALS),
    Preset(
        "Salesforce", "Id|Contact ID, LastName|Last Name, Email, MailingCity|MailingStreet|AccountId|OwnerId|Contact Owner",
        {
            "external_number": "Id|Contact ID", "given_name": "FirstName", "middle_name": "MiddleName", "surname": "LastName",
            "emails": "Email", "phones": "Phone|MobilePhone|Mobile|HomePhone|OtherPhone|AssistantPhone",
            "address": "MailingStreet|MailingPostalCode|Mailing Zip/Postal Code", "city": "MailingCity",
            "region": "MailingState|Mailing State/Province", "country": "MailingCountry", "note": "Description",
            "responsible": "Contact Owner|Owner Name", "source_detail": "LeadSource", "created_at": "CreatedDate|Created Date",
            "created_by": "Created By",
        },
        template="Email",
    ),
    Preset(
        "Salesforce", "Id|Account ID, Name|Account Name, BillingCity|BillingStreet|BillingCountry",
        _SALESFORCE_ACCOUNT, kind=Kind.COMPANY,
    ),
    Preset(
        "Google", "Given Name|First Name|Имя, Family Name|Last Name|Фамилия, E-mail 1 - Value|Эл. почта 1 - Значение",
        _GOOGLE | {
            "given_name": "Given Name|First Name|Имя", "surname": "Family Name|Last Name|Фамилия",
            "middle_name": "Additional Name|Middle Name|Отчество",
        },
        template="E-mail 1 - Value",
    ),
)  # fmt: skip
"""The systems whose exports are known; of several that fit the first is taken."""


def of(columns: Sequence[str]) -> Preset | None:
    """Return the ready mapping for a table with these headings, None when it comes from nowhere that is known."""
    headings = frozenset(map(plain, columns))
    return next((one for one in PRESETS if one.fits(headings)), None)


def refuse(columns: Sequence[str]) -> None:
    """Raise Invalid beside `file` for an export that holds no customers."""
    preset = of(columns)
    if preset is not None and preset.refusal:
        raise Invalid(preset.refusal, field="file", system=preset.name)
