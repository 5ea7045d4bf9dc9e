#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/core/value.hpp"
#include "countersign/core/zone.hpp"

// What a rule asks of a request, as values.
namespace countersign::core {

// Says where something stands in its file, counted from 1; 0 where that is unknown.
struct FilePosition {
    int line = 0;
    int column = 0;
    friend bool operator==(const FilePosition&, const FilePosition&) = default;
};

struct Condition;
// Tests one field. A text test matches the whole value, case-sensitively; `*` in a glob matches across every
// separator.
struct Test {
    enum class Operator : std::uint8_t {
        eq,
        ne,
        in,
        gt,
        gte,
        lt,
        lte,
        glob,
        regex,
        exists,
        cidr,
        starts_with,
        ends_with,
        size,
        every,     // of a list: each of its elements, of which there is one at least
        some,      // of a list: one element at least
        host,      // a URL whose host is one of these
        under,     // a path, or a URL's, that stays within one of these
        contains,  // a list with all of these elements, or a text with all of these parts
        same_as,   // equal to what another field of the request says
        between    // a date or a time of day from one bound to another
    };
    // A field is one of "action", "parameters.rows", "labels.job", "requester.name", "risk", "time.hour" (0
    // to 23), "time.weekday" (1 Monday to 7 Sunday), "time.date" ("2026-12-24"), "time.of_day" ("22:30"), …
    std::string field;
    Operator op = Operator::eq;
    // The operand is an array for in, cidr, host and under, and a number or an object of gt, gte, lt, lte for
    // size. For every and some it is what stood in the policy, to be shown. For contains it is an array, for
    // same_as the other field's name. For between it is an object of from, to or both: dates, the last one
    // included, or days of every year ("12-24"), or times of day ("22:00"), the last one not included. Days
    // of every year and times of day may go past the end of the year or of the day.
    Value operand;
    // For regex, cidr, host and under this is the operand, compiled by the loader of the policy. It answers
    // nullopt where the text is not of the kind at all (no address, no URL). It is shared, because copies of
    // a policy share it.
    using TextMatcher = std::function<std::optional<bool>(std::string_view)>;
    std::shared_ptr<const TextMatcher> compiled = nullptr;
    FilePosition at = {};
    // For every and some this is the condition that an element meets. Its fields are paths within the
    // element, "" for the element itself, ".kind" for a member. It is shared like `compiled`.
    std::shared_ptr<const Condition> element = nullptr;
    bool missing_holds = false;  // a missing field makes the rule apply, within `not` too
    // The clocks of a named window, whichever rule refers to it; nullptr within for UTC. Absent, the rule's.
    std::optional<std::shared_ptr<const Zone>> zone = std::nullopt;
};
struct AllOf {
    std::vector<Condition> of;
};  // true where empty
struct AnyOf {
    std::vector<Condition> of;
};
struct NotOf {
    std::vector<Condition> of;
};  // has exactly one
struct Condition {
    std::variant<AllOf, AnyOf, NotOf, Test> node;
};

}  // namespace countersign::core
