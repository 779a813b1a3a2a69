"""Mapping: which column of a file becomes which field of a customer, what all new customers get, and whom a row means.

Promises: a mapping is checked as a whole before anything is read with it; it names columns by their heading, so that it can
be used again for the next file with the same headings.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from babel import Locale
from phonenumbers import SUPPORTED_REGIONS

from crm.core.errors import Invalid, InvalidForm
from crm.core.i18n import LANGUAGES, N_, translate
from crm.customers import CHOICES, KINDS, SOURCES, STAGES, Kind, Source
from crm.fields import OWN
from crm.imports import presets
from crm.imports.headings import EXPORTED, FIELDS, exported_in, our_headings
from crm.imports.presets import Preset
from crm.search import HAN


class OnMatch(StrEnum):
    """What happens to a row whose customer is there already."""

    SKIP = "skip"
    UPDATE = "update"
    CREATE = "create"


ON_MATCH: Final = {
    OnMatch.SKIP: N_("Leave the customer as it is"),
    OnMatch.UPDATE: N_("Update the customer"),
    OnMatch.CREATE: N_("Add another customer"),
}

NAME_PARTS: Final = ("surname", "given_name", "middle_name")
SEVERAL: Final = frozenset({"phones", "emails", "address", "note", "tags", "contact_phones", "contact_emails"})
"""Fields that several columns may feed."""

CONTACT: Final = "contact_"
"""How the fields of a row's contact person begin; the rest of the word is the field of the person."""

REQUISITES: Final = ("inn", "kpp", "uscc")
"""Fields of a row that are requisites of the customer."""

KEYS: Final = ("external_number", "phones", "emails")
"""Fields by which a row finds its customer."""

LONGEST_TEMPLATE: Final = 200
_PLACE: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class FieldMapping:
    """How the columns of a file become customers.

    columns: heading -> field of FIELDS or key of an own field. template: the name where the file has none, for example
    'Customer {ID}'. fixed: what new customers get where the row says nothing: kind, stage, source, responsible_id, team_id.
    phone_region: the country of phones without a code, '' for the company's setting.
    keep_own_fields: columns that are not mapped are kept under their headings.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    phone_region: str = ""
    on_match: OnMatch = OnMatch.SKIP
    keep_own_fields: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the mapping as the record keeps it."""
        return asdict(self) | {"on_match": str(self.on_match), "columns": dict(self.columns), "fixed": dict(self.fixed)}


def from_json(raw: Mapping[str, Any]) -> FieldMapping:
    """Read a mapping from a record or from the command line. Raises Invalid beside `mapping` when it is none."""
    try:
        unknown = set(raw) - set(FieldMapping.__dataclass_fields__)
        columns = {str(key): str(value) for key, value in dict(raw.get("columns", {})).items()}
        fixed = {str(key): value for key, value in dict(raw.get("fixed", {})).items() if value not in (None, "")}
        on_match = OnMatch(raw.get("on_match", OnMatch.SKIP))
    except (TypeError, ValueError, AttributeError):
        raise Invalid(_NO_MAPPING, field="mapping") from None
    if unknown:
        raise Invalid(_NO_MAPPING, field="mapping")
    return FieldMapping(
        columns=columns,
        template=str(raw.get("template", "")),
        fixed=fixed,
        phone_region=str(raw.get("phone_region", "")),
        on_match=on_match,
        keep_own_fields=raw.get("keep_own_fields") is True,
    )


_NO_MAPPING: Final = N_("This is not a mapping of columns to fields.")


def check(mapping: FieldMapping, columns: Sequence[str], own: Iterable[str] = ()) -> None:
    """Make sure that a mapping can be used with these columns; raise InvalidForm with every fault.

    own: the keys of the company's own fields. The faults stand beside `columns` (or the heading of one column), `template`,
    `fixed.<key>` and `phone_region`.
    """
    faults: dict[str, Invalid] = {}
    fed: dict[str, str] = {}
    targets = {*FIELDS, *own}
    for heading, target in mapping.columns.items():
        if heading not in columns:
            faults[heading] = Invalid(N_("The file has no column '{column}'."), field=heading, column=heading)
        elif target not in targets:
            text = N_("There is no field '{key}'.")
            faults[heading] = Invalid(text, field=heading, key=target.removeprefix(OWN))
        elif target in fed and target not in SEVERAL:
            text = N_("Only one column can become this field; '{column}' is it already.")
            faults[heading] = Invalid(text, field=heading, column=fed[target])
        fed.setdefault(target, heading)
    _check_name(mapping, columns, set(fed), faults)
    _check_contact(fed, faults)
    _check_fixed(mapping, faults)
    if faults:
        raise InvalidForm(faults)


