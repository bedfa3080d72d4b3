"""The small region that every database test finds: four hospitals, the bureau, two citizens."""

from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from fixtures import region as demonstration
from hub import booking, people
from hub.directory import CatalogueItem, Department, Endpoint, Organisation, Practitioner, Service
from hub.people import Demographics, Identification, Person
from hub.trust import SCOPES, Caller
from hub.trust.callers import CITIZEN_SCOPES

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)

TERTIARY, COUNTY = "H42050000101", "H42058200201"
COMMUNITY, VILLAGE = "H42058200301", "H42058200401"
BUREAU = "420500"
CARDIOLOGY, COUNTY_MEDICINE = f"{TERTIARY}-0301", f"{COUNTY}-0301"
COMMUNITY_GENERAL, VILLAGE_GENERAL = f"{COMMUNITY}-0201", f"{VILLAGE}-0201"
EXPERT, COUNTY_DOCTOR, COMMUNITY_DOCTOR = "D420500000011", "D420582000021", "D420582000031"

LIMITS = tuple(
    booking.Rule(**{name: value for name, value in rule.items() if name != "since"})
    for rule in demonstration.table("limits")["rule"]
    if "until" not in rule
)
"""How often one card may book in the demonstration today; set only where a test sets them."""

EMPLOYEE_NUMBER, RESIDENT_NUMBER = "420500196001010018", "420500197505050022"


class Region:
    """Names for tests that ask for the fixture `region`."""

    now = NOW
    tertiary, county, community, village, bureau = TERTIARY, COUNTY, COMMUNITY, VILLAGE, BUREAU
    cardiology, general = CARDIOLOGY, COMMUNITY_GENERAL
    expert, community_doctor = EXPERT, COMMUNITY_DOCTOR


def system(organisation_id: str, *, at: datetime = NOW, scopes: frozenset[str] = SCOPES) -> Caller:
    return Caller(
        kind="system",
        id=f"his-{organisation_id}",
        at=at,
        organisation_id=organisation_id,
        scopes=scopes,
        trace="test",
        door="test",
    )


def staff(
    organisation_id: str, practitioner_id: str | None = None, *, at: datetime = NOW, scopes: frozenset[str] = SCOPES
) -> Caller:
    return Caller(
        kind="staff",
        id="doctor",
        at=at,
        organisation_id=organisation_id,
        practitioner_id=practitioner_id,
        scopes=scopes,
        trace="test",
        door="test",
    )


def citizen(person_id: int, *, at: datetime = NOW) -> Caller:
    return Caller(
        kind="citizen",
        id=f"person/{person_id}",
        at=at,
        person_id=person_id,
        scopes=CITIZEN_SCOPES,
        purpose="self",
        trace="test",
        door="test",
    )


def numbered(first17: str) -> str:
    """A citizen number with its check digit."""
    return first17 + people.check_digit(first17)


def a_person(session: Session, serial: int = 1, *, name: str = "张示例", born: date = date(1960, 1, 1)) -> Person:
    """A registered synthetic citizen; the same serial gives the same person."""
    number = numbered(f"420500{born:%Y%m%d}{serial:03d}")
    return people.register(
        session,
        system(COMMUNITY),
        demographics=Demographics(
            name=name,
            gender=people.gender_of(number),
            birth_date=born,
            telephone=f"1990000{serial:04d}",
            synthetic=True,
        ),
        identifiers=[Identification("certno/01", number)],
    )


