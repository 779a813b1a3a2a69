"""What people said: topics and notes of the journal for each situation, as sales people write them down."""

from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np

from crm.demo.names import Tongue, Words
from crm.interactions import Outcome


class Situation(IntEnum):
    """Why customer and company talked."""

    FIRST = 0
    BEFORE_ORDER = 1
    AFTER_ORDER = 2
    COMPLAINT = 3
    SILENCE = 4
    REGULAR = 5
    CHASE = 6


# topics before '|', notes after it; an empty note stands for 'nothing was written'
_RUSSIAN: Final = {
    Situation.FIRST: "Первое обращение;Запрос каталога;Интересуется ценами"
    "|Узнал о нас по рекламе, просит каталог и условия доставки.;Просит коммерческое предложение до конца недели.;"
    "Уточнял, работаем ли с НДС. Отправила прайс.;Сравнивает нас с конкурентом, важен срок поставки.",
    Situation.BEFORE_ORDER: "Новый заказ;Уточнение заказа;Счёт на оплату;Наличие на складе"
    "|Готов оформить заказ, просит счёт.;Спросил скидку от объёма, согласовали.;Просит отгрузить до пятницы.;"
    "Нужна доставка до объекта, адрес уточнит.;Подтвердил спецификацию, оплата завтра.",
    Situation.AFTER_ORDER: "Доставка;Закрывающие документы;Отзыв о заказе"
    "|Всё получили, довольны.;Просит продублировать накладную на почту.;Уточнял время доставки, водитель позвонит за час.;"
    "Спросил про гарантию и сервис.;",
    Situation.COMPLAINT: "Рекламация;Опоздание доставки;Недостача;Брак"
    "|Привезли на два дня позже обещанного, просит объяснить.;Не хватает одной позиции, проверяем склад.;"
    "Повреждена упаковка, фото прислал. Готовим замену.;Недоволен: никто не перезвонил. Извинились, взял под контроль.",
    Situation.SILENCE: "Давно не заказывали;Новинки сезона;Возобновить сотрудничество"
    "|Не дозвонился.;Просил перезвонить на следующей неделе.;Пока потребности нет, вернуться в начале квартала.;"
    "Сменился закупщик, взял новый контакт.;Ушли к конкуренту из-за цены. Предложил скидку 5 %.;"
    "Заинтересовался новинками, отправил каталог.",
    Situation.REGULAR: "Плановый контакт;Встреча;План закупок;Презентация новинок"
    "|Обсудили план закупок на квартал.;Показал образцы, отложили решение до совещания.;Всё устраивает, ждёт сезонных скидок.;"
    "Встретились в офисе клиента, договорились о пробной партии.;Обменялись новостями, заказ вероятен в следующем месяце.;",
    Situation.CHASE: "Повторный звонок;Перезвонить"
    "|Дозвонился, договорились о встрече.;Снова не отвечает.;Попросил прислать условия письмом.;Вопрос решён.",
}
_CHINESE: Final = {
    Situation.FIRST: "首次咨询;索取产品目录;询价"
    "|客户从展会上知道我们，想要产品目录。;希望本周内收到报价单。;询问最小起订量和交货期。;正在与另一家供应商比较价格。",
    Situation.BEFORE_ORDER: "新订单;确认订单;付款通知;库存查询"
    "|准备下单，要求开具形式发票。;要求按数量给予折扣，已同意。;"
    "要求周五前发货。;已确认规格，明天付款。;需要送货到工地，地址稍后告知。",
    Situation.AFTER_ORDER: "物流;单据;使用反馈"
    "|货已收到，很满意。;请把送货单再发一份到邮箱。;询问送货时间，司机会提前一小时电话联系。;询问保修政策。;",
    Situation.COMPLAINT: "投诉;送货延误;数量不足;质量问题"
    "|比约定晚了两天，要求说明原因。;少了一件，正在查仓库。;包装破损，已发照片，准备换货。;客户抱怨没有人回电话，已道歉并跟进。",
    Situation.SILENCE: "回访;新品介绍;恢复合作"
    "|无人接听。;客户请我们下周再打。;暂时没有需求，季度初再联系。;采购人员换了，已记下新联系人。;"
    "因为价格换了供应商，提供了九五折。;对新品感兴趣，已发目录。",
    Situation.REGULAR: "定期联系;拜访;采购计划;新品演示"
    "|讨论了本季度的采购计划。;展示了样品，客户开会后再决定。;一切满意，等待季节性折扣。;在客户办公室见面，同意试订一批。;交流了近况，下个月可能下单。;",
    Situation.CHASE: "再次致电;回电|已联系上，约好见面。;仍然无人接听。;请求用邮件发送条件。;问题已解决。",
}
_ENGLISH: Final = {
    Situation.FIRST: "First enquiry;Catalogue request;Price enquiry"
    "|Saw our advertisement, wants the catalogue and delivery terms.;Asked for a quote by the end of the week.;"
    "Wanted to know the minimum order and lead time.;Is comparing us with another supplier, delivery time matters most.",
    Situation.BEFORE_ORDER: "New order;Order details;Invoice;Stock check"
    "|Ready to order, asked for the invoice.;Asked for a volume discount, agreed.;Needs it shipped by Friday.;"
    "Confirmed the specification, will pay tomorrow.;Wants delivery to the site, will send the address.",
    Situation.AFTER_ORDER: "Delivery;Paperwork;Feedback on the order"
    "|Everything arrived, happy with it.;Asked for another copy of the delivery note.;Asked when the driver will be there.;"
    "Asked about warranty and service.;",
    Situation.COMPLAINT: "Complaint;Late delivery;Missing item;Faulty goods"
    "|Two days later than promised, wants to know why.;One item is missing, checking the warehouse.;"
    "Packaging damaged, sent photos. Preparing a replacement.;Upset that nobody called back. Apologised and took it over.",
    Situation.SILENCE: "Have not heard from you;New this season;Working together again"
    "|No answer.;Asked to be called next week.;Nothing needed now, try again at the start of the quarter.;"
    "New buyer in place, took the name.;Went to a competitor over price. Offered 5 % off.;Interested in the new range, sent the catalogue.",
    Situation.REGULAR: "Regular contact;Meeting;Purchase plan;New range presented"
    "|Went through the purchase plan for the quarter.;Showed samples, they decide after their meeting.;"
    "All fine, waiting for the seasonal offer.;"
    "Met at their office, agreed on a trial lot.;Caught up, an order next month is likely.;",
    Situation.CHASE: "Second call;Calling back|Got through, fixed a meeting.;Still no answer.;Asked for the terms by e-mail.;Settled.",
}
FITTING: Final = {
    Situation.SILENCE: {
        Outcome.NO_ANSWER: (0,),
        Outcome.CALL_BACK: (1,),
        Outcome.FINISHED: (2, 3),
        Outcome.REFUSED: (4,),
        Outcome.OFFER_ASKED: (5,),
    },
    Situation.CHASE: {Outcome.NO_ANSWER: (1,), Outcome.OFFER_ASKED: (2,), Outcome.FINISHED: (0, 3)},
}
"""Which notes fit an outcome, by their places; elsewhere every note of the situation fits."""
AT_A_MEETING: Final = 3
"""The place of the note of a regular contact that only fits when people met."""
_TABLES: Final = {Tongue.RU: _RUSSIAN, Tongue.ZH: _CHINESE, Tongue.EN: _ENGLISH}

