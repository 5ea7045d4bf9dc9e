#include "countersign/wire/event.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "countersign/wire/request.hpp"
#include "countersign/wire/request_document.hpp"
#include "countersign/wire/timeline.hpp"

namespace countersign::wire {

std::string event_type(std::string_view type) {
    return "countersign." + std::string(type);
}

core::Value cloud_event(const EventHead& head, std::string_view source, core::Value data) {
    auto event = core::Value::object({{"specversion", "1.0"},
                                      {"id", head.id.text()},
                                      {"source", source},
                                      {"type", event_type(head.type)},
                                      {"time", core::rfc3339(head.at)},
                                      {"datacontenttype", "application/json"},
                                      {"data", std::move(data)}});
    if (!head.subject.empty()) event.set("subject", head.subject);
    if (head.index) event.set("sequence", fmt::format("{:020}", *head.index));
    return event;
}

core::Value request_as_it_was(const core::Case& c, std::int32_t version, const core::Directory& directory,
                              core::Instant at) {
    if (version >= c.version()) return request_document(c, core::decide(c), directory, at);
    auto entries = std::span{c.entries}.first(static_cast<std::size_t>(std::max(version, 1)));
    core::Case then{c.request, c.applied, {entries.begin(), entries.end()}};
    return request_document(then, core::decide(then), directory, at);
}

core::Value event_data(std::string_view type, const core::Case& c, std::int32_t version,
                       const core::Directory& directory, core::Instant at, const core::Value* facts) {
    auto data = request_as_it_was(c, version, directory, at);
    if (type == "request.vote_refused")
        data.set("change", refused_change(facts, at));
    else if (version >= 1 && version <= c.version())
        data.set("change", change_of(c, c.entries[static_cast<std::size_t>(version - 1)], directory));
    return data;
}

core::Value logged_event(const app::LoggedEvent& event, const core::Directory& directory,
                         std::string_view source) {
    core::Value data;
    std::string subject = event.subject;
    if (event.request) {
        data = event_data(event.type, *event.request, event.version, directory, event.at,
                          event.facts ? &*event.facts : nullptr);
        subject = event.request->request->id.text();
    } else {
        data = event.facts.value_or(core::Value::object({{"erased", true}}));
    }
    return cloud_event(
        {.id = event.id, .type = event.type, .at = event.at, .subject = subject, .index = event.index},
        source, std::move(data));
}

}  // namespace countersign::wire
