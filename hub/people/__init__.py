"""Persons, their identifiers, the one card for life, and families.

persons.py ..... Person, Identifier, Card; register, resolve, cluster, snapshot
documents.py ... citizen numbers and their check digits
looking_up.py .. one person for whoever has to do with them, many for a batch
family.py ...... who may act for whom
signin.py ...... one-time codes to a person's telephone
"""

from hub.people.documents import CitizenNumberWrong, birth_date_of, check_digit, citizen_number, gender_of, uscc_check
from hub.people.family import Family, family_of, link_family, may_act_for, represented
from hub.people.looking_up import clusters, look_up, snapshots
from hub.people.persons import (
    Card,
    Demographics,
    Identification,
    Identifier,
    IdentifierTaken,
    Person,
    PersonUnknown,
    card_number,
    change_telephone,
    cluster,
    identifiers_of,
    person,
    register,
    resolve,
    same_card,
    snapshot,
)
from hub.people.signin import send_sign_in_code, sign_in

__all__ = [
    "Card",
    "CitizenNumberWrong",
    "Demographics",
    "Family",
    "Identification",
    "Identifier",
    "IdentifierTaken",
    "Person",
    "PersonUnknown",
    "birth_date_of",
    "card_number",
    "change_telephone",
    "check_digit",
    "citizen_number",
    "cluster",
    "clusters",
    "family_of",
    "gender_of",
    "identifiers_of",
    "link_family",
    "look_up",
    "may_act_for",
    "person",
    "register",
    "represented",
    "resolve",
    "same_card",
    "send_sign_in_code",
    "sign_in",
    "snapshot",
    "snapshots",
    "uscc_check",
]
