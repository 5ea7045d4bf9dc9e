#include "core/folders.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace countersign::core {
namespace {

// What a shell makes of braces: each part of them in turn, nested ones too.
std::vector<std::string> expanded(std::string_view text) {
    std::vector<std::string> all{""};
    std::size_t i = 0;
    auto times = [&](const std::vector<std::string>& parts) {
        std::vector<std::string> longer;
        for (const auto& one : all)
            for (const auto& part : parts) longer.push_back(one + part);
        all = std::move(longer);
    };
    while (i < text.size()) {
        if (text[i] != '{') {
            times({std::string(1, text[i++])});
            continue;
        }
        std::vector<std::string> parts;
        std::size_t depth = 1;
        std::size_t from = ++i;
        for (; depth > 0; ++i) {
            if (text[i] == '{') ++depth;
            if (text[i] == '}') --depth;
            if (depth > 1 || (text[i] != ',' && text[i] != '}')) continue;
            if (text[i] == '}' && depth == 1) continue;
            for (auto& part : expanded(text.substr(from, i - from))) parts.push_back(std::move(part));
            from = i + 1;
        }
        times(parts);
    }
    return all;
}
std::string unfolded(const std::string& folded) {
    std::string list;
    std::size_t depth = 0;
    std::string piece;
    auto flush = [&] {
        for (const auto& one : expanded(piece)) list += (list.empty() ? "" : ":") + one;
        piece.clear();
    };
    for (char c : folded) {
        if (c == '{') ++depth;
        if (c == '}') --depth;
        if (c == ':' && depth == 0)
            flush();
        else
            piece += c;
    }
    flush();
    return list;
}

TEST(Folders, WhatNeighboursHaveInCommonStandsOnce) {
    EXPECT_EQ(folded_folders("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/x"),
              "/usr/{local/{sbin,bin},sbin,bin}:/opt/x");
    EXPECT_EQ(folded_folders("/opt/a/long/name:/opt/a/long/name/bin"), "/opt/a/long/name{,/bin}");
    EXPECT_EQ(folded_folders("/opt/folder/:/opt/folder/x"), "/opt/folder/{,x}");
}

TEST(Folders, WhatCouldBeMisreadIsNotFolded) {
    for (const char* list : {"", "/usr/bin", "/a:/b", "/usr/a b:/usr/c", "/usr/{a,b}:/usr/c",
                             "/usr/a,b:/usr/c", "/usr/bin::/usr/sbin", "usr/bin:usr/sbin", "/usr/bin:.",
                             "/usr/\xC3\xA4:/usr/b", "/usr/bin:/usr/sbin\n"})
        EXPECT_EQ(folded_folders(list), std::nullopt) << list;
    EXPECT_EQ(folded_folders(std::string(folded_bytes_max, '/') + ":/"), std::nullopt);
}

TEST(Folders, NoTwoListsAreWrittenAlike) {
    std::mt19937_64 random{7};
    auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random); };
    const std::vector<std::string> names{"usr", "local", "bin", "sbin", "a", "", "opt", "lib.d"};
    std::map<std::string, std::string> seen;
    std::size_t folded_ones = 0;
    for (int turn = 0; turn < 4'000; ++turn) {
        std::string list;
        for (std::size_t n = 1 + below(6); n > 0; --n) {
            list += list.empty() ? "" : ":";
            for (std::size_t deep = 1 + below(4); deep > 0; --deep) list += "/" + names[below(names.size())];
        }
        auto folded = folded_folders(list);
        if (!folded) continue;
        ++folded_ones;
        ASSERT_LT(folded->size(), list.size());
        ASSERT_EQ(unfolded(*folded), list) << *folded;
        ASSERT_EQ(seen.try_emplace(*folded, list).first->second, list) << *folded;
    }
    EXPECT_GT(folded_ones, 500U);
}

}  // namespace
}  // namespace countersign::core