def _check_name(mapping: FieldMapping, columns: Sequence[str], fed: set[str], faults: dict[str, Invalid]) -> None:
    for heading in _PLACE.findall(mapping.template):
        if heading not in columns:
            faults["template"] = Invalid(N_("The file has no column '{column}'."), field="template", column=heading)
    if len(mapping.template) > LONGEST_TEMPLATE:
        faults["template"] = Invalid(
            N_("At most {length} characters fit here."), field="template", length=LONGEST_TEMPLATE
        )
    only_updates = mapping.on_match is OnMatch.UPDATE and fed & set(KEYS)
    if not (fed & {"name", *NAME_PARTS} or _PLACE.search(mapping.template) or only_updates):
        text = N_("Say which column is the name, or make the name of columns, for example 'Customer {{ID}}'.")
        faults.setdefault("columns", Invalid(text, field="columns"))


def _check_contact(fed: Mapping[str, str], faults: dict[str, Invalid]) -> None:
    of_contact = [heading for target, heading in fed.items() if target.startswith(CONTACT)]
    if of_contact and "contact_name" not in fed:
        text = N_("Say which column is the name of the contact person, too.")
        faults.setdefault(of_contact[0], Invalid(text, field=of_contact[0]))


def _check_fixed(mapping: FieldMapping, faults: dict[str, Invalid]) -> None:
    for key, value in mapping.fixed.items():
        codes: Any = {"kind": Kind} | dict(CHOICES)
        wrong = (
            value not in set(codes[key])
            if key in codes
            else key not in {"responsible_id", "team_id"} or not isinstance(value, int)
        )
        if wrong:
            faults[f"fixed.{key}"] = Invalid(N_("This value cannot be used here."), field=f"fixed.{key}")
    if mapping.phone_region and mapping.phone_region not in SUPPORTED_REGIONS:
        faults["phone_region"] = Invalid(N_("This value cannot be used here."), field="phone_region")


def filled(template: str, cells: Mapping[str, str]) -> str:
    """Return the template with the cells of the named columns in place; '' when one of them is empty."""
    wanted = _PLACE.findall(template)
    if not wanted or not all(cells.get(heading, "").strip() for heading in wanted):
        return ""
    return _PLACE.sub(lambda place: cells[place[1]].strip(), template)


# --- words that stand for codes ----------------------------------------------

_KIND_WORDS: Final = {
    Kind.COMPANY: "company organisation organization business b2b legal_entity"
    " юрлицо юр.лицо юридическое_лицо компания организация 企业 公司 单位",
    Kind.PERSON: "person individual contact people b2c physical_person физлицо физ.лицо физическое_лицо человек частное_лицо 个人 自然人",
}
_CODED: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "stage": STAGES, "source": SOURCES}


@lru_cache(maxsize=8)
def _words(key: str) -> Mapping[str, str]:
    """Return the words (case folded, in every language) that mean a code of `kind`, `stage` or `source`."""
    found = {str(code).casefold(): str(code) for code in _CODED[key]}
    for code, text in _CODED[key].items():
        found |= {translate(language, text).casefold(): str(code) for language in LANGUAGES}
    if key == "kind":
        found |= {word.replace("_", " "): str(code) for code, text in _KIND_WORDS.items() for word in text.split()}
    return found


def coded(key: str, text: str) -> str:
    """Return the code that a text means, the text itself when it means none."""
    return _words(key).get(" ".join(text.split()).casefold(), text)


# --- guessing -----------------------------------------------------------------

