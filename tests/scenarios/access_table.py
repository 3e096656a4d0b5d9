"""Who may do what (DESIGN section 11, API.md): the status of one well-formed call of each endpoint for each role.

`player` is an administrator who takes part, `admin` one who does not. Officer, liaison officer and leader belong to one
branch, bureau and administrators to its bureau, province to the province; the contest is the province's.
There are two bureaus, so that what all share is for the province's administrator (`ABOVE`).
"""

from __future__ import annotations

# On things of the officer's own branch and bureau.
HERE_TABLE = """
                                                                  nobody  officer  liaison   leader   bureau province   player    admin
GET /api/v1/audit                                                    401      403      403      403      403      403      200      200
GET /api/v1/branches                                                 401      200      200      200      200      200      200      200
GET /api/v1/branches/{branch_id}/officers                            401      403      200      200      200      403      200      200
GET /api/v1/branches/{branch_id}/officers.xlsx                       401      403      200      200      200      403      200      200
GET /api/v1/branches/{branch_id}/participation                       401      200      200      200      200      200      200      200
POST /api/v1/branches/{branch_id}/reminders                          401      403      201      201      201      403      201      201
GET /api/v1/challenges                                               401      200      200      200      200      200      200      200
GET /api/v1/channels                                                 401      403      403      403      403      403      200      200
POST /api/v1/channels                                                401      403      403      403      403      403      201      201
PATCH /api/v1/channels/{channel_id}                                  401      403      403      403      403      403      200      200
DELETE /api/v1/channels/{channel_id}                                 401      403      403      403      403      403      204      204
POST /api/v1/channels/{channel_id}/test                              401      403      403      403      403      403      200      200
GET /api/v1/contests                                                 401      200      200      200      200      200      200      200
POST /api/v1/contests                                                401      403      403      403      403      403      201      201
GET /api/v1/contests/{contest_id}                                    401      200      200      200      200      200      200      200
PATCH /api/v1/contests/{contest_id}                                  401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/open                              401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/pause                             401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/resume                            401      403      403      403      403      403      200      200
GET /api/v1/daily-quiz/attempts/{attempt_id}                         401      200      200      200      404      404      200      404
POST /api/v1/daily-quiz/attempts/{attempt_id}/answers                401      200      200      200      404      404      200      404
PUT /api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}      401      200      200      200      404      404      200      404
GET /api/v1/daily-quiz/today                                         401      200      200      200      200      200      200      200
POST /api/v1/daily-quiz/today/attempt                                401      200      200      200      403      403      200      403
POST /api/v1/deliveries/{delivery_id}/confirm                        401      403      200      200      200      403      200      200
POST /api/v1/deliveries/{delivery_id}/resend                         401      403      200      200      200      403      200      200
GET /api/v1/exemptions                                               401      403      403      403      200      403      200      200
POST /api/v1/exemptions                                              401      403      403      403      201      403      201      201
DELETE /api/v1/exemptions/{exemption_id}                             401      403      403      403      204      403      204      204
GET /api/v1/exports/questions                                        401      403      403      403      403      403      403      200
GET /api/v1/flags                                                    401      403      403      403      403      403      200      200
POST /api/v1/flags/{flag_id}/decide                                  401      403      403      403      403      403      200      200
POST /api/v1/imports/questions                                       401      403      403      403      403      403      403      200
GET /api/v1/imports/questions/template                               401      403      403      403      403      403      403      200
POST /api/v1/imports/roster                                          401      403      403      403      403      403      200      200
GET /api/v1/imports/{import_id}/credentials.xlsx                     401      403      403      403      403      403      200      200
GET /api/v1/instruments                                              401      403      403      403      403      403      403      200
POST /api/v1/instruments/{name}/confirm                              401      403      403      403      403      403      403      403
POST /api/v1/instruments/{name}/withdraw                             401      403      403      403      403      403      403      403
POST /api/v1/match-tickets                                           401      201      201      201      403      403      201      403
GET /api/v1/match-tickets/{ticket_id}                                401      200      200      200      404      404      200      404
DELETE /api/v1/match-tickets/{ticket_id}                             401      204      204      204      404      404      204      404
GET /api/v1/matches                                                  401      200      200      200      200      200      200      200
GET /api/v1/matches/{match_id}                                       401      200      200      200      404      404      200      404
PUT /api/v1/matches/{match_id}/answers/{position}                    401      200      200      200      404      404      200      404
POST /api/v1/matches/{match_id}/forfeit                              401      200      200      200      404      404      200      404
GET /api/v1/me                                                       401      200      200      200      200      200      200      200
PATCH /api/v1/me                                                     401      200      200      200      200      200      200      200
PATCH /api/v1/me/preferences                                         401      200      200      200      200      200      200      200
PUT /api/v1/me/password                                              401      204      204      204      204      204      204      204
GET /api/v1/notices                                                  401      403      200      200      200      200      200      200
POST /api/v1/notices/preview                                         401      403      200      200      200      200      200      200
GET /api/v1/notices/{notice_id}                                      401      403      200      200      200      200      200      200
GET /api/v1/officers                                                 401      403      200      200      200      403      200      200
POST /api/v1/officers/{officer_id}/password-reset                    401      403      201      403      403      403      201      201
POST /api/v1/officers/{officer_id}/sign-in-link                      401      403      201      403      403      403      201      201
GET /api/v1/participation/me                                         401      200      200      200      200      200      200      200
GET /api/v1/questions                                                401      403      403      403      403      403      403      200
GET /api/v1/questions/expiring                                       401      403      403      403      403      403      403      200
GET /api/v1/questions/statistics                                     401      403      403      403      403      403      403      200
GET /api/v1/questions/suspicious                                     401      403      403      403      403      403      403      200
GET /api/v1/questions/warnings                                       401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}                                  401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/life                             401      403      403      403      403      403      403      200
POST /api/v1/questions/{question_id}/state                           401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/statistics                       401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/why                              401      403      403      403      403      403      403      200
GET /api/v1/rankings/branches                                        401      200      200      200      200      200      200      200
GET /api/v1/rankings/branches.csv                                    401      200      200      200      200      200      200      200
GET /api/v1/rankings/branches.xlsx                                   401      200      200      200      200      200      200      200
GET /api/v1/rankings/bureaus                                         401      403      403      403      403      200      403      403
GET /api/v1/rankings/officers                                        401      200      200      200      200      200      200      200
POST /api/v1/sessions                                                201      201      201      201      201      201      201      201
DELETE /api/v1/sessions/current                                      401      204      204      204      204      204      204      204
POST /api/v1/sessions/link                                           201      201      201      201      201      201      201      201
POST /api/v1/transfers                                               401      403      403      403      201      403      201      201
GET /api/v1/units                                                    401      200      200      200      200      200      200      200
POST /api/v1/units                                                   401      403      403      403      403      403      201      201
GET /docs                                                            200      200      200      200      200      200      200      200
GET /docs-assets/{file}                                              200      200      200      200      200      200      200      200
GET /health/live                                                     200      200      200      200      200      200      200      200
GET /health/ready                                                    200      200      200      200      200      200      200      200
GET /metrics                                                         200      200      200      200      200      200      200      200
GET /openapi.json                                                    200      200      200      200      200      200      200      200
GET /api/v1/contests/{contest_id}/brief.docx                         401      403      200      200      200      200      200      200
GET /api/v1/contests/{contest_id}/report.docx                        401      403      200      200      200      200      200      200
GET /api/v1/contests/{contest_id}/commendation                       401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/commendation.docx                  401      403      403      403      200      403      200      200
GET /api/v1/notices/{notice_id}/ranking.png                          401      403      404      404      200      200      200      200
GET /api/v1/notices/{notice_id}/notice.docx                          401      403      404      404      200      200      200      200
GET /api/v1/drafts                                                   401      403      403      403      200      403      200      200
POST /api/v1/drafts/{draft_id}/approve                               401      403      403      403      200      403      200      200
PATCH /api/v1/drafts/{draft_id}                                      401      403      403      403      200      403      200      200
POST /api/v1/drafts/{draft_id}/reject                                401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/calendar                           401      200      200      200      200      200      200      200
PUT /api/v1/contests/{contest_id}/calendar                           401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/calendar/fill                     401      403      403      403      403      403      200      200
GET /api/v1/notice-templates                                         401      403      200      200      200      200      200      200
GET /api/v1/notice-templates/{slot}/{audience}                       401      403      200      200      200      200      200      200
PUT /api/v1/notice-templates/{slot}/{audience}                       401      403      403      403      403      403      200      200
DELETE /api/v1/notice-templates/{slot}/{audience}                    401      403      403      403      403      403      200      200
POST /api/v1/notice-templates/preview                                401      403      403      403      403      403      200      200
GET /api/v1/slots                                                    401      403      403      403      200      200      200      200
POST /api/v1/slots/hold                                              401      403      403      403      201      403      201      201
POST /api/v1/slots/{hold_id}/release                                 401      403      403      403      200      403      200      200
POST /api/v1/slots/{hold_id}/drop                                    401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/province-places                    401      403      403      403      200      403      200      200
PUT /api/v1/contests/{contest_id}/province-places/{day}              401      403      403      403      200      403      200      200
DELETE /api/v1/contests/{contest_id}/province-places/{day}           401      403      403      403      204      403      204      204
"""