def furnish(session: Session) -> None:
    """Directory and a small catalogue; no people, since tests register their own."""
    for row in (
        Organisation(
            id=TERTIARY,
            name="市示例中心医院",
            name_en="Example Central Hospital",
            tier="tertiary",
            level=3,
            hosp_lv="2",
            district="420502",
            telephone="0717-000-0001",
        ),
        Organisation(
            id=COUNTY,
            name="当阳示例人民医院",
            name_en="Example County Hospital",
            tier="county",
            level=2,
            hosp_lv="5",
            district="420582",
            telephone="0717-000-0002",
        ),
        Organisation(
            id=COMMUNITY,
            name="玉泉示例卫生院",
            name_en="Example Community Centre",
            tier="community",
            level=0,
            hosp_lv="11",
            district="420582",
            telephone="0717-000-0003",
        ),
        Organisation(
            id=VILLAGE,
            name="三桥示例村卫生室",
            name_en="Example Village Clinic",
            tier="village",
            level=0,
            hosp_lv="11",
            district="420582",
            telephone="0717-000-0004",
        ),
        Organisation(
            id=BUREAU,
            name="宜昌示例医疗保障局",
            name_en="Example Insurance Bureau",
            tier="bureau",
            level=0,
            hosp_lv="11",
            district="420500",
            telephone="0717-000-0005",
        ),
    ):
        session.add(row)
    session.flush()
    for row in (
        Department(
            id=CARDIOLOGY,
            organisation_id=TERTIARY,
            code="0301",
            name="心血管内科",
            name_en="Cardiology",
            location="门诊楼 3 层 A 区",
        ),
        Department(
            id=f"{TERTIARY}-0401",
            organisation_id=TERTIARY,
            code="0401",
            name="普通外科",
            name_en="General surgery",
            location="门诊楼 4 层",
        ),
        Department(id=COUNTY_MEDICINE, organisation_id=COUNTY, code="0301", name="内科", name_en="Internal medicine"),
        Department(
            id=COMMUNITY_GENERAL, organisation_id=COMMUNITY, code="0201", name="全科医疗科", name_en="General practice"
        ),
        Department(
            id=VILLAGE_GENERAL, organisation_id=VILLAGE, code="0201", name="全科医疗科", name_en="General practice"
        ),
    ):
        session.add(row)
    session.flush()
    for row in (
        Practitioner(id=EXPERT, organisation_id=TERTIARY, department_id=CARDIOLOGY, name="陈示范", title="主任医师"),
        Practitioner(
            id="D420500000012",
            organisation_id=TERTIARY,
            department_id=f"{TERTIARY}-0401",
            name="林示范",
            title="副主任医师",
        ),
        Practitioner(
            id=COUNTY_DOCTOR, organisation_id=COUNTY, department_id=COUNTY_MEDICINE, name="周示范", title="主治医师"
        ),
        Practitioner(
            id=COMMUNITY_DOCTOR,
            organisation_id=COMMUNITY,
            department_id=COMMUNITY_GENERAL,
            name="李示范",
            title="主治医师",
        ),
        Service(
            id=f"{TERTIARY}-0301-01",
            organisation_id=TERTIARY,
            department_id=CARDIOLOGY,
            code="01",
            name="心血管内科普通门诊",
            name_en="Cardiology clinic",
        ),
        Service(
            id=f"{COMMUNITY}-0201-01",
            organisation_id=COMMUNITY,
            department_id=COMMUNITY_GENERAL,
            code="01",
            name="全科门诊",
            name_en="General clinic",
        ),
        Endpoint(
            organisation_id=TERTIARY, kind="mllp", host="127.0.1.1", port=2600, application="HIS", facility=TERTIARY
        ),
        Endpoint(organisation_id=COUNTY, kind="mllp", host="127.0.1.2", port=2600, application="HIS", facility=COUNTY),
        Endpoint(
            organisation_id=COMMUNITY, kind="mllp", host="127.0.1.3", port=2600, application="HIS", facility=COMMUNITY
        ),
        CatalogueItem(
            code="S-BED-01",
            name="普通床位费",
            name_en="Bed, ordinary",
            kind="service",
            item_class="A",
            unit="日",
            price=50,
            ceilings={},
            restricted=False,
        ),
        CatalogueItem(
            code="D-EX-0001",
            name="示例单抗注射液",
            name_en="Example antibody",
            kind="drug",
            item_class="B",
            unit="支",
            price=1280,
            ceilings={},
            restricted=False,
        ),
        CatalogueItem(
            code="S-ESC-01",
            name="陪护床",
            name_en="Companion bed",
            kind="service",
            item_class="C",
            unit="次",
            price=60,
            ceilings={},
            restricted=False,
        ),
        CatalogueItem(
            code="S-ECHO-01",
            name="心脏彩超",
            name_en="Echocardiogram",
            kind="service",
            item_class="A",
            unit="次",
            price=900,
            ceilings={"3": "850.00"},
            restricted=False,
        ),
        CatalogueItem(
            code="D-RES-01",
            name="示例复合维生素",
            name_en="Example vitamins",
            kind="drug",
            item_class="B",
            unit="盒",
            price=199,
            ceilings={},
            restricted=True,
        ),
    ):
        session.add(row)
    session.flush()