_PERSON_WORDS: Final = (
    "full name|contact name|фио|ф и о|имя клиента|основной контакт|контакт|姓名|客户姓名|联系人|名前|contact|person"
)
_COMPANY_WORDS: Final = (
    "account name|account|company name|company|organization name|organisation|organization|business name|name of company"
    "|название компании|наименование|название|полное наименование|компания|организация|контрагент|предприятие|юрлицо"
    "|公司名称|企业名称|公司|企业|单位|客户公司|単位"
)
_EITHER_WORDS: Final = (
    "name|customer name|customer|client name|client|имя|клиент|заказчик|покупатель|客户名称|客户|名称"
)
SYNONYMS: Final[Mapping[str, str]] = {
    "name": f"{_PERSON_WORDS}|{_EITHER_WORDS}|{_COMPANY_WORDS}",
    "surname": "surname|last name|family name|lastname|last|фамилия|姓|姓氏",
    "given_name": "given name|first name|firstname|forename|first|имя|名|名字",
    "middle_name": "middle name|patronymic|отчество",
    "external_number": "external number|external id|id|record id|customer id|client id|account id|rec id|unique id|customer number|number"
    "|code|uid|guid"
    "|код|код клиента|номер|номер клиента|идентификатор|ид|внешний код|编号|客户编号|编码|代码",
    "kind": "kind|type|customer type|account type|тип|вид|тип клиента|类型|客户类型",
    "stage": "stage|lifecycle stage|status|lead status|customer status|стадия|этап|статус|статус клиента|阶段|状态|客户状态",
    "source": "source|lead source|original source|channel|источник|источник лида|канал|utm source|来源|客户来源|渠道",
    "industry": "industry|sector|branch|отрасль|сфера|сфера деятельности|вид деятельности|行业|所属行业",
    "employees": "employees|number of employees|employee count|headcount|staff|сотрудников|сотрудники|число сотрудников"
    "|количество сотрудников|численность|员工数|员工人数|人数|员工",
    "country": "country|country region|страна|国家",
    "region": "region|state|state region|province|регион|область|край|省|省份|地区",
    "city": "city|town|suburb|город|населенный пункт|населённый пункт|城市|市",
    "address": "address|street|street address|billing street|full address|address formatted|postal address|адрес|почтовый адрес"
    "|фактический адрес|юридический адрес|улица|地址|详细地址|联系地址",
    "website": "website|website url|web|web site|url|site|homepage|company domain name|сайт|веб сайт|网站|网址|主页",
    "need": "need|needs|interest|requirement|потребность|интерес|запрос|需求|意向",
    "note": "note|notes|comment|comments|description|remark|remarks|примечание|примечания|комментарий|заметка|описание|备注|说明|注释",
    "inn": "inn|инн",
    "kpp": "kpp|кпп",
    "uscc": "uscc|unified social credit code|统一社会信用代码|社会信用代码|税号|纳税人识别号",
    "tags": "tags|tag|labels|label|categories|теги|тег|метки|метка|标签",
    "responsible": "responsible|owner|account owner|contact owner|company owner|record owner|manager|account manager|sales agent|sales rep"
    "|ответственный|менеджер|владелец|负责人|跟进人|业务员|客户经理|销售",
}
"""Field -> the headings that mean it, the likeliest first."""

CONTACT_SYNONYMS: Final[Mapping[str, str]] = {
    "contact_name": "contact person|contact person name|name of contact person|контактное лицо|контактное лицо фио"
    "|фио контактного лица|имя контактного лица|联系人|联系人姓名|主要联系人",
    "contact_position": "contact person position|position|job title|title|должность контактного лица|должность"
    "|联系人职务|联系人职位|职务|职位",
    "contact_phones": "contact person phone|contact phone|phone of contact person|телефон контактного лица"
    "|联系人电话|联系人手机|联系人手机号",
    "contact_emails": "contact person e mail|contact person email|contact e mail|contact email|e mail контактного лица"
    "|email контактного лица|почта контактного лица|联系人邮箱|联系人邮件",
}
"""The same for the contact person of a company."""

