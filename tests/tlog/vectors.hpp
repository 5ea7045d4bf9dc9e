#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "countersign/base/text.hpp"
#include "countersign/tlog/note.hpp"
#include "countersign/tlog/tree.hpp"
#include "countersign/wire/json.hpp"

// Trees, notes and proofs that other implementations agree on.
namespace countersign::tlog::testing {

inline const core::Value& vectors() {
    static const core::Value all = [] {
        std::ifstream file("tests/tlog/vectors.json");
        std::stringstream text;
        text << file.rdbuf();
        auto parsed = wire::parse_json(text.str(), {.bytes_max = 1'048'576});
        return parsed ? *parsed : core::Value{};
    }();
    return all;
}
inline Hash hash_of_hex(std::string_view digits) {
    return hash_from(unhex(digits).value_or("")).value();
}
inline std::vector<Hash> hashes_of(const core::Value& list) {
    std::vector<Hash> all;
    for (const auto& one : *list.items()) all.push_back(hash_of_hex(one.text()));
    return all;
}
inline SigningKey key_of_seed(std::string_view digits) {
    std::array<std::byte, 32> seed{};
    auto bytes = unhex(digits).value();
    for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::byte>(bytes[i]);
    return SigningKey::from_seed(seed);
}
inline SignBytes signer(const SigningKey& key) {
    return [&key](std::string_view bytes) -> Result<std::array<std::byte, 64>> { return key.sign(bytes); };
}

}  // namespace countersign::tlog::testing
