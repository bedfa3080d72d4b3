"""The identifier and code systems of this server, both ways."""

from hub.faults import Invalid, Problem

CITIZEN_NUMBER = "urn:oid:2.16.156.10011.1.3"
CARD = "urn:onecard:card"
INSURED_NUMBER = "urn:onecard:psn-no"
RECORD_NUMBER = "urn:onecard:mrn:"
DOCUMENT_NUMBER = "urn:onecard:certno:"
INSTITUTION = "urn:onecard:institution"
PRACTITIONER = "urn:onecard:practitioner"
REFERRAL_NUMBER = "urn:onecard:referral-number:"
REFERRAL_CHAIN = "urn:onecard:referral-chain"
REFERRAL_STATE = "urn:onecard:referral-state"
SERVICE = "urn:onecard:service"
ORDER = "urn:onecard:order"
OBSERVATION_CODE = "urn:onecard:observation"
REPORT_NUMBER = "urn:onecard:report-number:"
VISIT_NUMBER = "urn:onecard:visit-number:"
CATALOGUE_ITEM = "urn:onecard:catalogue-item"
ITEM_CLASS = "urn:onecard:item-class"
FUND = "urn:onecard:fund"
ADJUDICATION = "urn:onecard:adjudication"
RULE = "urn:onecard:rule"
CARE = "urn:onecard:care"
CHRONIC = "urn:onecard:chronic-disease"
INSURANCE_TYPE = "urn:onecard:insutype"
CLEARING_TYPE = "urn:onecard:clr-type"
SETTLEMENT_KEY = "urn:onecard:settlement-key:"
CHARGE_BATCH = "urn:onecard:charge-batch:"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ABNORMAL = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

_EXACT = {CITIZEN_NUMBER: "certno/01", CARD: "card", INSURED_NUMBER: "psn_no"}
_OPEN = {RECORD_NUMBER: "mrn/", DOCUMENT_NUMBER: "certno/"}


def system_of(uri: str, element: str) -> str:
    """Our name of an identifier system. Refuses: Invalid, listing those known."""
    if uri in _EXACT:
        return _EXACT[uri]
    for prefix, ours in _OPEN.items():
        if uri.startswith(prefix) and len(uri) > len(prefix):
            return ours + uri[len(prefix) :]
    allowed = ", ".join([*_EXACT, *(f"{prefix}…" for prefix in _OPEN)])
    raise Invalid(element=element, found=uri, allowed=allowed, problem=Problem.CODE)


def uri_of(system: str) -> str:
    """The URI of one of our identifier systems."""
    for uri, ours in _EXACT.items():
        if ours == system:
            return uri
    head, _, rest = system.partition("/")
    return next(uri for uri, ours in _OPEN.items() if ours == f"{head}/") + rest