_OF_PEOPLE: Final = re.compile(
    r"\b(birth|birthday|gender|sex|marital|age)\b|рожден|\bпол\b|возраст|性别|生日|年龄|誕生日"
)
_LOCATION: Final = "location|office location|местоположение|место|地点|所在地"
_PHONE: Final = re.compile(r"\b(phone|telephone|mobile|cell|tel|fax)|телефон|моб|\bтел\b|факс|手机|电话|電話|联系方式")
_EMAIL: Final = re.compile(r"\be ?mail|почта|мейл|имейл|邮箱|邮件|メール")
_NOT_VALUES: Final = re.compile(
    r"\b(label|type|ext|status|opt|consent|count|verified|date)\b|тип|статус|дата|согласие|类型|phonetic"
)


def guess(
    columns: Sequence[str],
    sample: Sequence[Sequence[str]],
    *,
    word: str = "Customer",
    people: Iterable[str] = (),
    own: Mapping[str, str] | None = None,
) -> FieldMapping:
    """Propose a mapping from the headings and some rows of the file.

    word: how a customer without a name is called in the reader's language. people: names under which colleagues are known.
    own: key -> label of the company's own fields; a column called like one becomes it, unless a field of everybody is called so.
    A column whose values must be known (stage, responsible, …) is proposed only when some of them are.
    """
    mine = _called_like(columns, own or {})
    if exported_in(columns):
        back = dict(zip(columns, EXPORTED, strict=False))
        return FieldMapping(columns=mine | back, keep_own_fields=True)
    values = {
        heading: [row[place] for row in sample if len(row) > place and row[place].strip()]
        for place, heading in enumerate(columns)
    }
    known = frozenset(name.casefold() for name in people)
    if (ready := presets.of(columns)) is not None:
        return _ready(ready, columns, values, known, mine)
    ours = our_headings()
    found: dict[str, str] = _contact(columns) | mine
    for heading in columns:
        plain = _plain(heading)
        target = None if heading in ours or heading in found or _NOT_VALUES.search(plain) else _way_of_reaching(plain)
        if target and _plausible(target, values[heading], frozenset()):
            found[heading] = target
    for target, synonyms in SYNONYMS.items():
        if target in found.values():
            continue
        for heading in _ranked(columns, f"{_label(target)}|{synonyms}", taken=found):
            if _plausible(target, values[heading], known):
                found[heading] = target
                break
    found |= _places(columns, values, found)
    return _completed(columns, found, word)


def _ready(
    preset: Preset,
    columns: Sequence[str],
    values: Mapping[str, Sequence[str]],
    people: frozenset[str],
    own: Mapping[str, str],
) -> FieldMapping:
    """Return the mapping of a known system's export for these columns."""
    found: dict[str, str] = {}
    for heading, target in preset.fields(columns).items():
        if _plausible(target, values[heading], people) and (target in SEVERAL or target not in found.values()):
            found[heading] = target
    spare = next(
        (one for one in columns if preset.template and presets.plain(one) == presets.plain(preset.template)), ""
    )
    return FieldMapping(
        columns=dict(own) | found,
        template=f"{{{spare}}}" if spare else "",
        fixed={"kind": str(preset.kind), "source": str(Source.FILE)},
        keep_own_fields=preset.keep_own_fields,
    )


def _called_like(columns: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    """Return heading -> key of the columns that bear the label, or the key, of an own field."""
    names = {_same(label): key for key, label in own.items()} | {key: key for key in own}
    standard = {word for target in FIELDS for word in _label(target).split("|")} if own else set()
    found: dict[str, str] = {}
    for heading in columns:
        key = names.get(_same(heading)) if _plain(heading) not in standard else None
        if key is not None and key not in found.values():
            found[heading] = key
    return found


def _same(text: str) -> str:
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=64)
def _label(target: str) -> str:
    """Return what we call a field ourselves, in every language."""
    return "|".join(_plain(translate(language, FIELDS[target])) for language in LANGUAGES)


def _plain(heading: str) -> str:
    """Return a heading without case, numbers and signs: 'E-mail 1 - Value' and 'e_mail value' are one."""
    words = re.sub(r"[\W\d_]+", " ", heading.casefold().replace("ё", "е")).split()
    return " ".join(word for word in words if word not in {"value", "formatted"})


