"""The hospital workbench: today, referrals in and out, consultations, the window."""

from fastapi import APIRouter

from adapters.web.desk import bills, charge, consultations, records, refer, referrals, stops, today, window

router = APIRouter(include_in_schema=False)
for part in (today, charge, bills, window, stops, refer, consultations, records, referrals):
    router.include_router(part.router)