# On things of another branch of the same bureau: whatever names something.
BESIDE_TABLE = """
                                                                  nobody  officer  liaison   leader   bureau province   player    admin
GET /api/v1/branches/{branch_id}/officers                            401      403      404      404      200      403      200      200
GET /api/v1/branches/{branch_id}/officers.xlsx                       401      403      404      404      200      403      200      200
GET /api/v1/branches/{branch_id}/participation                       401      200      200      200      200      200      200      200
POST /api/v1/branches/{branch_id}/reminders                          401      403      404      404      201      403      201      201
POST /api/v1/channels                                                401      403      403      403      403      403      201      201
PATCH /api/v1/channels/{channel_id}                                  401      403      403      403      403      403      200      200
DELETE /api/v1/channels/{channel_id}                                 401      403      403      403      403      403      204      204
POST /api/v1/channels/{channel_id}/test                              401      403      403      403      403      403      200      200
POST /api/v1/contests                                                401      403      403      403      403      403      201      201
GET /api/v1/contests/{contest_id}                                    401      200      200      200      200      200      200      200
PATCH /api/v1/contests/{contest_id}                                  401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/open                              401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/pause                             401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/resume                            401      403      403      403      403      403      200      200
GET /api/v1/daily-quiz/attempts/{attempt_id}                         401      404      404      404      404      404      404      404
POST /api/v1/daily-quiz/attempts/{attempt_id}/answers                401      404      404      404      404      404      404      404
PUT /api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}      401      404      404      404      404      404      404      404
POST /api/v1/deliveries/{delivery_id}/confirm                        401      403      404      404      200      403      200      200
POST /api/v1/deliveries/{delivery_id}/resend                         401      403      404      404      200      403      200      200
POST /api/v1/exemptions                                              401      403      403      403      201      403      201      201
DELETE /api/v1/exemptions/{exemption_id}                             401      403      403      403      204      403      204      204
POST /api/v1/flags/{flag_id}/decide                                  401      403      403      403      403      403      200      200
POST /api/v1/imports/roster                                          401      403      403      403      403      403      200      200
GET /api/v1/imports/{import_id}/credentials.xlsx                     401      403      403      403      403      403      200      200
POST /api/v1/match-tickets                                           401      201      201      201      403      403      201      403
GET /api/v1/match-tickets/{ticket_id}                                401      404      404      404      404      404      404      404
DELETE /api/v1/match-tickets/{ticket_id}                             401      404      404      404      404      404      404      404
GET /api/v1/matches/{match_id}                                       401      404      404      404      404      404      404      404
PUT /api/v1/matches/{match_id}/answers/{position}                    401      404      404      404      404      404      404      404
POST /api/v1/matches/{match_id}/forfeit                              401      404      404      404      404      404      404      404
POST /api/v1/notices/preview                                         401      403      404      404      200      200      200      200
GET /api/v1/notices/{notice_id}                                      401      403      404      404      200      200      200      200
POST /api/v1/officers/{officer_id}/password-reset                    401      403      404      403      403      403      201      201
POST /api/v1/officers/{officer_id}/sign-in-link                      401      403      404      403      403      403      201      201
GET /api/v1/questions/{question_id}                                  401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/life                             401      403      403      403      403      403      403      200
POST /api/v1/questions/{question_id}/state                           401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/statistics                       401      403      403      403      403      403      403      200
GET /api/v1/questions/{question_id}/why                              401      403      403      403      403      403      403      200
POST /api/v1/transfers                                               401      403      403      403      201      403      201      201
POST /api/v1/units                                                   401      403      403      403      403      403      201      201
GET /api/v1/contests/{contest_id}/brief.docx                         401      403      200      200      200      200      200      200
GET /api/v1/contests/{contest_id}/report.docx                        401      403      200      200      200      200      200      200
GET /api/v1/contests/{contest_id}/commendation                       401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/commendation.docx                  401      403      403      403      200      403      200      200
GET /api/v1/notices/{notice_id}/ranking.png                          401      403      404      404      200      200      200      200
GET /api/v1/notices/{notice_id}/notice.docx                          401      403      404      404      200      200      200      200
POST /api/v1/drafts/{draft_id}/approve                               401      403      403      403      200      403      200      200
PATCH /api/v1/drafts/{draft_id}                                      401      403      403      403      200      403      200      200
POST /api/v1/drafts/{draft_id}/reject                                401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/calendar                           401      200      200      200      200      200      200      200
PUT /api/v1/contests/{contest_id}/calendar                           401      403      403      403      403      403      200      200
POST /api/v1/contests/{contest_id}/calendar/fill                     401      403      403      403      403      403      200      200
POST /api/v1/slots/hold                                              401      403      403      403      201      403      201      201
POST /api/v1/slots/{hold_id}/release                                 401      403      403      403      200      403      200      200
POST /api/v1/slots/{hold_id}/drop                                    401      403      403      403      200      403      200      200
GET /api/v1/contests/{contest_id}/province-places                    401      403      403      403      200      403      200      200
PUT /api/v1/contests/{contest_id}/province-places/{day}              401      403      403      403      200      403      200      200
DELETE /api/v1/contests/{contest_id}/province-places/{day}           401      403      403      403      204      403      204      204
"""

