#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/wire/json.hpp"
#include "policy/keys.hpp"

// The loader's words and numbers are those of docs/policy.schema.json. What the two make of whole documents
// is compared by schema_test.py.
namespace countersign::policy {
namespace {

using core::Value;

const Value& definitions() {
    static const Value schema = [] {
        std::stringstream bytes;
        bytes << std::ifstream{"docs/policy.schema.json"}.rdbuf();
        auto parsed = wire::parse_json(bytes.str(), {.bytes_max = policy_bytes_max});
        EXPECT_TRUE(parsed) << parsed.error().detail;
        return parsed ? *parsed : Value{};
    }();
    return schema["definitions"];
}

std::set<std::string> members_of(const Value& object) {
    std::set<std::string> names;
    if (object.members())
        for (const auto& [name, value] : *object.members()) names.insert(name);
    return names;
}

TEST(PolicyJsonSchema, EveryMapHasTheKeysThatTheLoaderKnows) {
    for (const MapSchema* map : all_maps()) {
        const std::string name{map->name};
        const Value& object = definitions()[name];
        EXPECT_EQ(members_of(object["properties"]),
                  (std::set<std::string>{map->keys.begin(), map->keys.end()}))
            << name;
        EXPECT_EQ(object["additionalProperties"], Value{false}) << name;
    }
}

TEST(PolicyJsonSchema, ConditionsHaveTheFieldsThatTheLoaderKnows) {
    const Value& condition = definitions()["condition"];
    std::set<std::string> known{plain_fields.begin(), plain_fields.end()};
    known.insert(combinators.begin(), combinators.end());
    known.insert(freeze_key);
    EXPECT_EQ(members_of(condition["properties"]), known);
    EXPECT_EQ(condition["patternProperties"].members()->size(), 3U) << "labels, parameters and claims";
    EXPECT_EQ(condition["additionalProperties"], Value{false});
}

TEST(PolicyJsonSchema, WhatNeedsRequireNeedsItInBoth) {
    EXPECT_EQ(members_of(definitions()["rule"]["dependencies"]),
              (std::set<std::string>{require_only_keys.begin(), require_only_keys.end()}));
}

TEST(PolicyJsonSchema, TheLimitsAreTheLoaders) {
    const Value& policy = definitions()["policy"]["properties"];
    EXPECT_EQ(policy["rules"]["maxItems"], Value{policy_rules_max});
    EXPECT_EQ(policy["risk"]["maxItems"], Value{policy_risk_entries_max});
    EXPECT_EQ(policy["tests"]["maxItems"], Value{policy_tests_max});
    EXPECT_EQ(definitions()["test"]["properties"]["votes"]["maxItems"], Value{policy_test_votes_max});
    EXPECT_EQ(definitions()["count"]["properties"]["count"]["maximum"], Value{policy_count_max});
    EXPECT_EQ(definitions()["risk"]["properties"]["points"]["maximum"], Value{policy_points_max});
    EXPECT_EQ(definitions()["pattern"]["maxLength"], Value{policy_pattern_chars_max});
    EXPECT_EQ((*definitions()["rule"]["properties"]["remind"]["oneOf"].items())[1]["maxItems"],
              Value{policy_reminders_max});
    EXPECT_EQ((*definitions()["rule"]["properties"]["hide"]["oneOf"].items())[1]["maxItems"],
              Value{policy_hidden_max});
    EXPECT_EQ((*definitions()["rule"]["properties"]["visible_to"]["oneOf"].items())[1]["maxItems"],
              Value{policy_readers_max});
}

}  // namespace
}  // namespace countersign::policy
