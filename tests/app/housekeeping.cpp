#include "countersign/app/housekeeping.hpp"

#include <gmock/gmock.h>

#include "app/office.hpp"

// When expired rows are removed.
namespace countersign::test {
namespace {

struct Shelf final : app::ExpiredRows {
    int batches = 0;  // that are left
    bool broken = false;
    std::vector<core::Instant> removed_at;
    Later<bool> remove(core::Instant now, Deadline) override {
        removed_at.push_back(now);
        if (broken) co_return fail(Trouble::unavailable, "the database cannot be reached");
        if (batches > 0) --batches;
        co_return batches > 0;
    }
};

struct Housekeeping : testing::Test {
    Office office;
    Shelf shelf;
    Process process{office};
    app::Housekeeper housekeeper{process.runtime, shelf};

    ~Housekeeping() override { process.kill(); }
    void begin() {
        process.tasks.start_loop("housekeeping", housekeeper.run());
        office.pass(1s);
    }
};

TEST_F(Housekeeping, BatchesFollowOneAnotherAndThenItRests) {
    shelf.batches = 4;
    begin();
    EXPECT_EQ(shelf.removed_at.size(), 4U);
    office.pass(app::Housekeeper::look_every / 2);
    EXPECT_EQ(shelf.removed_at.size(), 4U);
    office.pass(app::Housekeeper::look_every / 2);
    EXPECT_EQ(shelf.removed_at.size(), 5U);
}

TEST_F(Housekeeping, ADatabaseThatIsAwayIsNotAskedAgainAtOnce) {
    shelf.broken = true;
    begin();
    EXPECT_EQ(shelf.removed_at.size(), 1U);
    shelf.broken = false;
    office.pass(app::Housekeeper::look_every);
    EXPECT_EQ(shelf.removed_at.size(), 2U);
}

}  // namespace
}  // namespace countersign::test