# On things of another bureau of the same province. A roster file that names its branch is refused as a whole.
ELSEWHERE_TABLE = """
                                                                  nobody  officer  liaison   leader   bureau province   player    admin
GET /api/v1/branches/{branch_id}/officers                            401      403      404      404      404      403      404      404
GET /api/v1/branches/{branch_id}/officers.xlsx                       401      403      404      404      404      403      404      404
GET /api/v1/branches/{branch_id}/participation                       401      404      404      404      404      200      404      404
POST /api/v1/branches/{branch_id}/reminders                          401      403      404      404      404      403      404      404
POST /api/v1/channels                                                401      403      403      403      403      403      404      404
PATCH /api/v1/channels/{channel_id}                                  401      403      403      403      403      403      404      404
DELETE /api/v1/channels/{channel_id}                                 401      403      403      403      403      403      404      404
POST /api/v1/channels/{channel_id}/test                              401      403      403      403      403      403      404      404
POST /api/v1/contests                                                401      403      403      403      403      403      404      404
GET /api/v1/contests/{contest_id}                                    401      404      404      404      404      200      404      404
PATCH /api/v1/contests/{contest_id}                                  401      403      403      403      403      403      404      404
POST /api/v1/contests/{contest_id}/open                              401      403      403      403      403      403      404      404
POST /api/v1/contests/{contest_id}/pause                             401      403      403      403      403      403      404      404
POST /api/v1/contests/{contest_id}/resume                            401      403      403      403      403      403      404      404
GET /api/v1/daily-quiz/attempts/{attempt_id}                         401      404      404      404      404      404      404      404
POST /api/v1/daily-quiz/attempts/{attempt_id}/answers                401      404      404      404      404      404      404      404
PUT /api/v1/daily-quiz/attempts/{attempt_id}/answers/{position}      401      404      404      404      404      404      404      404
POST /api/v1/deliveries/{delivery_id}/confirm                        401      403      404      404      404      403      404      404
POST /api/v1/deliveries/{delivery_id}/resend                         401      403      404      404      404      403      404      404
POST /api/v1/exemptions                                              401      403      403      403      404      403      404      404
DELETE /api/v1/exemptions/{exemption_id}                             401      403      403      403      404      403      404      404
POST /api/v1/flags/{flag_id}/decide                                  401      403      403      403      403      403      404      404
POST /api/v1/imports/roster                                          401      403      403      403      403      403      422      422
GET /api/v1/imports/{import_id}/credentials.xlsx                     401      403      403      403      403      403      404      404
POST /api/v1/match-tickets                                           401      201      201      201      403      403      201      403
GET /api/v1/match-tickets/{ticket_id}                                401      404      404      404      404      404      404      404
DELETE /api/v1/match-tickets/{ticket_id}                             401      404      404      404      404      404      404      404
GET /api/v1/matches/{match_id}                                       401      404      404      404      404      404      404      404
PUT /api/v1/matches/{match_id}/answers/{position}                    401      404      404      404      404      404      404      404
POST /api/v1/matches/{match_id}/forfeit                              401      404      404      404      404      404      404      404
POST /api/v1/notices/preview                                         401      403      404      404      404      200      404      404
GET /api/v1/notices/{notice_id}                                      401      403      404      404      404      200      404      404
POST /api/v1/officers/{officer_id}/password-reset                    401      403      404      403      403      403      404      404
POST /api/v1/officers/{officer_id}/sign-in-link                      401      403      404      403      403      403      404      404
GET /api/v1/questions/{question_id}                                  401      403      403      403      403      403      403      404
GET /api/v1/questions/{question_id}/life                             401      403      403      403      403      403      403      404
POST /api/v1/questions/{question_id}/state                           401      403      403      403      403      403      403      404
GET /api/v1/questions/{question_id}/statistics                       401      403      403      403      403      403      403      404
GET /api/v1/questions/{question_id}/why                              401      403      403      403      403      403      403      404
POST /api/v1/transfers                                               401      403      403      403      404      403      404      404
POST /api/v1/units                                                   401      403      403      403      403      403      404      404
GET /api/v1/contests/{contest_id}/brief.docx                         401      403      404      404      404      200      404      404
GET /api/v1/contests/{contest_id}/report.docx                        401      403      404      404      404      200      404      404
GET /api/v1/contests/{contest_id}/commendation                       401      403      403      403      404      403      404      404
GET /api/v1/contests/{contest_id}/commendation.docx                  401      403      403      403      404      403      404      404
GET /api/v1/notices/{notice_id}/ranking.png                          401      403      404      404      404      200      404      404
GET /api/v1/notices/{notice_id}/notice.docx                          401      403      404      404      404      200      404      404
POST /api/v1/drafts/{draft_id}/approve                               401      403      403      403      404      403      404      404
PATCH /api/v1/drafts/{draft_id}                                      401      403      403      403      404      403      404      404
POST /api/v1/drafts/{draft_id}/reject                                401      403      403      403      404      403      404      404
GET /api/v1/contests/{contest_id}/calendar                           401      404      404      404      404      200      404      404
PUT /api/v1/contests/{contest_id}/calendar                           401      403      403      403      403      403      404      404
POST /api/v1/contests/{contest_id}/calendar/fill                     401      403      403      403      403      403      404      404
POST /api/v1/slots/hold                                              401      403      403      403      404      403      404      404
POST /api/v1/slots/{hold_id}/release                                 401      403      403      403      404      403      404      404
POST /api/v1/slots/{hold_id}/drop                                    401      403      403      403      404      403      404      404
GET /api/v1/contests/{contest_id}/province-places                    401      403      403      403      404      403      404      404
PUT /api/v1/contests/{contest_id}/province-places/{day}              401      403      403      403      404      403      404      404
DELETE /api/v1/contests/{contest_id}/province-places/{day}           401      403      403      403      404      403      404      404
"""

# By an administrator of the province.
ABOVE = {
    "POST /api/v1/instruments/{name}/confirm": 200,
    "POST /api/v1/instruments/{name}/withdraw": 200,
}
