#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "countersign/adapters/policy.hpp"

// What `policy check` finds in small policies.
namespace countersign::test {

// Kinds that speak of a policy as a whole: small policies are seldom free of them, and they have tests of
// their own.
inline const std::set<std::string> of_the_whole{"omission", "weak_default", "no_timezone", "untested"};

// What is found in a policy that loads, each "line:column message".
inline std::vector<std::string> found_in(const std::string& yaml,
                                         const std::function<bool(const PolicyFinding&)>& wanted) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    EXPECT_TRUE(policy) << policy.error().detail << "\n" << yaml;
    std::vector<std::string> all;
    for (const PolicyFinding& one : findings)
        if (wanted(one))
            all.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.message);
    return all;
}
inline std::vector<std::string> warnings_of(const std::string& yaml) {
    return found_in(yaml, [](const PolicyFinding& one) { return !of_the_whole.contains(one.kind); });
}
inline std::vector<std::string> of_kind(const std::string& kind, const std::string& yaml) {
    return found_in(yaml, [&](const PolicyFinding& one) { return one.kind == kind; });
}

// Two groups that share nobody, both used by the default; `rest` begins in line 6.
inline std::string policy_with(const std::string& rest) {
    return "version: 1\n"
           "people: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}, dan: {slack: U4}, eve: {slack: "
           "U5}}\n"
           "groups: {g: {people: [amy, ben, cat]}, h: {people: [dan, eve]}}\n"
           "default: {require: {all: [{of: g}, {of: h}]}}\n"
           "rules:\n" +
           rest;
}
inline std::vector<std::string> with_rules(const std::string& rules) {
    return warnings_of(policy_with(rules));
}

// A policy that refuses what no rule names; `rest` begins in line 5.
inline std::string refusing_policy(const std::string& rest) {
    return "version: 1\n"
           "people: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}, dan: {slack: U4}, eve: {slack: "
           "U5}}\n"
           "groups: {g: {people: [amy, ben, cat]}, h: {people: [dan, eve]}}\n"
           "rules:\n" +
           rest;
}

}  // namespace countersign::test