def _way_of_reaching(plain: str) -> str | None:
    if _EMAIL.search(plain):
        return "emails"
    return "phones" if _PHONE.search(plain) else None


def _ranked(columns: Sequence[str], synonyms: str, *, taken: Mapping[str, str]) -> list[str]:
    order = {word: rank for rank, word in reversed([*enumerate(synonyms.split("|"))])}
    fitting = [
        (order[_plain(heading)], place)
        for place, heading in enumerate(columns)
        if heading not in taken and _plain(heading) in order
    ]
    return [columns[place] for _, place in sorted(fitting)]


def _plausible(target: str, values: Sequence[str], people: frozenset[str]) -> bool:
    if target in _CODED:
        return bool(values) and all(coded(target, text) in set(_CODED[target]) for text in values)
    if target == "responsible":
        return any(text.strip().casefold() in people for text in values)
    if target in {"phones", "emails"}:
        sign, most = (r"@", 1) if target == "emails" else (r"\d", 5)
        return not values or any(len(re.findall(sign, text[:200])) >= most for text in values)
    if target == "employees":
        return all(re.fullmatch(r"[\d\s.,\u00a0]+", text) for text in values)
    return True


def _contact(columns: Sequence[str]) -> dict[str, str]:
    """Tell the person at a company from the company, where a file has columns for both."""
    company = _ranked(columns, _COMPANY_WORDS, taken={})
    person = _ranked(columns, f"{_label('contact_name')}|{CONTACT_SYNONYMS['contact_name']}", taken={})
    if not company or not person:
        return {}
    found = {company[0]: "name", person[0]: "contact_name"}
    for target, synonyms in list(CONTACT_SYNONYMS.items())[1:]:
        mine = _ranked(columns, f"{_label(target)}|{synonyms}", taken=found)
        way = target.removeprefix(CONTACT)
        others = [one for one in columns if one not in mine and _way_of_reaching(_plain(one)) == way]
        if mine and (others or target == "contact_position"):  # by its only phone a company is known again
            found[mine[0]] = target
    return found


def _places(columns: Sequence[str], values: Mapping[str, Sequence[str]], found: Mapping[str, str]) -> dict[str, str]:
    """Tell by the values whether a column called 'location' holds countries or cities."""
    for heading in _ranked(columns, _LOCATION, taken=found):
        names = _countries()
        countries = sum(text.strip().casefold() in names for text in values[heading])
        target = "country" if countries * 2 > len(values[heading]) else "city"
        if target not in found.values():
            return {heading: target}
    return {}


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    territories = (name for code in LANGUAGES for key, name in Locale.parse(code).territories.items() if key.isalpha())
    return frozenset(name.casefold() for name in territories)


def _completed(columns: Sequence[str], found: dict[str, str], word: str) -> FieldMapping:
    parts = {target: heading for heading, target in found.items() if target in {"name", *NAME_PARTS}}
    if "surname" in parts or "middle_name" in parts:
        # of a surname and a 'name' the second is the given name
        if "name" in parts and "given_name" not in parts:
            found[parts["name"]] = "given_name"
        elif "name" in parts:
            del found[parts["name"]]
    elif "given_name" in parts and "name" in parts:
        del found[parts["given_name"]]
    named = [heading for heading, target in found.items() if target in {"name", *NAME_PARTS}]
    person = any(_plain(heading) in _PERSON_WORDS.split("|") or found[heading] != "name" for heading in named)
    person = person or (not named and any(_OF_PEOPLE.search(_plain(heading)) for heading in columns))
    number = next((heading for heading, target in found.items() if target == "external_number"), None)
    chinese = sum(bool(HAN.search(heading)) for heading in columns) * 2 > len(columns)
    return FieldMapping(
        columns={heading: found[heading] for heading in columns if heading in found},
        template="" if named or number is None else f"{word} {{{number}}}",
        fixed={"kind": str(Kind.PERSON if person else Kind.COMPANY), "source": str(Source.FILE)},
        phone_region="CN" if chinese else "",
    )
