#include "countersign/wire/subscription.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/app/events.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/request_document.hpp"
#include "wire/reader.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::size_t events_max = 50;
constexpr std::size_t globs_max = 20;
constexpr std::size_t glob_chars_max = 200;

// Reads one glob, or a list of them.
Result<std::vector<std::string>> globs(const ObjectReader& filter, std::string_view name) {
    const Value* value = filter.find(name);
    bool one = value != nullptr && value->string() != nullptr;
    auto single = one ? std::vector{*value->string()} : std::vector<std::string>{};
    auto all = one ? Result<std::vector<std::string>>{std::move(single)}
                   : texts(filter, name, globs_max, glob_chars_max);
    if (!all) return pass(all);
    for (const auto& glob : *all) {
        bool control = std::ranges::any_of(glob, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
        if (glob.empty() || code_points(glob) > glob_chars_max || control)
            return invalid(filter.pointer(name),
                           "must be texts of 1 to 200 characters, * stands for any text");
    }
    return all;
}

Value texts_or_any(const std::vector<std::string>& all) {
    auto list = Value::array();
    for (const auto& one : all) list.push(one);
    return list;
}

}  // namespace

Result<app::Webhooks::Order> subscription_from(const Value& body) {
    constexpr std::array<std::string_view, 3> known{"url", "events", "filter"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    app::Webhooks::Order order;
    auto url = reader->needed_text("url", url_chars_max);
    if (!url) return pass(url);
    order.url = std::move(*url);
    auto events = texts(*reader, "events", events_max, 100);
    if (!events) return pass(events);
    for (std::size_t i = 0; i < events->size(); ++i) {
        const auto& name = (*events)[i];
        if (app::is_event_type(name)) continue;
        std::string detail = "\"" + visible(name) + "\" is not an event";
        std::vector<std::string> candidates(app::event_types().begin(), app::event_types().end());
        if (auto near = nearest(name, candidates)) detail += "; did you mean \"" + *near + "\"?";
        return invalid("/events/" + std::to_string(i), std::move(detail));
    }
    order.events = std::move(*events);
    if (const Value* value = reader->find("filter")) {
        constexpr std::array<std::string_view, 3> members{"action", "environment", "requester"};
        auto filter = ObjectReader::over(*value, "/filter", members);
        if (!filter) return pass(filter);
        auto actions = globs(*filter, "action");
        if (!actions) return pass(actions);
        auto environments = globs(*filter, "environment");
        if (!environments) return pass(environments);
        auto requesters = globs(*filter, "requester");
        if (!requesters) return pass(requesters);
        order.filter = {std::move(*actions), std::move(*environments), std::move(*requesters)};
    }
    return order;
}

Result<core::Duration> rotation_from(const Value& body) {
    constexpr std::array<std::string_view, 1> known{"old_secret_for"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    auto text = reader->text("old_secret_for", 40);
    if (!text) return pass(text);
    if (!*text) return old_secret_for;
    if (**text == "0s") return core::Duration::zero();
    auto seconds = parse_duration_s(**text);
    if (!seconds || std::chrono::seconds{*seconds} > app::Webhooks::old_secret_max)
        return invalid("/old_secret_for", "must be a duration of at most 30d, such as 24h, or 0s");
    return std::chrono::seconds{*seconds};
}

Result<Done> nothing_from(const Value& body) {
    auto reader = ObjectReader::over(body, "", {});
    if (!reader) return pass(reader);
    return Done{};
}

Value subscription_document(const app::Subscription& subscription) {
    const auto& filter = subscription.filter;
    auto document = Value::object(
        {{"id", subscription.id.text()},
         {"url", subscription.url},
         {"events", texts_or_any(subscription.events)},
         {"filter", Value::object({{"action", texts_or_any(filter.actions)},
                                   {"environment", texts_or_any(filter.environments)},
                                   {"requester", texts_or_any(filter.requesters)}})},
         {"callback_of", subscription.callback_of ? Value(subscription.callback_of->text()) : Value()},
         {"created_at", core::rfc3339(subscription.created_at)},
         {"old_secret_until", time_or_null(subscription.old_secret_until)},
         {"state", subscription.ended ? "ended" : "live"},
         {"ended", Value()},
         {"links",
          Value::object({{"self", "/v1/subscriptions/" + subscription.id.text()},
                         {"deliveries", "/v1/subscriptions/" + subscription.id.text() + "/deliveries"}})}});
    if (subscription.ended)
        document.set("ended", Value::object({{"at", core::rfc3339(subscription.ended->at)},
                                             {"why", subscription.ended->why}}));
    return document;
}

Value delivery_document(const app::Delivery& delivery, core::SubscriptionId subscription) {
    auto document = Value::object(
        {{"id", delivery.event.id.text()},
         {"subscription", subscription.text()},
         {"event", delivery.event.type},
         {"sequence", delivery.event.index ? Value(*delivery.event.index) : Value()},
         {"request", delivery.event.request ? Value(delivery.event.request->text()) : Value()},
         {"version", delivery.event.request ? Value(std::int64_t{delivery.event.version}) : Value()},
         {"at", core::rfc3339(delivery.event.at)},
         {"state", app::name_of(delivery.state)},
         {"attempts", std::int64_t{delivery.attempts}},
         {"next_attempt_at", time_or_null(delivery.due_at)},
         {"last_attempt", Value()}});
    if (delivery.last) {
        const auto& last = *delivery.last;
        auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(last.took).count();
        document.set(
            "last_attempt",
            Value::object({{"at", core::rfc3339(last.at)},
                           {"status", last.status == 0 ? Value() : Value(std::uint32_t{last.status})},
                           {"problem", last.problem.empty() ? Value() : Value(last.problem)},
                           {"answer", last.answer},
                           {"took_ms", std::int64_t{ms}}}));
    }
    return document;
}

}  // namespace countersign::wire
