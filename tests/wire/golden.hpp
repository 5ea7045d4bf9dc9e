#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::test {

// Writes JSON for people to read and compare: in canonical order, with two spaces a level.
inline void pretty_to(std::string& out, const core::Value& value, int level) {
    auto line = [&](int depth) { out += "\n" + std::string(static_cast<std::size_t>(depth) * 2, ' '); };
    if (const auto* items = value.items(); items && !items->empty()) {
        out += '[';
        for (std::size_t i = 0; i < items->size(); ++i) {
            if (i > 0) out += ',';
            line(level + 1);
            pretty_to(out, (*items)[i], level + 1);
        }
        line(level);
        out += ']';
    } else if (const auto* members = value.members(); members && !members->empty()) {
        out += '{';
        bool first = true;
        for (const auto& [name, member] : *members) {
            if (!first) out += ',';
            first = false;
            line(level + 1);
            out += core::canonical(core::Value{name}) + ": ";
            pretty_to(out, member, level + 1);
        }
        line(level);
        out += '}';
    } else {
        out += core::canonical(value);
    }
}

// Compares with tests/wire/golden/NAME.json. With COUNTERSIGN_GOLDEN=write in the environment the file is
// written instead: look at the difference before it is committed.
inline void expect_golden(const std::string& name, const core::Value& value) {
    std::string path = "tests/wire/golden/" + name + ".json";
    std::string now;
    pretty_to(now, value, 0);
    now += '\n';
    const char* mode = std::getenv("COUNTERSIGN_GOLDEN");
    if (mode && std::string_view{mode} == "write") {
        std::ofstream{path} << now;
        return;
    }
    std::ifstream file{path};
    ASSERT_TRUE(file) << path << " is missing";
    std::stringstream kept;
    kept << file.rdbuf();
    EXPECT_EQ(kept.str(), now) << path;
}

}  // namespace countersign::test
