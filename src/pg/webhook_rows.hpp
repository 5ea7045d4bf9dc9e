#pragma once
#include <pqxx/row>

#include "countersign/app/webhooks.hpp"
#include "pg/query.hpp"
#include "pg/sealing.hpp"

// Rows of `subscription` and `delivery` as values. A row that does not have the form it was written in, or
// not its seal, is corrupt.
namespace countersign::pg {

inline constexpr const char* subscription_columns =
    "s.id, s.token, s.owner, s.callback_of, s.url, array_to_string(s.events, E'\\x1f'), "
    "array_to_string(s.actions, E'\\x1f'), array_to_string(s.environments, E'\\x1f'), "
    "array_to_string(s.requesters, E'\\x1f'), s.secret_number, s.old_secret_until, s.key_id, s.created_at, "
    "s.ended_at, s.ended_why, s.lane, s.from_index, encode(s.seal, 'hex')";
inline constexpr const char* delivery_columns =
    "d.event_id, d.type, d.at, d.request_id, d.version, d.index, d.attempts, d.begun_at, d.state, d.due_at, "
    "d.last_at, d.last_status, d.last_problem, d.last_answer, d.last_us";

// All live subscriptions that are no callbacks, with the columns above.
extern const Query lasting_subscriptions;

// The failure of a row of a `what` ("delivery") that does not have the form it was written in.
std::unexpected<Failure> unreadable_row(std::string_view what);
// What the seal of a subscription covers: where it goes, what it hears, and with which secret it is signed.
app::SealInput seal_input(const app::Subscription& one);
// `at`: where the columns of the subscription begin.
Result<app::Subscription> subscription_from(const pqxx::row& row, const app::Seals& seals, int at = 0);
// Reads the first eight of delivery_columns from `at` on.
Result<app::EventRef> event_from(const pqxx::row& row, int at = 0);
Result<app::Delivery> delivery_from(const pqxx::row& row);

}  // namespace countersign::pg
