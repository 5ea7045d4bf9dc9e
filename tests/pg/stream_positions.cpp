#include <gtest/gtest.h>

#include "contract/world.hpp"

// How far events were streamed out, as replicas share it.
namespace countersign::contract {
namespace {

class StreamPositions : public testing::Test {
  protected:
    OnPostgres on;
    core::ProcessId first = core::ProcessId::mint(on.clock.now(), rt::chance(*on.entropy));
    core::ProcessId second = core::ProcessId::mint(on.clock.now(), rt::chance(*on.entropy));

    std::optional<std::int64_t> take(core::ProcessId by, core::Duration after = 0s) {
        auto now = on.clock.now() + after;
        auto taken = on.get(on.database->streams().take("syslog siem:6514", by, now, now + 15s, on.soon()));
        EXPECT_TRUE(taken) << taken.error().detail;
        return taken.value();
    }
    bool keep(core::ProcessId by, std::int64_t next) {
        auto until = on.clock.now() + 15s;
        return on.get(on.database->streams().keep("syslog siem:6514", by, next, until, on.soon())).value();
    }
};

TEST_F(StreamPositions, OneReplicaAtATimeHandsEventsOn) {
    EXPECT_EQ(take(first), 0);
    EXPECT_EQ(take(second), std::nullopt);
    EXPECT_TRUE(keep(first, 41));
    EXPECT_FALSE(keep(second, 99));
    EXPECT_EQ(take(second, 16s), 41) << "the first one died";
    EXPECT_FALSE(keep(first, 50)) << "and lives again";
    EXPECT_EQ(take(first), std::nullopt);
}

TEST_F(StreamPositions, APositionNeverGoesBack) {
    EXPECT_EQ(take(first), 0);
    EXPECT_TRUE(keep(first, 41));
    EXPECT_TRUE(keep(first, 40));
    EXPECT_EQ(take(first), 41);
}

}  // namespace
}  // namespace countersign::contract
