// Random URLs and paths against a second, naive way of thinking: each is put together from parts that are
// known, where the loader's matchers take a text apart. COUNTERSIGN_CASES and COUNTERSIGN_SEED as for the
// core.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "countersign/core/match.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Dice {
    std::mt19937_64 generator;
    std::size_t below(std::size_t n) { return generator() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class T>
    const T& of(const std::vector<T>& all) {
        return all[below(all.size())];
    }
};

template <class Body>
void for_each_case(Body body) {
    const auto first = setting("COUNTERSIGN_SEED", 1);
    const auto count = setting("COUNTERSIGN_CASES", 20'000);
    for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Dice dice{std::mt19937_64{seed}};
        body(dice);
    }
}

std::string with_some_capitals(Dice& dice, std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z' && dice.one_in(4)) c = static_cast<char>(c - 'a' + 'A');
    return text;
}

const std::vector<std::string> labels{"a", "b1", "example", "com", "net", "x-y"};

std::vector<std::string> some_labels(Dice& dice) {
    std::vector<std::string> all;
    for (std::size_t i = 1 + dice.below(4); i > 0; --i) all.push_back(dice.of(labels));
    return all;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : between) + parts[i];
    return text;
}

TEST(Property, HostsAgreeWithTheNaiveWay) {
    std::size_t seen[3] = {};
    for_each_case([&](Dice& dice) {
        const auto wanted = some_labels(dice);
        const bool below = dice.one_in(2);
        auto asked = wanted;
        if (dice.one_in(3)) asked = some_labels(dice);
        if (dice.one_in(2)) asked.insert(asked.begin(), dice.of(labels));
        // Whoever stands before the host, and what begins a path otherwise, makes it a matter of the reader.
        const std::vector<std::string> odd{"u@", "u:p@", "\\", "%61", " "};
        const bool unclear = dice.one_in(6);
        const std::string port = dice.one_in(4) ? ":8443" : "";
        const std::string end = dice.one_in(4) ? "." : "";
        const std::vector<std::string> tails{"", "/", "/x", "?q=/a.example.com", "#b", "/@evil.net"};
        const std::string text = with_some_capitals(dice, "https://") + (unclear ? dice.of(odd) : "") +
                                 with_some_capitals(dice, joined(asked, ".")) + end + port + dice.of(tails);
        std::string why;
        const auto matcher = compile_hosts({(below ? "*." : "") + joined(wanted, ".")}, why);
        ASSERT_TRUE(matcher) << why;
        bool fits = asked == wanted;
        if (below)
            fits = asked.size() > wanted.size() && std::equal(wanted.rbegin(), wanted.rend(), asked.rbegin());
        const auto expected = unclear ? std::nullopt : std::optional{fits};
        EXPECT_EQ((*matcher)(text), expected) << text << " of " << joined(wanted, ".");
        ++seen[unclear ? 2 : fits ? 1 : 0];
    });
    if (setting("COUNTERSIGN_CASES", 20'000) < 20'000) return;
    for (std::size_t one : seen) EXPECT_GT(one, 0U);
}

TEST(Property, FoldersAgreeWithTheNaiveWay) {
    std::size_t seen[3] = {};
    for_each_case([&](Dice& dice) {
        const std::vector<std::string> names{"a", "b", "ab", "..a", "a.b", "secret"};
        // Steps up or on the spot, as this or that system reads them.
        const std::vector<std::string> unclear_steps{"..", ".",     "",     "%2e%2e", "..;x", ".%2E",
                                                     ";",  "a%2fb", "a\\b", ".. ",    "%2E"};
        auto some_steps = [&](std::size_t most) {
            std::vector<std::string> steps;
            for (std::size_t i = dice.below(most + 1); i > 0; --i) steps.push_back(dice.of(names));
            return steps;
        };
        const auto wanted = some_steps(3);
        auto asked = wanted;
        if (dice.one_in(3)) asked = some_steps(3);
        const auto more = some_steps(2);
        asked.insert(asked.end(), more.begin(), more.end());
        const bool unclear = dice.one_in(4);
        if (unclear)
            asked.insert(asked.begin() + static_cast<std::ptrdiff_t>(dice.below(asked.size() + 1)),
                         dice.of(unclear_steps));
        // A lone empty step at the end is the slash that a folder may have.
        if (unclear && asked.back().empty()) asked.back() = "..";
        const std::vector<std::string> origins{"", "https://example.com", "s3://exports"};
        const std::string origin = dice.of(origins);
        const std::string other = dice.one_in(5) ? dice.of(origins) : origin;
        const std::string slash = !asked.empty() && dice.one_in(4) ? "/" : "";
        const std::string text = other + "/" + joined(asked, "/") + slash;
        std::string why;
        const auto matcher = compile_folders({origin + "/" + joined(wanted, "/")}, why);
        ASSERT_TRUE(matcher) << why;
        const bool fits = origin == other && asked.size() >= wanted.size() &&
                          std::equal(wanted.begin(), wanted.end(), asked.begin());
        const auto expected = unclear ? std::nullopt : std::optional{fits};
        EXPECT_EQ((*matcher)(text), expected) << text << " under " << origin << "/" << joined(wanted, "/");
        ++seen[unclear ? 2 : fits ? 1 : 0];
    });
    if (setting("COUNTERSIGN_CASES", 20'000) < 20'000) return;
    for (std::size_t one : seen) EXPECT_GT(one, 0U);
}

}  // namespace
}  // namespace countersign::policy
