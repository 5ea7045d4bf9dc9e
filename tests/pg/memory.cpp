#include "pg/memory.hpp"

#include <gtest/gtest.h>

#include "core/world.hpp"

namespace countersign::pg {
namespace {

core::RequestId id_of(int n) {
    core::RequestId::Bytes bytes{};
    bytes.back() = static_cast<std::byte>(n);
    return core::RequestId{bytes};
}

StoredCasePtr known_case(int n, core::State state = core::State::pending, std::size_t entries = 1) {
    core::Request request = core::testing::request_of();
    request.id = id_of(n);
    StoredCase known{{.c = {std::move(request), {}, std::vector<core::Entry>(entries, core::Lapsed{})},
                      .origins = {},
                      .state = state,
                      .words_erased = true},
                     {},
                     {},
                     10};
    return std::make_unique<StoredCase>(std::move(known));
}

TEST(MemoryOfCases, WhatIsTakenIsGoneUntilItIsPutBack) {
    Memory memory{100};
    memory.put(known_case(1));
    auto taken = memory.take(id_of(1));
    ASSERT_TRUE(taken);
    EXPECT_FALSE(memory.take(id_of(1)));
    memory.put(std::move(taken));
    EXPECT_TRUE(memory.take(id_of(1)));
}

TEST(MemoryOfCases, TheLeastRecentlyUsedGoesFirst) {
    Memory memory{50};
    for (int n = 1; n <= 5; ++n) memory.put(known_case(n));
    memory.put(memory.take(id_of(1)));
    memory.put(known_case(6));
    EXPECT_FALSE(memory.take(id_of(2)));
    for (int n : {1, 3, 4, 5, 6}) EXPECT_TRUE(memory.take(id_of(n))) << n;
}

TEST(MemoryOfCases, DecidedOnesGoBeforeThoseThatWait) {
    Memory memory{50};
    for (int n = 1; n <= 5; ++n) memory.put(known_case(n));
    for (int n = 1; n <= 5; ++n) {  // voted on in turn, each beside a new one
        auto taken = memory.take(id_of(n));
        ASSERT_TRUE(taken) << n;
        taken->state = core::State::approved;
        memory.put(std::move(taken));
        memory.put(known_case(n + 5));
        EXPECT_FALSE(memory.take(id_of(n))) << n;
    }
}

TEST(MemoryOfCases, TheLongerOfTwoStaysAndWhatIsOverIsNotKept) {
    Memory memory{100};
    memory.put(known_case(1, core::State::pending, 3));
    memory.put(known_case(1, core::State::pending, 2));
    EXPECT_EQ(memory.take(id_of(1))->c.version(), 3);
    memory.put(known_case(2, core::State::succeeded));
    EXPECT_FALSE(memory.take(id_of(2)));
}

TEST(MemoryOfCases, RulesThatAreAlikeAreKeptOnce) {
    Memory memory{1'000};
    auto with_points = [](int n, std::uint32_t points) {
        auto one = known_case(n);
        one->c.applied.change([&](core::Applied& rules) { rules.risk = points; });
        return one;
    };
    memory.put(with_points(1, 5));
    for (std::uint32_t points = 10; points < 20; ++points) memory.put(with_points(2, points));
    memory.put(with_points(3, 5));
    auto first = memory.take(id_of(1));
    auto alike = memory.take(id_of(3));
    auto other = memory.take(id_of(2));
    EXPECT_EQ(&*first->c.applied, &*alike->c.applied);
    EXPECT_EQ(*first->c.applied->risk, 5U);
    EXPECT_EQ(*other->c.applied->risk, 10U) << "the first to come stays, where both are as long";
}

}  // namespace
}  // namespace countersign::pg
