"""Persons, their identifiers, the one card for life, and families.

persons.py ..... Person, Identifier, Card; resolve, cluster
registering.py . register, recognise: the person that a feed speaks of, found or made
deaths.py ...... who has died, and when
documents.py ... citizen numbers and their check digits
looking_up.py .. one person for whoever has to do with them, many for a batch
family.py ...... who may act for whom
signin.py ...... one-time codes to a person's telephone
"""

from hub.people.deaths import Death, PersonDied, died_on, record_death, require_alive, take_back_death
from hub.people.documents import CitizenNumberWrong, birth_date_of, check_digit, citizen_number, gender_of, uscc_check
from hub.people.family import Family, family_of, link_family, may_act_for, represented
from hub.people.looking_up import (
    asking_clusters,
    asking_snapshots,
    clusters,
    clusters_in,
    look_up,
    named,
    snapshot,
    snapshots,
    snapshots_in,
    sought,
)
from hub.people.persons import (
    Card,
    Identifier,
    IdentifierTaken,
    Person,
    PersonUnknown,
    TelephoneWrong,
    card_number,
    change_telephone,
    cluster,
    identifiers_of,
    person,
    resolve,
    same_card,
    telephone_number,
)
from hub.people.registering import Demographics, Identification, recognise, recognising, register
from hub.people.signin import send_sign_in_code, sign_in

__all__ = [
    "Card",
    "CitizenNumberWrong",
    "Death",
    "Demographics",
    "Family",
    "Identification",
    "Identifier",
    "IdentifierTaken",
    "Person",
    "PersonDied",
    "PersonUnknown",
    "TelephoneWrong",
    "asking_clusters",
    "asking_snapshots",
    "birth_date_of",
    "card_number",
    "change_telephone",
    "check_digit",
    "citizen_number",
    "cluster",
    "clusters",
    "clusters_in",
    "died_on",
    "family_of",
    "gender_of",
    "identifiers_of",
    "link_family",
    "look_up",
    "may_act_for",
    "named",
    "person",
    "recognise",
    "recognising",
    "record_death",
    "register",
    "represented",
    "require_alive",
    "resolve",
    "same_card",
    "send_sign_in_code",
    "sign_in",
    "snapshot",
    "snapshots",
    "snapshots_in",
    "sought",
    "take_back_death",
    "telephone_number",
    "uscc_check",
]
