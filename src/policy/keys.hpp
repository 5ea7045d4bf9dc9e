#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/surface.hpp"

// The closed schema's words in one place. docs/policy.schema.json has the same; a test compares them.
namespace countersign::policy {

// The maps of a policy and the keys that each may have.
struct MapSchema {
    std::string_view name;  // as in the JSON Schema's definitions
    std::vector<std::string> keys;
};

inline const MapSchema policy_keys{
    "policy",
    {"version", "timezone", "default", "people", "groups", "freeze", "risk", "rules", "tests", "accept"}};
// What `first` lists and each chat's own key, in the order of the chats.
inline std::vector<std::string> with_chats(std::vector<std::string> first,
                                           std::string_view core::ChatKind::* key) {
    for (const core::ChatKind& chat : core::chat_kinds()) first.emplace_back(chat.*key);
    return first;
}
inline const MapSchema person_keys{
    "person", with_chats({"email", "github", "oidc", "pagerduty", "token"}, &core::ChatKind::name)};
// What a group is made of, and what each chat calls its groups.
inline std::vector<std::string> all_group_keys() {
    std::vector<std::string> keys{"people", "any", "all", "except", "on_call"};
    for (const core::ChatKind& chat : core::chat_kinds())
        for (std::string_view key : chat.group_keys)
            if (!key.empty()) keys.emplace_back(key);
    return keys;
}
inline const MapSchema group_keys{"group", all_group_keys()};
inline const MapSchema rule_keys{
    "rule",
    {"name",     "when",   "unless",  "require", "refuse",   "allow",         "expires",      "grant",
     "notify",   "deny",   "hold",    "remind",  "escalate", "self_approval", "unlinked",     "hide",
     "timezone", "accept", "reason",  "exclude", "claim",    "confirm",       "visible_to",   "shadow",
     "step_up",  "lower",  "session", "review",  "delegate", "budget",        "one_at_a_time"}};
// The kinds of warnings, each of which may be accepted with a reason.
inline const MapSchema accept_keys{"accept",
                                   {"all_members",
                                    "any_element",
                                    "any_value",
                                    "contrary_order",
                                    "cut_short",
                                    "empty_text",
                                    "gap",
                                    "held_back",
                                    "last_hour",
                                    "loose_pattern",
                                    "matches_everything",
                                    "needless_alternative",
                                    "never_comes",
                                    "never_matches",
                                    "no_chat_account",
                                    "no_human",
                                    "no_sign_in",
                                    "no_timezone",
                                    "omission",
                                    "on_trial",
                                    "one_mailbox",
                                    "one_member",
                                    "open_command",
                                    "overlap",
                                    "pointless",
                                    "requester_needed",
                                    "spelling",
                                    "uncovered_environment",
                                    "unknown_person",
                                    "unlinked_grant",
                                    "unmeetable",
                                    "unproven",
                                    "untested",
                                    "unused_freeze",
                                    "unused_group",
                                    "void_grant",
                                    "weak_default",
                                    "whole_value"}};
inline const MapSchema default_keys{"default", {"require"}};
inline const MapSchema count_keys{"count", {"count", "of"}};
inline const MapSchema slot_keys{"slot", {"count", "of", "one_of", "of_requester", "not_from", "not_last"}};
inline const MapSchema budget_keys{"budget", {"count", "sum", "max", "per", "by", "over"}};
inline const MapSchema turns_keys{"turns", {"by", "supersede"}};
inline const MapSchema claim_keys{"claim", {"not_before", "not_when"}};
inline const MapSchema session_keys{"session", {"from", "max", "uses"}};
inline const MapSchema exclusion_keys{"exclusion", {"email", "github", "oidc", "slack", "teams", "token"}};
inline const MapSchema notify_keys{"notify", with_chats({}, &core::ChatKind::name)};
inline const MapSchema step_up_keys{"step_up", {"oidc"}};
inline const MapSchema sign_in_keys{"oidc", {"acr", "amr"}};
inline const MapSchema hold_keys{"hold", {"release"}};
inline const MapSchema escalate_keys{"escalate", {"after", "to", "approvers"}};
inline const MapSchema self_approval_keys{"self_approval", {"allow", "reason", "review"}};
inline const MapSchema review_keys{"review", {"by", "within"}};
inline const MapSchema remind_keys{"remind", {"first", "factor"}};
inline const MapSchema on_call_keys{"on_call", {"escalation_policy", "schedule", "level"}};
inline const MapSchema risk_keys{"risk", {"when", "points"}};
inline const MapSchema test_keys{
    "operators", {"eq",    "ne",    "in",     "gt",    "gte",         "lt",        "lte",
                  "glob",  "regex", "exists", "cidr",  "starts_with", "ends_with", "size",
                  "every", "some",  "host",   "under", "contains",    "same_as",   "missing"}};
inline const MapSchema span_keys{"span", {"from", "to"}};
inline const MapSchema size_keys{"size", {"eq", "gt", "gte", "lt", "lte"}};
// These are the keys of what stands under `tests`.
inline const MapSchema policy_test_keys{
    "test", {"name", "request", "groups", "history", "managers", "votes", "expect"}};
inline const MapSchema history_keys{"history", {"spent", "ahead", "last"}};
inline const MapSchema vote_keys{"vote",
                                 {"by", "verdict", "reason", "resource", "sign_in", "after", "refused"}};
inline const MapSchema expect_keys{
    "expect",
    {"state", "rules", "missing", "reason", "held", "risk", "counted", "expires", "grant", "after",
     "reminded", "escalated", "hidden", "shadow"}};
inline const MapSchema missing_keys{"missing", {"any"}};
inline const MapSchema lack_keys{"lack", {"count", "of", "group", "could_approve"}};

// Keys that the language keeps for later: refused, never ignored.
inline const std::vector<std::string> reserved_policy_keys{"visible_to"};
// Keys of a rule that mean nothing without `require`.
inline const std::vector<std::string> require_only_keys{
    "deny",    "hold",    "remind",  "escalate", "self_approval", "unlinked", "reason",
    "exclude", "confirm", "step_up", "lower",    "session",       "review",   "delegate"};

// Fields of conditions that have one name; the others start with one of the prefixes.
inline const std::vector<std::string> plain_fields{"action",
                                                   "resource",
                                                   "environment",
                                                   "intent",
                                                   "requester.name",
                                                   "requester.kind",
                                                   "requester.account",
                                                   "requester.humans",
                                                   "requester.people",
                                                   "requester.people[*]",
                                                   "requester.groups",
                                                   "risk",
                                                   "time.hour",
                                                   "time.weekday",
                                                   "time.date",
                                                   "time.of_day",
                                                   "parameters"};
inline const std::vector<std::string> field_prefixes{"labels.", "parameters.", "parameters[",
                                                     "requester.claims."};
inline const std::vector<std::string> combinators{"all", "any", "not"};
inline const std::vector<std::string> requirement_words{"all", "any", "then"};
inline const std::string freeze_key = "freeze";  // a named window, where a field might stand

inline std::vector<const MapSchema*> all_maps() {
    return {&policy_keys,  &person_keys, &group_keys,     &rule_keys,     &default_keys,
            &count_keys,   &notify_keys, &hold_keys,      &escalate_keys, &self_approval_keys,
            &risk_keys,    &test_keys,   &accept_keys,    &size_keys,     &policy_test_keys,
            &vote_keys,    &expect_keys, &missing_keys,   &lack_keys,     &span_keys,
            &slot_keys,    &claim_keys,  &exclusion_keys, &step_up_keys,  &sign_in_keys,
            &session_keys, &review_keys, &remind_keys,    &on_call_keys,  &budget_keys,
            &turns_keys,   &history_keys};
}

}  // namespace countersign::policy