NEEDS: Final = {
    Tongue.RU: "Поставки для двух объектов;Регулярное снабжение офиса;Сезонные закупки для розницы;Замена оборудования",
    Tongue.ZH: "两个项目的供货;办公室日常采购;零售季节性采购;设备更新",
    Tongue.EN: "Supplies for two sites;Regular office supplies;Seasonal stock for shops;Replacing equipment",
}
CARD_NOTES: Final = {
    Tongue.RU: "Звонить после 11.;Предпочитает переписку.;Важны сроки, цена вторична.;Просит работать только по предоплате.",
    Tongue.ZH: "上午十一点以后打电话。;喜欢用微信联系。;重视交货期，价格其次。;只接受预付款。",
    Tongue.EN: "Call after 11.;Prefers e-mail.;Delivery time matters more than price.;Pays in advance only.",
}
SOURCE_DETAILS: Final = {
    Tongue.RU: "Яндекс;каталог 2026;выставка «ИнтерСтрой»;рекомендация партнёра;листовка;радио",
    Tongue.ZH: "百度;2026年目录;广交会;合作伙伴推荐;微信公众号;宣传册",
    Tongue.EN: "search engine;catalogue 2026;trade fair;partner's recommendation;leaflet;radio",
}
INDUSTRIES: Final = {
    Tongue.RU: "Стройка;Торговля;Производство;Логистика;Гостиницы и рестораны;Медицина;Образование;ИТ;Сельское хозяйство;Финансы",
    Tongue.ZH: "建筑业;零售;制造业;物流;酒店餐饮;医疗;教育;信息技术;农业;金融",
    Tongue.EN: "Construction;Retail;Manufacturing;Logistics;Hospitality;Health care;Education;IT;Agriculture;Finance",
}


@lru_cache(maxsize=8)
def industries(tongue: Tongue) -> Words:
    """Return the industries in a language, in the same order in each."""
    return np.array(INDUSTRIES[tongue].split(";"), object)


@lru_cache(maxsize=64)
def topics(tongue: Tongue, situation: Situation) -> Words:
    """Return the topics of a situation."""
    return np.array(_TABLES[tongue][situation].split("|")[0].split(";"), object)


@lru_cache(maxsize=64)
def notes(tongue: Tongue, situation: Situation) -> Words:
    """Return the notes of a situation."""
    return np.array(_TABLES[tongue][situation].split("|")[1].split(";"), object)


@lru_cache(maxsize=16)
def choices(tongue: Tongue, table: str) -> Words:
    """Return the texts of NEEDS, CARD_NOTES or SOURCE_DETAILS by its name."""
    tables = {"needs": NEEDS, "notes": CARD_NOTES, "sources": SOURCE_DETAILS}
    return np.array(tables[table][tongue].split(";"), object)
