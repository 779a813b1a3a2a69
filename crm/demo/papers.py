"""What lies at some customers: a contract with an older version and an offer, as small Word files; who else sells to them."""

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape

from crm.demo.names import Tongue
from crm.documents import Kind

Paper = tuple[str, Kind, str, Sequence[str]]
"""Name of the file, kind, note, and its lines."""

PAPERS: Final[Mapping[Tongue, Sequence[Paper]]] = {
    Tongue.EN: (
        ("Supply contract.docx", Kind.CONTRACT, "Draft", ("Supply contract", "Payment within 14 days.")),
        (
            "Supply contract signed.docx",
            Kind.CONTRACT,
            "Signed by both",
            ("Supply contract", "Payment within 30 days."),
        ),
        ("Offer.docx", Kind.OFFER, "", ("Offer", "Valid until the end of the month.")),
    ),
    Tongue.RU: (
        ("Договор поставки.docx", Kind.CONTRACT, "Проект", ("Договор поставки", "Оплата в течение 14 дней.")),
        (
            "Договор поставки подписан.docx",
            Kind.CONTRACT,
            "Подписан обеими сторонами",
            ("Договор поставки", "Оплата в течение 30 дней."),
        ),
        ("Предложение.docx", Kind.OFFER, "", ("Коммерческое предложение", "Действует до конца месяца.")),
    ),
    Tongue.ZH: (
        ("供货合同.docx", Kind.CONTRACT, "草稿", ("供货合同", "14 天内付款。")),
        ("供货合同 已签.docx", Kind.CONTRACT, "双方已签字", ("供货合同", "30 天内付款。")),
        ("报价单.docx", Kind.OFFER, "", ("报价单", "本月底前有效。")),
    ),
}
"""In each language: the draft of a contract, its newer version, and an offer."""

RIVALRY: Final[Mapping[Tongue, tuple[str, str, str]]] = {
    Tongue.EN: ("Lightwell & Sons", "Table lamps", "Doubts that we deliver in time before the holidays."),
    Tongue.RU: ("Свет и дом", "Настольные лампы", "Сомневается, что успеем поставить до праздников."),
    Tongue.ZH: ("明亮家居", "台灯", "担心我们节前不能按时交货。"),
}
"""In each language: a competitor, what he sells, and what the customer doubts of us."""

_TYPES: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_PARTS: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_BODY: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{lines}</w:body></w:document>'
)
_LINE: Final = "<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
_WHEN: Final = (2026, 1, 1, 0, 0, 0)
"""The moment in the file, so that the same paper has the same bytes."""


def as_word(lines: Sequence[str]) -> bytes:
    """Return the lines as a Word file."""
    body = _BODY.format(lines="".join(_LINE.format(text=escape(line)) for line in lines))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _PARTS), ("word/document.xml", body)):
            file.writestr(zipfile.ZipInfo(name, _WHEN), text)
    return packed.getvalue()
