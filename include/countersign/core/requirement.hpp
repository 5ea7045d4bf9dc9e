#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "countersign/core/ids.hpp"

// Who has to approve: how many people of which groups, in any of several ways.
namespace countersign::core {

inline constexpr std::size_t alternatives_max = 64;
inline constexpr std::size_t slots_max = 200;  // people that one alternative may ask for

struct Requirement;
struct CountOf {
    std::uint32_t count = 1;
    GroupId of;
    // Groups whose slots come first. While one of those is empty, the slots of this group are listed and
    // filled by nobody; votes for them are on record and are judged once it is their turn.
    std::vector<GroupId> after = {};
    // Nobody fills it who filled one of this group for any of the last so many requests that asked so.
    std::uint32_t not_last = 0;
};
// A slot whose group the request decides, once it is there. Where it decides nothing, nobody can fill it.
struct CountFor {
    std::uint32_t count = 1;
    // A group's name, in which `{labels.project}` stands for what the request says there; then it has to come
    // to one of `one_of`. Empty where `of_requester` says it.
    std::string of;
    std::vector<GroupId> one_of = {};
    // For each human behind the request, who is asked: all of them are.
    std::vector<std::pair<PersonId, GroupId>> of_requester = {};
    // Whose people may not fill it: groups, written as `of` is, or "requester.groups".
    std::vector<std::string> not_from = {};
    std::uint32_t not_last = 0;  // as in CountOf
    bool managers = false;       // each human's manager is asked, as a chat names them
};
inline constexpr std::string_view requesters_groups = "requester.groups";
struct RequireAll {
    std::vector<Requirement> of;
};
struct RequireAny {
    std::vector<Requirement> of;
};
struct RequireThen {  // all of these, one after the other
    std::vector<Requirement> of;
};
struct Requirement {
    std::variant<CountOf, RequireAll, RequireAny, CountFor, RequireThen> node;
};

// Lists slots that people fill, each group once, in policy order: "2 of security, 1 of dba".
struct Slots {
    std::vector<CountOf> groups;
    friend bool operator==(const Slots&, const Slots&) = default;
};
inline bool operator==(const CountOf& a, const CountOf& b) {
    return a.count == b.count && a.of == b.of && a.after == b.after && a.not_last == b.not_last;
}

enum class SlotOrder : std::uint8_t { ignored, kept };
// Tells whether filling `more` always fills `less` too; `kept`: also in the order that `less` asks for.
bool covers(const Slots& more, const Slots& less, SlotOrder order);
// Tells of alternatives whether one of `less` is filled whichever of `more` is.
bool covers(const std::vector<Slots>& more, const std::vector<Slots>& less, SlotOrder order);

}  // namespace countersign::core
