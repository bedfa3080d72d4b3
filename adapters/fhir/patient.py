"""Patient: the human behind a card, with every number they are known by."""

from datetime import date

from adapters.fhir.outcome import Issue, ResourceInvalid, ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, number_of
from adapters.fhir.search import token
from adapters.fhir.systems import CARD, system_of, uri_of
from hub import people, trust
from hub.faults import Invalid, Missing
from hub.people import Demographics, Identification, Person, PersonUnknown
from hub.trust import RecordUnknown

_GENDERS = {"male": "M", "female": "F", "other": "U", "unknown": "U"}
_CODES = {"M": "male", "F": "female", "U": "unknown"}


def read(call: Call, logical_id: str) -> Resource:
    """A person that the caller has to do with. Refuses: NotAllowed, ResourceUnknown."""
    person_id = number_of("Patient", logical_id)
    call.about(person_id=person_id)
    try:
        row = people.look_up(call.session, call.caller, person_id)
    except (PersonUnknown, RecordUnknown):
        raise ResourceUnknown(reference=f"Patient/{logical_id}") from None
    return patient(call, row)


def search(call: Call, query: Query) -> list[Resource]:
    """By a number that the person shows, or by id. Refuses: NotAllowed, Missing, Invalid."""
    trust.require(call.caller, "people.read")
    if query.all("_id"):
        found = []
        for logical_id in query.one("_id").split(","):  # type: ignore[union-attr]
            try:
                found.append(read(call, logical_id))
            except ResourceUnknown:
                continue
        return found
    said = query.one("identifier")
    if said is None:
        raise Missing(element="identifier", allowed="identifier / _id")
    row = _known(call, said)
    return [] if row is None else [patient(call, row)]


def create(call: Call, body: Resource) -> tuple[Resource, bool]:
    """Find the person known by one of the identifiers, or register them and give them a card.

    The identifiers decide, so a create is always conditional; If-None-Exist may name one more.
    Refuses: NotAllowed, Missing, CitizenNumberWrong, IdentifierTaken.
    """
    trust.require(call.caller, "people.write")
    numbers = [
        Identification(
            system_of(said.get("system", ""), f"Patient.identifier[{n}].system"),
            said.get("value") or _missing(f"Patient.identifier[{n}].value"),
            f"Patient.identifier[{n}].value",
        )
        for n, said in enumerate(body.get("identifier", []))
    ]
    if not numbers:
        raise Missing(element="Patient.identifier")
    known = [_known_number(call, number) for number in numbers]
    if call.if_none_exist is not None:
        known.append(_known(call, _condition(call.if_none_exist)))
    first = next((row for row in known if row is not None), None)
    if call.if_none_exist is not None and known[-1] is not None:
        call.about(person_id=known[-1].id)
        return patient(call, known[-1]), False
    row = people.register(call.session, call.caller, demographics=_demographics(body), identifiers=numbers)
    call.about(person_id=row.id)
    return patient(call, row), first is None


def patient(call: Call, row: Person) -> Resource:
    """A person as a resource."""
    numbers = [{"use": "official", "system": CARD, "value": row.card_number}]
    for identifier in people.identifiers_of(call.session, row.id):
        numbers.append({"use": "usual", "system": uri_of(identifier.system), "value": identifier.value})
    told: Resource = {
        "resourceType": "Patient",
        "id": str(row.id),
        "active": True,
        "identifier": numbers,
        "name": [{"use": "official", "text": row.name}],
        "gender": _CODES[row.gender],
        "birthDate": row.birth_date.isoformat(),
    }
    if row.synthetic:
        told["meta"] = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
    if row.telephone:
        told["telecom"] = [{"system": "phone", "value": row.telephone, "use": "mobile"}]
    if row.address:
        told["address"] = [{"use": "home", "text": row.address}]
    return told


def _known(call: Call, said: str) -> Person | None:
    uri, value = token(said, element="identifier")
    if uri is None:
        raise Invalid(element="identifier", found=said, allowed="system|value")
    return _known_number(call, Identification(system_of(uri, "identifier"), value))


def _known_number(call: Call, number: Identification) -> Person | None:
    try:
        return people.resolve(call.session, system=number.system, value=number.value)
    except PersonUnknown:
        return None


def _condition(said: str) -> str:
    name, _, value = said.partition("=")
    if name != "identifier" or not value or "&" in value:
        raise Invalid(element="If-None-Exist", found=said, allowed="identifier=system|value")
    return value


def _demographics(body: Resource) -> Demographics:
    said_date = body.get("birthDate", "")
    if len(said_date) != 10:
        raise ResourceInvalid([Issue("Patient.birthDate", "required", "a full date is needed: YYYY-MM-DD")])
    phones = [t["value"] for t in body.get("telecom", []) if t.get("system") in ("phone", "sms") and t.get("value")]
    addresses = [_address(said) for said in body.get("address", [])]
    return Demographics(
        name=_name(body),
        gender=_GENDERS[body.get("gender", "unknown")],
        birth_date=date.fromisoformat(said_date),
        telephone=next(iter(phones), None),
        address=next(filter(None, addresses), None),
    )


def _name(body: Resource) -> str:
    """The official name before others; family before given, as a Chinese name is written."""
    names = sorted(body.get("name", []), key=lambda name: name.get("use") != "official")
    for name in names:
        text = name.get("text") or name.get("family", "") + "".join(name.get("given", []))
        if text.strip():
            return text.strip()
    raise Missing(element="Patient.name")


def _address(said: Resource) -> str:
    parts = (said.get(part, "") for part in ("state", "city", "district"))
    return said.get("text") or "".join([*parts, *said.get("line", [])])


def _missing(element: str) -> str:
    raise Missing(element=element)


PATIENT = ResourceType(
    "Patient",
    parameters={
        "_id": Parameter("token", "our logical id"),
        "identifier": Parameter("token", "system|value of a number the person is known by"),
    },
    read=read,
    search=search,
    create=create,
    conditional_create=True,
)
