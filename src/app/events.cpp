#include "countersign/app/events.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/check.hpp"

namespace countersign::app {
namespace {

constexpr std::array<std::string_view, 31> types{
    "request.created",  "request.voted",       "request.vote_refused", "request.held",
    "request.released", "request.approved",    "request.denied",       "request.refused",
    "request.expired",  "request.cancelled",   "request.claimed",      "request.succeeded",
    "request.failed",   "request.lapsed",      "request.reminded",     "request.escalated",
    "request.used",     "request.rejudged",    "person.linked",        "person.unlinked",
    "policy.loaded",    "token.created",       "token.confirmed",      "token.revoked",
    "breakglass.used",  "breakglass.reviewed", "breakglass.overdue",   "log.published",
    "key.published",    "key.retired",         "words.erased"};

bool had_voted(const LoggedEvent& event, const core::PersonId& person) {
    const auto version = std::min(event.version, event.request->version());
    return std::ranges::any_of(std::span{event.request->entries}.first(static_cast<std::size_t>(version)),
                               [&](const core::Entry& entry) {
                                   const auto* who = core::person_who_acted(entry);
                                   return who && *who == person;
                               });
}

}  // namespace

std::span<const std::string_view> event_types() {
    return types;
}

bool is_event_type(std::string_view text) {
    return std::ranges::find(types, text) != types.end();
}

core::EventId event_id(core::Instant at, std::int32_t version, std::uint8_t place,
                       const std::array<std::byte, 10>& chance) {
    auto micros = static_cast<std::uint64_t>(at.time_since_epoch().count()) % 1'000;
    auto order = chance;  // its last five bytes stay
    order[0] = static_cast<std::byte>(micros >> 8);
    order[1] = static_cast<std::byte>(micros);
    order[2] = static_cast<std::byte>(static_cast<std::uint32_t>(version) >> 8);
    order[3] = static_cast<std::byte>(version);
    order[4] = static_cast<std::byte>(place);
    return core::EventId::mint(at, order);
}

std::string_view name_of(AdminAct act) {
    switch (act) {
        case AdminAct::policy_loaded:
            return "policy.loaded";
        case AdminAct::person_linked:
            return "person.linked";
        case AdminAct::person_unlinked:
            return "person.unlinked";
        case AdminAct::token_created:
            return "token.created";
        case AdminAct::token_confirmed:
            return "token.confirmed";
        case AdminAct::token_revoked:
            return "token.revoked";
        case AdminAct::log_published:
            return "log.published";
        case AdminAct::key_published:
            return "key.published";
        case AdminAct::key_retired:
            return "key.retired";
        case AdminAct::words_erased:
            return "words.erased";
    }
    COUNTERSIGN_CHECK(false && "no such act");
    return {};
}

bool matches(const EventFilter& filter, const LoggedEvent& event) {
    auto among = [](const auto& list, const auto& one) {
        return list.empty() || std::ranges::find(list, one) != list.end();
    };
    if (!among(filter.types, event.type)) return false;
    if (filter.since && event.at < *filter.since) return false;
    if (filter.until && event.at >= *filter.until) return false;
    bool about_requests = !filter.states.empty() || filter.request || filter.action || filter.environment ||
                          filter.resource || filter.requester || filter.voter;
    if (!about_requests) return true;
    if (!event.request) return false;
    const core::Request& request = event.request->request;
    return among(filter.states, event.state) && (!filter.request || request.id == *filter.request) &&
           (!filter.action || request.action == *filter.action) &&
           (!filter.environment || request.environment == filter.environment) &&
           (!filter.resource || request.resource == filter.resource) &&
           (!filter.voter || had_voted(event, *filter.voter)) &&
           (!filter.requester || request.requester.name == *filter.requester);
}

AdminEvent admin_event(AdminAct act, std::string subject, core::Value facts, core::Instant now,
                       rt::Entropy& entropy) {
    COUNTERSIGN_CHECK(facts.members() != nullptr);
    AdminEvent event{.id = event_id(now, 0, 0, rt::chance(entropy)),
                     .at = now,
                     .act = act,
                     .request = {},
                     .subject = std::move(subject),
                     .facts = std::move(facts)};
    entropy.fill(event.salt);
    return event;
}

}  // namespace countersign::app
