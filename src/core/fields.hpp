#pragma once
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/conditions.hpp"

// Looks up what a request says in the fields that conditions name.
namespace countersign::core {

// Stands for a path that leads through a value without such parts: `tags[*]` where tags is a text.
struct Mismatch {};
// Refers to a field's value, wherever it lives in the request.
using FieldValue = std::variant<std::string_view, double, const Value*, Mismatch>;

inline std::optional<std::string_view> text_of(const FieldValue& seen) {
    if (const auto* text = std::get_if<std::string_view>(&seen)) return *text;
    if (const auto* value = std::get_if<const Value*>(&seen))
        if (const std::string* text = (*value)->string()) return std::string_view{*text};
    return std::nullopt;
}

inline std::optional<double> number_of(const FieldValue& seen) {
    if (const double* number = std::get_if<double>(&seen)) return *number;
    if (const auto* value = std::get_if<const Value*>(&seen))
        if (const double* number = (*value)->number()) return *number;
    return std::nullopt;
}

// Calls `see` with everything a path like `.where.tags[*]` leads to.
template <class See>
void walk(const Value* at, std::string_view path, const See& see) {
    while (at && !path.empty()) {
        if (path.front() == '.') {
            path.remove_prefix(1);
            auto name = path.substr(0, path.find_first_of(".["));
            path.remove_prefix(name.size());
            if (!at->members()) return see(FieldValue{Mismatch{}});
            at = at->members()->find(name);
            continue;
        }
        auto close = path.find(']');
        const Value::Array* items = at->items();
        if (path.front() != '[' || close == std::string_view::npos || !items)
            return see(FieldValue{Mismatch{}});
        auto inside = path.substr(1, close - 1);
        path.remove_prefix(close + 1);
        if (inside == "*") {
            for (const Value& item : *items) walk(&item, path, see);
            return;
        }
        std::size_t index = 0;
        std::from_chars(inside.data(), inside.data() + inside.size(), index);
        at = index < items->size() ? &(*items)[index] : nullptr;
    }
    if (at) see(FieldValue{at});
}

// A test and where it stands: within an odd number of `not`, what makes it true makes its rule apply less.
struct Standpoint {
    const Judge& judge;
    bool negated = false;

    // An allow counts those humans alone who are proven. Whom the caller names may only hold it back.
    bool proven_count() const { return !judge.tightens; }
    bool proven_people() const { return !judge.tightens && !negated; }
};

// The fields of `requester.`, without that.
template <class See>
void look_up_requester(const Standpoint& from, std::string_view field, const See& see) {
    const Facts& facts = from.judge.facts;
    const Requester& requester = facts.request().requester;
    auto text = [&](std::string_view t) { see(FieldValue{t}); };
    if (field == "name") return text(requester.name);
    if (field == "account") return text(requester.account.text());
    if (field == "kind") return text(requester.kind == Requester::Kind::person ? "person" : "workload");
    if (field == "humans") {
        return see(FieldValue{static_cast<double>(facts.humans(from.proven_count()))});
    }
    if (field == "people" || field == "people[*]") {
        // A right that rests on a person ends with their account: who is nobody fits no allow.
        if (from.proven_people() && !facts.all_there()) return see(FieldValue{Mismatch{}});
        for (const std::string& person : facts.people(from.proven_people())) text(person);
        return;
    }
    if (field == "groups") {
        for (const GroupId& group : facts.groups_of_humans()) text(group.text());
        return;
    }
    constexpr std::string_view claims = "claims";
    if (field.starts_with(claims) && requester.claims)
        walk(&*requester.claims, field.substr(claims.size()), see);
}

template <class See>
void look_up(const Standpoint& from, std::string_view field, const See& see) {
    const Judge& judge = from.judge;
    if (judge.element) return walk(judge.element, field, see);
    const Request& request = judge.facts.request();
    auto text = [&](std::string_view t) { see(FieldValue{t}); };
    auto number = [&](auto n) { see(FieldValue{static_cast<double>(n)}); };
    if (field == "action") return text(request.action);
    if (field == "intent") return text(request.intent);
    if (field == "resource" && request.resource) return text(*request.resource);
    if (field == "environment" && request.environment) return text(*request.environment);
    constexpr std::string_view requester = "requester.";
    if (field.starts_with(requester)) return look_up_requester(from, field.substr(requester.size()), see);
    if (field == "risk" && judge.facts.risk) return number(*judge.facts.risk);
    if (field.starts_with("time.")) {
        const Facts::Clock& clock = judge.facts.clock(judge.zone);
        if (field == "time.hour") return number(clock.time.hour);
        if (field == "time.weekday") return number(clock.time.weekday);
        if (field == "time.date") return text(clock.date);
        if (field == "time.of_day") return text(clock.of_day);
    }
    if (field.starts_with("labels.")) {
        field.remove_prefix(7);
        for (const auto& [name, value] : request.labels)
            if (name == field) return text(value);
        return;
    }
    if (field.starts_with("parameters") && request.parameters)
        walk(&*request.parameters, field.substr(std::string_view{"parameters"}.size()), see);
}

}  // namespace countersign::core
