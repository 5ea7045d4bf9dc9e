#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/surface.hpp"

// The people and groups that a policy lists.
namespace countersign::core {

struct PersonRecord {
    PersonId name;
    std::vector<AccountId> accounts;  // "email:…", "slack:U0REQ" (bare) or "slack:T/U", "github:…", "teams:…"
};

struct GroupRecord {
    struct People {
        std::vector<PersonId> people;
    };
    // Whoever a chat says is in it: a Slack user group, a team of Teams.
    struct InChat {
        Surface chat;
        std::string id;  // "S0SEC", or with its workspace "T0SIM/S0SEC"
    };
    // Made of other groups and persons. Who a part is unknown of gets in by no way that needs it.
    struct Combined {
        enum class How : std::uint8_t { any, all } how = How::any;
        using Part = std::variant<GroupId, PersonId>;
        std::vector<Part> of;      // never empty
        std::vector<Part> except;  // whoever is in one of these is out, by any account of theirs
    };
    // Whoever is on call: persons of the policy, by their accounts at the on-call service.
    struct OnCall {
        std::string escalation_policy;  // an id of the service, "PABC123"; empty: any
        std::string schedule;           // likewise; one of the two is given
        std::uint32_t level = 1;        // of the escalation policy, from 1 on
        // The key tells it from others and is what it is read by: "escalation_policy=PABC123 level=1".
        std::string key() const;
        friend bool operator==(const OnCall&, const OnCall&) = default;
    };
    GroupId name;
    std::variant<People, InChat, Combined, OnCall> members;
};
// Says whether a chat or the on-call service says who is in it, and not the policy.
bool kept_elsewhere(const GroupRecord& group);
inline constexpr std::size_t groups_nesting_max = 8;  // of groups made of groups
inline constexpr std::uint32_t on_call_level_max = 20;

}  // namespace countersign::core
