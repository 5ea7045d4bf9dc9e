// Random URLs and paths against a second, naive way of thinking: each is put together from parts that are
// known, where the loader's matchers take a text apart.
#include <gtest/gtest.h>

#include <algorithm>

#include "countersign/core/match.hpp"
#include "policy/reader.hpp"
#include "support/random_cases.hpp"

namespace countersign::policy {
namespace {

using support::Chance;
using support::for_each_case;

std::string with_some_capitals(Chance& chance, std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z' && chance.one_in(4)) c = static_cast<char>(c - 'a' + 'A');
    return text;
}

const std::vector<std::string> labels{"a", "b1", "example", "com", "net", "x-y"};

std::vector<std::string> some_labels(Chance& chance) {
    std::vector<std::string> all;
    for (std::size_t i = 1 + chance.below(4); i > 0; --i) all.push_back(chance.of(labels));
    return all;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : between) + parts[i];
    return text;
}

TEST(Property, HostsAgreeWithTheNaiveWay) {
    std::size_t seen[3] = {};
    for_each_case([&](Chance& chance) {
        const auto wanted = some_labels(chance);
        const bool below = chance.one_in(2);
        auto asked = wanted;
        if (chance.one_in(3)) asked = some_labels(chance);
        if (chance.one_in(2)) asked.insert(asked.begin(), chance.of(labels));
        // Clients differ in what they take for the host once a user stands before it, or a character that
        // URLs do not have there. So the matcher must say that it cannot tell.
        const std::vector<std::string> odd{"u@", "u:p@", "\\", "%61", " "};
        const bool unclear = chance.one_in(6);
        const std::string port = chance.one_in(4) ? ":8443" : "";
        const std::string end = chance.one_in(4) ? "." : "";
        const std::vector<std::string> tails{"", "/", "/x", "?q=/a.example.com", "#b", "/@evil.net"};
        const std::string text = with_some_capitals(chance, "https://") + (unclear ? chance.of(odd) : "") +
                                 with_some_capitals(chance, joined(asked, ".")) + end + port +
                                 chance.of(tails);
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
    if (!support::sees_every_kind()) return;
    for (std::size_t one : seen) EXPECT_GT(one, 0U);
}

TEST(Property, FoldersAgreeWithTheNaiveWay) {
    std::size_t seen[3] = {};
    for_each_case([&](Chance& chance) {
        const std::vector<std::string> names{"a", "b", "ab", "..a", "a.b", "secret"};
        // Steps up or on the spot, as this or that system reads them.
        const std::vector<std::string> unclear_steps{"..", ".",     "",     "%2e%2e", "..;x", ".%2E",
                                                     ";",  "a%2fb", "a\\b", ".. ",    "%2E"};
        auto some_steps = [&](std::size_t most) {
            std::vector<std::string> steps;
            for (std::size_t i = chance.below(most + 1); i > 0; --i) steps.push_back(chance.of(names));
            return steps;
        };
        const auto wanted = some_steps(3);
        auto asked = wanted;
        if (chance.one_in(3)) asked = some_steps(3);
        const auto more = some_steps(2);
        asked.insert(asked.end(), more.begin(), more.end());
        const bool unclear = chance.one_in(4);
        if (unclear)
            asked.insert(asked.begin() + static_cast<std::ptrdiff_t>(chance.below(asked.size() + 1)),
                         chance.of(unclear_steps));
        // A lone empty step at the end is the slash that a folder may have.
        if (unclear && asked.back().empty()) asked.back() = "..";
        const std::vector<std::string> origins{"", "https://example.com", "s3://exports"};
        const std::string origin = chance.of(origins);
        const std::string other = chance.one_in(5) ? chance.of(origins) : origin;
        const std::string slash = !asked.empty() && chance.one_in(4) ? "/" : "";
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
    if (!support::sees_every_kind()) return;
    for (std::size_t one : seen) EXPECT_GT(one, 0U);
}

}  // namespace
}  // namespace countersign::policy
