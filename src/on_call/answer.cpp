#include "on_call/answer.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "countersign/wire/json.hpp"

namespace countersign::on_call {
namespace {

using core::Value;

constexpr std::size_t page_bytes_max = 1024 * 1024;
constexpr std::size_t page_nesting_max = 16;
constexpr std::size_t entries_asked_for = 100;
constexpr std::string_view by_schedule = "schedule=";
constexpr std::string_view by_policy = "escalation_policy=";
constexpr std::string_view at_level = " level=";

std::unexpected<Failure> strange(std::string_view what) {
    return fail(Trouble::invalid_input, fmt::format("its answer is not understood: {}", what),
                "on_call_answer");
}

// A moment, or none: whoever is on call without one is so for good. nullopt: it is neither.
std::optional<std::optional<core::Instant>> moment_of(const Value& value) {
    if (value.is_null()) return std::optional<core::Instant>{};
    auto at = core::parse_rfc3339(value.text());
    if (!at) return std::nullopt;
    return at;
}

bool is_id(std::string_view text) {
    constexpr std::size_t chars_max = 64;
    return !text.empty() && text.size() <= chars_max &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
               std::string_view::npos;
}

// Says whether the entry is about what was asked; a service that ignores the question must not be believed.
bool is_about(const Value& entry, const core::GroupRecord::OnCall& asked) {
    if (!asked.schedule.empty()) return entry["schedule"]["id"].text() == asked.schedule;
    return entry["escalation_policy"]["id"].text() == asked.escalation_policy;
}

}  // namespace

std::optional<core::GroupRecord::OnCall> read_key(std::string_view key) {
    core::GroupRecord::OnCall asked;
    if (key.starts_with(by_schedule)) {
        asked.schedule = key.substr(by_schedule.size());
        return asked;
    }
    const auto level = key.find(at_level);
    if (!key.starts_with(by_policy) || level == std::string_view::npos) return std::nullopt;
    asked.escalation_policy = key.substr(by_policy.size(), level - by_policy.size());
    const auto number = key.substr(level + at_level.size());
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), asked.level);
    if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
    return asked;
}

std::string question(const core::GroupRecord::OnCall& asked, std::size_t offset) {
    // "[]" in a query, as RFC 3986 has it written.
    const std::string what = asked.schedule.empty() ? "escalation_policy_ids%5B%5D=" + asked.escalation_policy
                                                    : "schedule_ids%5B%5D=" + asked.schedule;
    return fmt::format("oncalls?{}&earliest=true&limit={}&offset={}", what, entries_asked_for, offset);
}

Result<Page> read_page(std::string_view body, const core::GroupRecord::OnCall& asked, core::Instant now) {
    auto answer = wire::parse_json(
        body, {.bytes_max = page_bytes_max, .nesting_max = page_nesting_max, .strict = false});
    if (!answer) return strange("it is no JSON");
    const auto* entries = (*answer)["oncalls"].items();
    if (entries == nullptr) return strange("it has no list `oncalls`");
    Page page{.users = {}, .entries = entries->size(), .more = (*answer)["more"].truth()};
    for (const Value& entry : *entries) {
        const auto level = entry["escalation_level"].integer();
        const auto from = moment_of(entry["start"]);
        const auto to = moment_of(entry["end"]);
        const auto user = entry["user"]["id"].text();
        if (!level || !from || !to) return strange("an entry lacks its level or times");
        if (!is_id(user)) return strange("an entry names no user");
        if (!is_about(entry, asked)) return strange("an entry is about something that was not asked for");
        const bool of_level = !asked.schedule.empty() || *level == std::int64_t{asked.level};
        const bool begun = !*from || **from <= now;
        const bool lasts = !*to || now < **to;
        if (of_level && begun && lasts) page.users.emplace_back(user);
    }
    return page;
}

}  // namespace countersign::on_call
