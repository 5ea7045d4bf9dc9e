#include "pg/webhook_rows.hpp"

#include <string>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {

std::unexpected<Failure> unreadable_row(std::string_view what) {
    return fail(Trouble::corrupt, "the row of a " + std::string(what) + " is not readable");
}

const Query lasting_subscriptions =
    composed(std::string("SELECT ") + subscription_columns +
             " FROM subscription s WHERE callback_of IS NULL AND ended_at IS NULL ORDER BY id");

app::SealInput seal_input(const app::Subscription& one) {
    app::SealInput input("subscription");
    input.add(as_text(one.id.bytes())).add(as_text(one.token.bytes()));
    input.add(one.owner ? std::optional(one.owner->text()) : std::nullopt);
    input.add(one.callback_of ? std::optional(one.callback_of->text()) : std::nullopt);
    input.add(one.url).add(one.events).add(one.filter.actions).add(one.filter.environments);
    input.add(one.filter.requesters).add(std::int64_t{one.secret_number});
    input.add(one.old_secret_until ? std::optional(core::rfc3339(*one.old_secret_until)) : std::nullopt);
    input.add(one.key_id).add(core::rfc3339(one.created_at));
    return input;
}

Result<app::Subscription> subscription_from(const pqxx::row& row, const app::Seals& seals, int at) {
    auto id = id_from<core::SubscriptionId>(view(row[at]));
    auto token = id_from<core::TokenId>(view(row[at + 1]));
    auto created = instant_from(row[at + 12]);
    if (!id || !token || !created) return unreadable_row("subscription");
    app::Subscription one{.id = *id,
                          .token = *token,
                          .owner = {},
                          .url = std::string(view(row[at + 4])),
                          .events = texts(row[at + 5]),
                          .filter = {texts(row[at + 6]), texts(row[at + 7]), texts(row[at + 8])},
                          .callback_of = {},
                          .secret_number = row[at + 9].as<std::int32_t>(),
                          .old_secret_until = instant_from(row[at + 10]),
                          .key_id = std::string(view(row[at + 11])),
                          .created_at = *created,
                          .ended = {}};
    if (!row[at + 2].is_null()) one.owner = core::AccountId{std::string(view(row[at + 2]))};
    if (!row[at + 3].is_null()) one.callback_of = id_from<core::RequestId>(view(row[at + 3]));
    if (auto ended = instant_from(row[at + 13])) one.ended = {*ended, std::string(view(row[at + 14]))};
    auto seal = seal_from(view(row[at + 17]));
    auto check = seal ? seals.check(seal_input(one), *seal) : app::SealCheck::broken;
    if (check == app::SealCheck::holds) return one;
    Failure failure = unsealed(check, "the subscription " + one.id.text());
    log::error("pg", "{}; it is told nothing", failure.detail);
    return std::unexpected(std::move(failure));
}

Result<app::EventRef> event_from(const pqxx::row& row, int at) {
    auto id = id_from<core::EventId>(view(row[at]));
    auto when = instant_from(row[at + 2]);
    if (!id || !when) return unreadable_row("delivery");
    app::EventRef event{.id = *id,
                        .type = std::string(view(row[at + 1])),
                        .at = *when,
                        .request = {},
                        .version = row[at + 4].as<std::int32_t>(),
                        .index = {}};
    if (!row[at + 3].is_null()) event.request = id_from<core::RequestId>(view(row[at + 3]));
    if (!row[at + 5].is_null()) event.index = row[at + 5].as<std::int64_t>();
    return event;
}

Result<app::Delivery> delivery_from(const pqxx::row& row) {
    auto event = event_from(row);
    if (!event) return pass(event);
    auto begun = instant_from(row[7]);
    auto state = app::parse_delivery_state(view(row[8]));
    if (!begun || !state) return unreadable_row("delivery");
    app::Delivery delivery{.state = *state,
                           .event = std::move(*event),
                           .attempts = row[6].as<std::int32_t>(),
                           .begun_at = *begun,
                           .due_at = instant_from(row[9]),
                           .last = {}};
    if (auto last = instant_from(row[10]))
        delivery.last = app::Attempt{.at = *last,
                                     .status = row[11].as<unsigned>(),
                                     .problem = std::string(view(row[12])),
                                     .answer = std::string(view(row[13])),
                                     .took = core::Duration{row[14].as<std::int64_t>()}};
    return delivery;
}

}  // namespace countersign::pg
