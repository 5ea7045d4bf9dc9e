#pragma once
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/world.hpp"

namespace countersign::contract {

using How = app::SettledRow::How;

// One request with one card, whose row is leased to whoever opened it.
template <class Backend>
class Outbox : public testing::Test {
  protected:
    Backend on;
    core::RequestId id{core::RequestId::Bytes{}};
    app::CardState card{.id = core::CardId{core::CardId::Bytes{}}, .target = {}, .created_at = {}};
    std::optional<core::ProcessId> another;

    void SetUp() override {
        auto opened = on.get(on.cases().open(on.fresh(), on.soon())).value();
        id = opened.opened.request->id;
        ASSERT_TRUE(opened.leased);
        ASSERT_EQ(opened.cards.size(), 1U);
        card = opened.cards[0];
        EXPECT_EQ(card, stored());
    }
    app::Appended append(app::Append what, std::optional<app::Lease> lease = {}) {
        if (lease) what.lease = *lease;
        auto answer = on.get(on.cases().append(std::move(what), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return std::move(answer).value();
    }
    app::Appended vote(const std::string& user, std::optional<app::Lease> lease = {}) {
        return append(on.vote(id, user), lease);
    }
    std::vector<app::OutboxRow> claimed(app::Lease lease) {
        return on.get(on.outbox().claim(lease, on.clock.now(), 10, on.soon())).value();
    }
    app::SettleAnswer settled(std::vector<app::SettledRow> rows, app::Lease lease) {
        auto answer = on.get(on.outbox().settle(std::move(rows), lease, on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return answer ? *answer : app::SettleAnswer{};
    }
    // The card as it would be if everything up to `version` were shown and told.
    app::CardState shown(std::int32_t version, const std::string& message = "1.1", bool closed = false) {
        auto state = card;
        state.message = app::MessageRef{"C1", message};
        state.shown_version = state.told_version = version;
        state.closed = closed;
        return state;
    }
    app::SettledRow row(How how, std::int32_t version, app::CardState state, bool doubted = false) {
        return {.request = id, .how = how, .version = version, .cards = {{std::move(state), doubted}}};
    }
    app::SettleAnswer done(std::int32_t version, std::optional<app::Lease> lease = {}) {
        return settled({row(How::done, version, shown(version))}, lease.value_or(on.lease()));
    }
    app::SettleAnswer put_off(core::Duration pause, bool failed, app::CardState state) {
        auto what = row(How::put_off, 1, std::move(state));
        what.again_at = on.clock.now() + pause;
        what.failed = failed;
        return settled({what}, on.lease());
    }
    app::Lease lease_of_another() {
        if (!another) another = on.lease_of_another().holder;
        return {*another, on.lease().until};
    }
    std::vector<app::CardState> cards() { return on.get(on.outbox().cards_of(id, on.soon())).value(); }
    app::CardState stored() { return cards().at(0); }
    void pass(core::Duration time) { on.clock.set(on.clock.now() + time); }
    // Somebody else takes the row over.
    app::OutboxRow taken() {
        pass(31s);
        auto rows = claimed(lease_of_another());
        EXPECT_EQ(rows.size(), 1U);
        return rows.at(0);
    }
};

using OutboxBackends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Outbox, OutboxBackends);

}  // namespace countersign::contract
