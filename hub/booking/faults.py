"""What booking refuses, each with the sentence that the person at the counter reads."""

from hub.faults import Conflict, Refused, Unknown


class SlotUnknown(Unknown):
    zh = "没有编号为 {slot_id} 的号源。请重新查询号源后再约。"
    en = "There is no slot {slot_id}. Search for slots again."


class SlotPast(Refused):
    zh = "{organisation}{department} {start} 的号已开始就诊，不能再约。请选择以后的时间。"
    en = "The slot at {department_en}, {start_en}, has already begun. Choose a later one."


class SlotBlocked(Conflict):
    zh = "{organisation}{department} {start} 已停诊。请选择其他时间或其他医生。"
    en = "{department_en}, {start_en}: this clinic has been stopped. Choose another time or another doctor."


class SlotReserved(Refused):
    zh = "{organisation}{department} {start} 是转诊专用号，须由转诊医生办理。请选择普通号源。"
    en = "{department_en}, {start_en} is kept for referrals; the referring doctor books it. Choose another slot."


class SlotTaken(Conflict):
    zh = "{organisation}{department} {start} 已约满（共 {capacity} 个号）。请选择其他时间。"
    en = "{department_en}, {start_en} is full ({capacity} places). Choose another time."


class AlreadyBooked(Conflict):
    zh = "这张卡已约了 {department} {start} 的号（预约编号 {appointment_id}），不必重复预约。"
    en = "This card already holds {department_en}, {start_en} (appointment {appointment_id})."


class LimitReached(Refused):
    zh = "限约规则“{rule}”：{days} 天内最多 {most} 次，这张卡已有 {count} 次。{free_from} 起的号可以再约。"
    en = "Limit '{rule_en}': at most {most} in {days} days, this card has {count}. Slots from {free_from} are possible."


class HoldUnknown(Unknown):
    zh = "没有编号为 {hold_id} 的留号，可能已经释放。请重新选择时间。"
    en = "There is no hold {hold_id}; it may have been released. Choose a time again."


class AppointmentStarted(Refused):
    zh = "预约 {appointment_id}（{start}）的就诊时间已到，不能再{verb}。请到窗口办理。"
    en = "Appointment {appointment_id} ({start_en}) has begun; {verb_en} is no longer possible. Ask at the counter."


class OtherDepartment(Refused):
    zh = "改约只能改到同一科室（{department}）。要去别的科室，请先取消再预约。"
    en = "An appointment moves only within its department ({department_en}). To go elsewhere, cancel and book again."


class ScheduleOverlaps(Conflict):
    zh = "{practitioner}在这些时间已有排班（排班编号 {schedule_id}）。请先调整原排班。"
    en = "{practitioner} already has a schedule at these times (schedule {schedule_id}). Change that one first."


class FeeNotDue(Refused):
    zh = "预约 {appointment_id} 现在是“{state}”，不再收挂号费。"
    en = "Appointment {appointment_id} is {state}; no fee is due."


class FeePaid(Conflict):
    zh = "预约 {appointment_id} 的挂号费 {amount} 元已收（收据 {receipt}），请核对收据号和金额。"
    en = "The fee of appointment {appointment_id} ({amount} yuan) was paid under receipt {receipt}. Check the receipt."


class FeeUnknown(Unknown):
    zh = "预约 {appointment_id} 没有收过挂号费。"
    en = "No fee was paid for appointment {appointment_id}."


class ClinicStopped(Refused):
    zh = "这个号在停诊时段内（停诊编号 {stop_id}，原因：{reason}），不能再放号。要出诊请另排班。"
    en = "This slot lies in a stopped clinic (stop {stop_id}: {reason}) and cannot be sold again. Add another schedule."


class StopTooLong(Refused):
    zh = "一次停诊最长 {days} 天，收到 {since} 至 {until}。请分次办理。"
    en = "One stop covers at most {days} days; {since} to {until} is longer. Do it in parts."


class StopOver(Refused):
    zh = "停诊时段 {since} 至 {until} 已经过去。"
    en = "The time to stop, {since} to {until}, is already over."


class PlaceFree(Refused):
    zh = "{start} 还有号，不用排候补，请直接预约（号源 {slot_id}）。"
    en = "There is a free place at {start_en} (slot {slot_id}): book it, there is no need to wait."


class WaitingUnknown(Unknown):
    zh = "没有编号为 {wish_id} 的候补。"
    en = "There is no wish {wish_id} on the waiting list."


class NothingOffered(Conflict):
    zh = "候补 {wish_id} 现在没有留给您的号：可能已过确认时间，给了下一位。您仍在队里，有号会再发短信。"
    en = "No place is kept for wish {wish_id} now: its time may have run out. You keep your turn and will be told."
