"""Tests of the notices. Where the eleven cases of NOTICES.md are held ("Cases the tests must hold"):

1. Three processes, same tick: `test_processes.test_three_processes_at_the_same_slot_send_each_group_its_notice_once`;
   private ones: `test_private_planning.test_three_processes_tell_everybody_once`,
   previews: `test_organisers.test_three_processes_plan_one_preview`.
2. SIGKILL after the claim, during the POST, between answer and commit: `test_processes.test_killed_...` (three); where the
   receiver drops a second copy: `test_vendors.test_a_message_that_arrived_in_doubt_is_kept_once_by_the_receiver`.
3. Lease lost before the fence: `test_delivering.test_a_lease_lost_before_the_fence_posts_nothing`.
4. 45009 twice, then 0: `test_delivering.test_45009_twice_then_0_is_accepted_once_and_the_others_go_on`, every vendor's rate
   code: `test_vendors.test_a_rate_code_blocks_the_channel_and_twice_then_0_is_one_message`; 130101 beside others:
   `test_cases.test_130101_rests_that_channel_for_ten_minutes_and_the_others_go_on`.
5. 93000, 310000, 19021: `test_cases.test_a_configuration_code_is_dead_visible_and_alerted`; hang:
   `test_cases.test_a_receiver_that_hangs_leaves_a_doubt`; closed, reset, 502, HTML:
   `test_delivering.test_what_each_answer_means`, `test_vendors.test_a_group_robots_doubt_is_left_to_a_person`;
   refused: `test_cases.test_a_refused_connection_is_tried_again`; e-mail: `test_mail.test_what_each_break_means`.
6. 4096 and 4097 bytes: `test_rules.test_4096_bytes_are_one_part_and_4097_two`,
   `test_vendors.test_one_byte_over_the_limit_makes_two_parts`; no half character: `test_rules.test_split_loses_nothing_...`;
   over HTTP: `test_delivering.test_a_long_notice_goes_in_parts_within_the_limit_in_order`; part 2 waits:
   `test_delivering.test_part_two_waits_until_a_person_settles_part_one`.
7. `invaliduser`: `test_vendors.test_people_who_cannot_be_reached_are_a_visible_partial_failure`; partial SMTP refusal:
   `test_cases.test_a_partial_refusal_by_mail_is_seen_by_people`, `test_mail.test_a_test_to_several_tells_who_was_refused`.
8. Down: `test_planning.test_down_at_eight_...`, `..._down_from_eleven_to_six_...`, `..._down_until_two_...`; the last day:
   `test_planning.test_the_last_days_final_goes_out_the_next_morning_and_nothing_after`; with real processes: the week below.
9. A UTC container: `test_processes.test_a_container_in_another_zone_means_the_same_instants`,
   `test_clock.test_the_trigger_fires_at_shanghai_hours_in_any_container`; SIGTERM:
   `test_clock.test_sigterm_in_the_middle_of_a_post_finishes_it`; database away:
   `test_database_away.test_a_database_stopped_at_eight_is_made_good_once_by_the_same_process`.
10. Resend twice: `test_vendors.test_resend_pressed_twice_sends_once`, `test_notices_api.test_resend_pressed_twice_sends_once`;
    phones: `test_cases.test_no_phone_in_any_group_message_or_log_of_a_process`,
    `test_planning.test_no_names_and_no_phones_in_any_message`; signatures: `test_signatures`.
11. Holidays: `tests.contests.test_calendar.test_a_year_that_is_not_known_is_told_and_never_guessed`,
    `..._every_day_counts_where_nobody_said_otherwise`,
    `test_cases.test_in_a_year_without_known_holidays_every_day_has_its_notices`, `test_uncounted_days`.

All of them together, at random: `tests.scenarios.test_notice_week`.
"""
