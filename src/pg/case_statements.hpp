#pragma once
#include "pg/query.hpp"

// What is said to PostgreSQL about requests: what each statement does, and answers, stands beside its text.
namespace countersign::pg {

// (uuid[] requests, int4[] known entries, how many of them): rows of `case_columns`.
extern const Query read_cases;
extern const Query lock_case;  // the same of one, whose lock it waits for
extern const Query write_cases;
extern const Query write_new_cases;
extern const Query next_numbers;   // (how many)
extern const Query key_used;       // (token, key): request, fingerprint, created_at, seal
extern const Query others_in_log;  // (request, uuid[] events): a row, when the log knows another of it
extern const Query write_refused;  // (request, person, why, at, act, its record, its seal)
extern const Query add_cards;      // (request, version, now, uuid[] cards, text[] surfaces, text[] channels)
extern const Query take_over;      // (request, holder, until, now): a row, when the messages are ours now
extern const Query set_aside;      // (request)

}  // namespace countersign::pg
