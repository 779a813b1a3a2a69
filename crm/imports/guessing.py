"""Guessing: what the columns of a file become, told by their headings and by what stands in them.

Promises: a column whose values must be known (a stage, a colleague) is proposed only where some of them are; nothing is
proposed twice for a field that takes one column.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from babel import Locale

from crm.core.errors import Invalid
from crm.core.i18n import LANGUAGES, translate
from crm.customers import Kind, Source
from crm.imports import presets
from crm.imports.headings import EXPORTED, FIELDS, exported_in, our_headings
from crm.imports.mapping import CODED, CONTACT, NAME_PARTS, SEVERAL, FieldMapping, coded
from crm.imports.moments import moment
from crm.imports.presets import Preset
from crm.search import HAN

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
    "created_at": "created|created at|created on|created date|create date|date created|creation date|created time"
    "|дата создания|создан|создана|когда создан|创建时间|创建日期|创建于",
    "created_by": "created by|creator|author|кем создан|кем создана|автор|создатель|创建人|创建者",
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
        phone_region=_region([text for heading in found if found[heading] in _NAMES for text in values[heading]]),
        keep_own_fields=preset.keep_own_fields,
    )


_NAMES: Final = frozenset({"name", *NAME_PARTS})
_WRITTEN_IN: Final = {
    "JP": (re.compile(r"[\u3040-\u30ff]"), 5),
    "KR": (re.compile(r"[\uac00-\ud7af]"), 2),
    "CN": (HAN, 2),
}
"""Country -> signs of its writing, and of how many names one must have them: half of the Japanese ones are in Chinese signs."""


def _region(names: Sequence[str]) -> str:
    """Tell by the writing of the names in which country phones without a code are, '' where it does not tell."""
    for region, (signs, share) in _WRITTEN_IN.items():
        if sum(bool(signs.search(text)) for text in names) * share > len(names):
            return region
    return ""


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
    if target in CODED:
        return bool(values) and all(coded(target, text) in set(CODED[target]) for text in values)
    if target == "created_at":
        return bool(values) and all(_is_moment(text) for text in values)
    if target == "responsible":
        return any(text.strip().casefold() in people for text in values)
    if target in {"phones", "emails"}:
        sign, most = (r"@", 1) if target == "emails" else (r"\d", 5)
        return not values or any(len(re.findall(sign, text[:200])) >= most for text in values)
    if target == "employees":
        return all(re.fullmatch(r"[\d\s.,\u00a0]+", text) for text in values)
    return True


def _is_moment(text: str) -> bool:
    try:
        moment(text, "UTC")
    except Invalid:
        return False
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
